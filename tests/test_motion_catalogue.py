"""Listing clips: patterns, order, refusals, suggestions, and the remembered inspections."""

import json
import os

import numpy as np
import pytest

from pipeline.config import MotionSection, MotionSource
from pipeline.errors import GenbError
from pipeline.motion import catalogue as module
from pipeline.motion import inspections
from pipeline.motion.catalogue import catalogue, fingerprint
from pipeline.motion.library import MOTIONS


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GENB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENB_ASSETS", raising=False)
    module._catalogue.cache_clear()


def amass(path, frames=10, fps=60.0, poses=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    poses = np.zeros((frames, 165), np.float32) if poses is None else poses
    np.savez(path, poses=poses, trans=np.zeros((frames, 3)), mocap_frame_rate=fps)


@pytest.fixture
def folder(tmp_path):
    """Two subjects, three good files, and one that is no motion."""
    base = tmp_path / "mocap"
    amass(base / "CMU" / "01" / "walk.npz", 61)
    amass(base / "CMU" / "01" / "run.npz", 31)
    amass(base / "KIT" / "3" / "walk.npz", 121, 120.0)
    np.savez(base / "KIT" / "3" / "shape.npz", betas=np.zeros(16))
    amass(base / ".hidden" / "no.npz")
    (base / "notes.txt").write_text("not a motion")
    return base


def section(*sources):
    return MotionSection(sources=[MotionSource(**source) for source in sources])


def files(folder, **changes):
    return {"kind": "amass", "folder": str(folder)} | changes


def fresh(*sources):
    module._catalogue.cache_clear()
    return catalogue(section(*sources))


def test_the_library_lists_its_families():
    everything = fresh({"kind": "library"})
    assert [clip.id for clip in everything.clips] == list(MOTIONS)
    assert sum(clip.weight for clip in everything.clips) == pytest.approx(1)
    some = fresh({"include": ["walk*", "idle"], "exclude": ["walk_b*"], "weight": 3.0})
    expected = [n for n in MOTIONS if n == "idle" or n[:4] == "walk" and n[:6] != "walk_b"]
    assert [clip.id for clip in some.clips] == expected
    first = some.clips[0]
    assert (first.kind, first.path, first.frames, first.seconds) == ("library", None, None, None)
    assert first.action == MOTIONS[first.id].action and not some.refused
    assert sum(clip.weight for clip in some.clips) == pytest.approx(3)


def test_a_folder_lists_its_files_in_order(folder):
    got = fresh(files(folder, weight=2.0))
    assert [clip.id for clip in got.clips] == ["CMU/01/run", "CMU/01/walk", "KIT/3/walk"]
    walk = got.clips[2]
    assert (walk.kind, walk.frames, walk.fps, walk.seconds) == ("amass", 121, 120.0, 1.0)
    assert walk.path == str(folder / "KIT" / "3" / "walk.npz") and walk.weight == 2 / 3
    assert [row.id for row in got.refused] == ["KIT/3/shape"]
    assert "missing trans" in got.refused[0].reason and "shape.npz" in got.refused[0].reason


def test_white_and_black_lists(folder):
    got = fresh(files(folder, include=["*/walk"], exclude=["KIT/*"]))
    assert [clip.id for clip in got.clips] == ["CMU/01/walk"] and not got.refused


def test_several_sources_and_equal_names(folder):
    got = fresh({"include": ["idle"]}, files(folder, exclude=["*shape"]), files(folder))
    assert [(clip.id, clip.source) for clip in got.clips] == [
        ("idle", 0), ("CMU/01/run", 1), ("CMU/01/walk", 1), ("KIT/3/walk", 1),
    ]  # fmt: skip
    again = [row for row in got.refused if "same name" in row.reason]
    assert len(again) == 3 and "motion.sources[1]" in again[0].reason


def test_auto_takes_every_format_and_names_files_of_one_name(folder):
    (folder / "CMU" / "01" / "run.bvh").write_text("nothing")
    np.savez(
        folder / "p.npz", global_orient=np.zeros((3, 3)), body_pose=np.zeros((3, 63)),
        transl=np.zeros((3, 3)),
    )  # fmt: skip
    got = fresh(files(folder, kind="auto", up="z"))
    assert {clip.id: clip.kind for clip in got.clips}["p"] == "smplx"
    assert {clip.up for clip in got.clips} == {"z"}
    assert any(row.path.endswith("run.bvh") and "HIERARCHY" in row.reason for row in got.refused)
    amass(folder / "p" / "q.npz")
    amass(folder / "p" / "q.NPZ.npz")  # another name
    amass(folder / "p" / "r.npz")
    os.replace(folder / "p" / "r.npz", folder / "p" / "q.NPZ")
    got = fresh(files(folder))
    assert any("the same name" in row.reason for row in got.refused)


def test_relative_folders_and_links(folder, tmp_path, monkeypatch):
    with pytest.raises(GenbError, match="GENB_ASSETS, which is not set"):
        fresh(files("mocap"))
    monkeypatch.setenv("GENB_ASSETS", str(tmp_path))
    assert len(fresh(files("mocap")).clips) == 3
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "there").symlink_to(folder)
    (folder / "loop").symlink_to(folder)
    assert [clip.id for clip in fresh(files("linked")).clips][0] == "there/CMU/01/run"
    assert len(fresh(files("mocap")).clips) == 3


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"include": ["wlak"]}, r"include pattern 'wlak' matches none of \d+ clips. Did .* 'walk'"),
        ({"exclude": ["zzz*"]}, r"exclude pattern 'zzz\*' matches none"),
        ({"include": ["walk"], "exclude": ["walk*"]}, "leave none of"),
        (files("FOLDER", include=["CMU/01/wakl"]), "Did you mean 'CMU/01/walk'"),
        (files("FOLDER/KIt"), "no folder .*KIt. Did you mean .*KIT"),
        (files("FOLDER", kind="bvh"), "no .bvh files below"),
        (files("FOLDER", include=["*shape"]), "no usable clip: 1 files were refused.*missing"),
    ],
)
def test_mistakes_are_errors_with_a_suggestion(folder, source, message):
    if "folder" in source:
        source = source | {"folder": source["folder"].replace("FOLDER", str(folder))}
    with pytest.raises(GenbError, match=message) as caught:
        fresh(source)
    assert "motion.sources[0]" in str(caught.value)


def test_the_list_is_made_once_per_process(folder):
    source = files(folder)
    assert catalogue(section(source)) is catalogue(section(source))


# --- remembered inspections ------------------------------------------------------------------
@pytest.fixture
def opened(monkeypatch):
    """Names of the files that are really opened."""
    names = []

    def inspect(path, kind):
        names.append(path.name)
        return original(path, kind)

    original = inspections.inspect
    monkeypatch.setattr(inspections, "inspect", inspect)
    return names


def test_unchanged_files_are_not_opened_again(folder, opened, tmp_path):
    first = fresh(files(folder))
    assert len(opened) == 4
    assert fresh(files(folder)) == first and len(opened) == 4
    amass(folder / "CMU" / "01" / "run.npz", 45)  # another size
    changed = fresh(files(folder))
    assert opened[4:] == ["run.npz"] and changed.clips[0].frames == 45
    stat = (folder / "KIT" / "3" / "walk.npz").stat()
    os.utime(folder / "KIT" / "3" / "walk.npz", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert fresh(files(folder)) == changed and opened[5:] == ["walk.npz"]
    assert not list((tmp_path / "cache").glob("*.partial"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "[1, 2]",
        lambda text: "\x00\xff",
        lambda text: text.replace('"version"', '"edition"'),
        lambda text: text.replace('"size"', '"bytes"'),
        lambda text: text.replace('"betas"', '"alphas"'),
        lambda text: json.dumps({"version": 1, "files": {"a": 3}}),
        lambda text: json.dumps({"version": 0, "files": json.loads(text)["files"]}),
    ],
)
def test_a_damaged_memory_is_begun_anew(folder, opened, tmp_path, damage):
    first = fresh(files(folder))
    memory = tmp_path / "cache" / "motions.json"
    good = memory.read_text()
    assert damage(good) != good
    memory.write_text(damage(good))
    assert fresh(files(folder)) == first and len(opened) == 8
    assert json.loads(memory.read_text()) == json.loads(good)


def test_fingerprint_follows_content_not_place_or_time(folder, tmp_path):
    def mark(where, **changes):
        module._catalogue.cache_clear()
        return fingerprint(section(files(where, **changes)))

    before = mark(folder)
    os.utime(folder / "KIT" / "3" / "walk.npz", (1, 1))
    assert mark(folder) == before
    folder.rename(tmp_path / "elsewhere")
    moved = tmp_path / "elsewhere"
    assert mark(moved) == before
    assert mark(moved, exclude=["KIT/3/walk"]) != before
    assert mark(moved, up="y") != before
    amass(moved / "CMU" / "01" / "run.npz", 32)
    assert mark(moved) != before
