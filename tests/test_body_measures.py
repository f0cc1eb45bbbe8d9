"""Stature, mass and BMI against solids whose volume is known, and against the table of people."""

import numpy as np
import pytest

from pipeline.body.measures import TISSUE_DENSITY, measure_bodies, volume_m3
from pipeline.body.modelfile import model_path, read_model_file
from pipeline.storage import read_npz

BOX_FACES = np.array(
    [
        *((0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1)),
        *((2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)),
    ]
)


def box(size, centre=(0.0, 0.0, 0.0)):
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
    return corners * size + centre


def sphere(radius, rows=90):
    """Vertices and outward faces of a latitude-longitude sphere about the origin."""
    theta = np.linspace(0, np.pi, rows + 1)[1:-1]
    phi = np.linspace(0, 2 * np.pi, 2 * rows, endpoint=False)
    ring = np.stack([np.cos(phi), 0 * phi, np.sin(phi)], axis=1)
    rings = np.sin(theta)[:, None, None] * ring + np.cos(theta)[:, None, None] * [0, 1, 0]
    points = np.concatenate([rings.reshape(-1, 3), [[0, 1, 0], [0, -1, 0]]]) * radius
    n, top, bottom = 2 * rows, len(points) - 2, len(points) - 1
    k, following = np.arange(n), (np.arange(n) + 1) % n
    faces = [np.stack([np.full(n, top), following, k], axis=1)]
    for row in range(rows - 2):
        a, b = row * n + k, row * n + following
        faces += [np.stack([a, b, b + n], axis=1), np.stack([a, b + n, a + n], axis=1)]
    last = (rows - 2) * n
    faces.append(np.stack([last + k, last + following, np.full(n, bottom)], axis=1))
    return points, np.concatenate(faces)


def test_box():
    bodies = np.stack([box((0.4, 1.8, 0.2)), box((0.4, 1.8, 0.2), (3, -2, 5)), box((1, 1, 1))])
    measured = measure_bodies(bodies, BOX_FACES)
    # Volumes 0.144 and 1 cubic metres exactly; float32 coordinates.
    np.testing.assert_allclose(measured.mass_kg, [145.44, 145.44, 1010.0], rtol=1e-5)
    np.testing.assert_allclose(measured.stature_m, [1.8, 1.8, 1.0], rtol=1e-6)
    np.testing.assert_allclose(measured.bmi[:2], 145.44 / 1.8**2, rtol=1e-5)


def test_sphere():
    points, faces = sphere(0.5)
    # Inscribed: the polyhedron lacks about (pi / rows)^2 / 2 of the ball, 0.06 % at 90 rows.
    assert volume_m3(points[None], faces)[0] == pytest.approx(4 / 3 * np.pi * 0.125, rel=1e-3)
    assert volume_m3(points[None], faces)[0] < 4 / 3 * np.pi * 0.125


def test_open_rims_are_closed_where_they_are():
    points, faces = sphere(0.5)
    opened = faces[points[faces][..., 1].max(axis=1) < 0.4]  # cut the cap off, leaving a hole
    height = 0.5 - points[opened][..., 1].max()
    cap = np.pi * height**2 * (3 * 0.5 - height) / 3
    for shift in (0.0, 7.0):
        volume = volume_m3(points[None] + [0, shift, 0], opened)[0]
        # 0.1 % as above, and float32 at 7 m.
        assert volume == pytest.approx(np.pi / 6 - cap, rel=1e-3)


def test_turning_faces_inside_out_is_noticed():
    assert measure_bodies(box((1, 1, 1)), BOX_FACES[:, ::-1]).mass_kg[0] == pytest.approx(-1010)


def test_the_table_of_people(body_dir):
    """Masses measured on the files' own bodies are those measured when the people were made."""
    file, table = (
        read_model_file(model_path(body_dir, "neutral")),
        read_npz(body_dir / "people.npz"),
    )
    rows = np.arange(0, len(table["betas"]), 61)
    basis = file.shape_basis(300).astype(np.float32).reshape(-1, 300)
    bodies = (table["betas"][rows] @ basis.T).reshape(len(rows), -1, 3) + file.v_template
    measured = measure_bodies(bodies, file.faces[file.face_part == 0])
    # 300 coefficients and float16 directions: some 0.1 mm on 2 square metres of skin.
    np.testing.assert_allclose(measured.mass_kg, table["mass_kg"][rows], atol=0.1)
    np.testing.assert_allclose(measured.stature_m, table["stature_m"][rows], atol=3e-3)


def test_eyes_and_teeth_hardly_weigh(body_dir):
    """A file that cannot name its skin adds eyeballs and teeth: at most 0.25 kg (0.2 litres)."""
    file = read_model_file(model_path(body_dir, "neutral"))
    skin = measure_bodies(file.v_template, file.faces[file.face_part == 0])
    everything = measure_bodies(file.v_template, file.faces)
    difference_kg = everything.mass_kg[0] - skin.mass_kg[0]
    assert 0 < difference_kg < 0.25
    assert everything.stature_m == skin.stature_m
    assert TISSUE_DENSITY == 1010.0
