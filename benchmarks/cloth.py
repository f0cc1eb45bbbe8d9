"""How well clothes fit, and what they cost, over motions and body shapes.

`python benchmarks/cloth.py [--motions NAME ...] [--shapes thin heavy tall child average]
[--frames 16] [--processes 2] [--out DIR]` dresses every combination in an outfit of the default
list (in turn) and measures every frame of every garment, read back from its file, against the body:
cloth vertices inside (share and depth) and how far below the ground, garments that were held to the
skin or tried again, subjects given up, CPU seconds of the solver and of all dressing per frame, and
peak memory. At the end it dresses one combination twice with an empty store of simulations, and
prints the ratio.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

MOTIONS = (
    *("walk", "run", "side_step", "dance", "wave", "reach_up", "arms_crossed", "hands_on_hips"),
    *("bow", "pick_up", "squat", "lunge", "kick", "punch", "toe_touch", "jumping_jack", "crouch"),
    *("kneel", "sit_lean_back", "lie_back", "sit_knees_up", "sit_one_knee_up", "sit_and_reach"),
    "crunch",
)
SHAPES = ("thin", "heavy", "tall", "child", "average")
# A vertex this close to the skin is on it: float32 at some metres, and the exact test's rounding.
_ON_SKIN_M = 2e-4


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--motions", nargs="+", default=MOTIONS, help="library families")
    parser.add_argument("--shapes", nargs="+", default=SHAPES, choices=SHAPES)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="keep the dressed subjects and a line per subject")
    parser.add_argument("--share", nargs=2, type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.share:
        dress_share(args)
        return
    with tempfile.TemporaryDirectory() as scratch:
        args.out = args.out or Path(scratch)
        args.out.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, __file__, "--motions", *args.motions]
        command += ["--shapes", *args.shapes, "--frames", str(args.frames), "--out", str(args.out)]
        env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        children = [
            subprocess.Popen([*command, "--share", str(k), str(args.processes)], env=env)
            for k in range(args.processes)
        ]
        if any([child.wait() for child in children]):
            sys.exit("a process of the benchmark failed; see above")
        lines = [json.loads(p.read_text()) for p in sorted(args.out.glob("*/result.json"))]
        print(summary(lines, args.frames))
        print(twice(args.out, args.frames))


def dress_share(args: argparse.Namespace) -> None:
    """Every `n`-th combination, from the `k`-th on; a finished one is not dressed again."""
    k, n = args.share
    motions, shapes = args.motions, args.shapes
    # Every motion once, on changing shapes, before any twice: a part of a run says most.
    combinations = [
        (motion, shapes[(number + turn) % len(shapes)])
        for turn in range(len(shapes))
        for motion in motions
        for number in [_number(motion)]
    ]
    for number in range(k, len(combinations), n):
        motion, shape = combinations[number]
        folder = args.out / f"{motion}_{shape}"
        if not (folder / "result.json").exists():
            line = dress_one(motion, shape, args.frames, folder, 0.0)
            (folder / "result.json").write_text(json.dumps(line))
            print(json.dumps(line), flush=True)


def dress_one(motion: str, shape: str, frames: int, folder: Path, store_gib: float) -> dict:
    """Dress one combination into `folder`, and measure it."""
    from pipeline.body.modelfile import model_path
    from pipeline.body.posing import move_subject
    from pipeline.config import load_config
    from pipeline.errors import SceneRejected
    from pipeline.garments.__main__ import write_dress
    from pipeline.garments.patterns import read_template
    from pipeline.preflight import build_body
    from pipeline.stages import Plan

    config = load_config("genb")
    build_body(config)
    plan = Plan(config, 0, folder)
    folder.mkdir(parents=True, exist_ok=True)
    subject = subject_of(plan, motion, shape, frames)
    moved, judged = move_subject(plan, subject)
    template = read_template(model_path(plan.body_dir, subject.gender))
    line = {
        "subject": f"{motion}_{shape}",
        "outfit": "+".join(garment.kind for garment in subject.outfit),
        "implausible": judged.faults,
    }
    started = time.process_time()
    try:
        made = write_dress(subject, template, moved, config.garments, folder, store_gib)
    except SceneRejected as error:
        return {**line, "rejected": str(error)}
    line["dressing_s"] = round(time.process_time() - started, 2)
    line["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    line["garments"] = measure(folder, moved.clip, template.faces, subject.motion.fps)
    for garment in made:
        line["garments"][garment.spec.kind] |= {
            "simulation_s": round(garment.cpu_s, 2),
            "simulated_frames": garment.frames,
        }
    return line


def _number(motion: str) -> int:
    """What seeds a motion: its place in MOTIONS, then in the library."""
    from pipeline.motion.library import MOTIONS as LIBRARY

    return [*MOTIONS, *(name for name in LIBRARY if name not in MOTIONS)].index(motion)


def subject_of(plan, motion: str, shape: str, frames: int):
    """The subject of a combination: a person of the free body's table, an outfit by turns."""
    from pipeline.garments.outfits import OUTFITS, sample_outfit
    from pipeline.garments.shoe_kinds import SHOES
    from pipeline.scene import MotionSpec, SubjectSpec
    from pipeline.storage import read_npz

    people = read_npz(plan.body_dir / "people.npz")
    age, stature = people["age_years"], people["stature_m"]
    bmi = people["mass_kg"] / stature**2
    child = age < 18
    far = {
        "thin": bmi + 99 * child,
        "heavy": np.abs(bmi - 40) + 99 * child,
        "tall": -stature + 99 * child,
        "child": np.abs(age - 7),
        "average": np.abs(stature - 1.7) + np.abs(bmi - 24) / 10 + 99 * child,
    }
    row = int(far[shape].argmin())
    place = (_number(motion), SHAPES.index(shape))
    names = sorted(OUTFITS)
    name = names[(5 * place[0] + place[1]) % len(names)]
    rng = np.random.default_rng(place)
    return SubjectSpec(
        subject=f"{motion}_{shape}",
        gender="neutral",
        sex="female",
        age_years=float(age[row]),
        ancestry=(0.3, 0.3, 0.4),
        betas=[float(b) for b in people["betas"][row, :16]],
        motion=MotionSpec(name=motion, seed=place[0], frames=frames, fps=25.0),
        outfit=sample_outfit(rng, name, "female", float(age[row])),
        shoes=sorted(SHOES)[sum(place) % len(SHOES)],
    )


def measure(folder: Path, clip: np.ndarray, faces: np.ndarray, fps: float) -> dict[str, dict]:
    """Fit of every written garment, read back through the importer, over all frames."""
    from pipeline.garments.caches import read_cache
    from pipeline.garments.inside import inside
    from pipeline.storage import read_json

    found = {}
    for row in read_json(folder / "dress.json")["garments"]:
        garment = read_cache(folder / row["file"], fps).vertices.astype(float)
        depths = [
            inside(body.astype(float), faces, cloth, _ON_SKIN_M)
            for body, cloth in zip(clip, garment, strict=True)
        ]
        found[row["kind"]] = {
            "inside_pct": round(100 * max(float((d > 0).mean()) for d in depths), 3),
            "deepest_mm": round(1000 * max(float(d.max()) for d in depths), 2),
            "below_mm": round(max(0.0, -1000 * float(garment[..., 2].min())), 2),
            "pinched_pct": round(100 * row.get("pinched_share_max", 0.0), 2),
            "held": row.get("held", False),
            "retried": row.get("retried", False),
            "simulation_s": 0.0,
            "simulated_frames": 0,
            "vertices": row["vertices"],
        }
    return found


def summary(lines: list[dict], frames: int) -> str:
    """The table of a finished run."""
    worn = [line for line in lines if "garments" in line]
    text = [
        f"{len(lines)} subjects: {len(worn)} dressed, {len(lines) - len(worn)} rejected, of these "
        f"{sum(bool(r['implausible']) for r in lines if 'rejected' in r)} implausible poses"
    ]
    text += [f"  rejected {r['subject']}: {r['rejected']}" for r in lines if "rejected" in r]
    text.append(
        f"{'garment':11s} {'n':>3s} {'inside% max':>11s} {'deepest mm':>10s} {'below mm':>8s} "
        f"{'pinched% p95':>12s} {'held':>4s} {'retried':>7s} {'sim s/frame':>11s} {'vertices':>8s}"
    )
    for kind in sorted({kind for line in worn for kind in line["garments"]}):
        rows = [line["garments"][kind] for line in worn if kind in line["garments"]]
        simulated = sum(row["simulated_frames"] for row in rows)
        per_frame = sum(row["simulation_s"] for row in rows) / simulated if simulated else 0.0
        text.append(
            f"{kind:11s} {len(rows):3d} {max(r['inside_pct'] for r in rows):11.3f} "
            f"{max(r['deepest_mm'] for r in rows):10.2f} {max(r['below_mm'] for r in rows):8.2f} "
            f"{np.quantile([r['pinched_pct'] for r in rows], 0.95):12.2f} "
            f"{sum(r['held'] for r in rows):4d} {sum(r['retried'] for r in rows):7d} "
            f"{per_frame:11.2f} {int(np.mean([r['vertices'] for r in rows])):8d}"
        )
    if worn:
        seconds = [line["dressing_s"] for line in worn]
        share = sum(g["simulation_s"] for r in worn for g in r["garments"].values()) / sum(seconds)
        text.append(
            f"dressing: {np.mean(seconds):.1f} CPU s per subject, {np.mean(seconds) / frames:.2f} "
            f"per clip frame, {share:.0%} of it the solver; peak {max(r['peak_mb'] for r in worn)} "
            "MB in a process that dresses one after another"
        )
    return "\n".join(text)


def twice(out: Path, frames: int) -> str:
    """Dress one subject twice with an empty store: the second time must not simulate."""
    with tempfile.TemporaryDirectory() as cache:
        # The free body lies in the cache folder as well; only the store is to be empty.
        from pipeline.garments import simcache

        simcache.store_dir = lambda: Path(cache)
        first, again = (
            dress_one("walk", "average", frames, out / f"twice_{k}", 1.0) for k in range(2)
        )
    simulated = [sum(g["simulation_s"] for g in r["garments"].values()) for r in (first, again)]
    return (
        f"the same subject again: {simulated[0]:.1f} s, then {simulated[1]:.1f} s in the solver; "
        f"dressing {again['dressing_s'] / first['dressing_s']:.2f} of the first time"
    )


if __name__ == "__main__":
    main()
