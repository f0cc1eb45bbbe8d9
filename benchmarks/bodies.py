"""How fast bodies are evaluated, against a plain smplx loop and against what the processor can do.

`python benchmarks/bodies.py [--frames 128] [--rounds 7] [--threads 1 2]` evaluates the free body
and prints vertices per second, per thread count (each in a process of its own), of

  loop    smplx, one frame per call
  smplx   smplx as the chain calls it (`body.evaluator = "smplx"`), in batches
  numpy   our evaluator (`body.evaluator = "numpy"`), in batches
  limit   the bare matrix products of that work (pose correctives and blended transforms), by the
          faster of numpy's and torch's sgemm, and writing the vertices once

Rounds are interleaved, so a busy moment hits all alike; figures are medians over rounds. Ratios
within one run can be compared between machines, absolute figures cannot.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time

import numpy as np

from pipeline.assets import body_dir
from pipeline.body.lbs import CHUNK
from pipeline.body.model import EVALUATORS, BodyModel, load_body_model
from pipeline.body.modelfile import PARENTS, POSE_BASIS_DIM, model_path
from pipeline.config import load_config
from pipeline.preflight import build_body

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_EXPRESSIONS, _BETAS = 10, 16


def main() -> None:
    """Measure in one process per thread count, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.frames % EVALUATORS["numpy"].batch:
        parser.error(f"--frames must be a multiple of {EVALUATORS['numpy'].batch}: whole batches")
    if args.measure:
        print(json.dumps(measure(args.measure, args.frames, args.rounds)))
        return
    build_body(load_config("genb"))
    print(_machine())
    for threads in args.threads:
        environment = os.environ | dict.fromkeys(_THREAD_VARIABLES, str(threads))
        command = [sys.executable, __file__, "--measure", str(threads)]
        command += ["--frames", str(args.frames), "--rounds", str(args.rounds)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"measuring on {threads} thread(s) failed:\n{done.stderr}")
        _print_table(threads, json.loads(done.stdout.splitlines()[-1]))


def measure(threads: int, frames: int, rounds: int) -> dict:
    """Median seconds per contender for `frames` frames, and what they amount to."""
    import torch

    torch.set_num_threads(threads)
    folder = body_dir(load_config("genb"))
    models = {
        name: load_body_model(folder, num_betas=_BETAS, evaluator=name) for name in EVALUATORS
    }
    rng = np.random.default_rng(0)
    betas = rng.normal(0, 1, _BETAS).astype(np.float32)
    pose = rng.normal(0, 0.3, (frames, 165)).astype(np.float32)
    transl = rng.normal(0, 1, (frames, 3)).astype(np.float32)
    vertex_count = len(models["numpy"].v_template)
    contenders = {
        "loop": _plain_loop(folder, betas, pose, transl),
        **{name: _whole_clip(model, betas, pose, transl) for name, model in models.items()},
        "limit (numpy)": _bare_products(np, vertex_count, frames),
        "limit (torch)": _bare_products(torch, vertex_count, frames),
    }
    seconds = {name: [] for name in contenders}
    for _ in range(rounds + 1):  # the first round warms up
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: float(np.median(times[1:])) for name, times in seconds.items()}
    medians["limit"] = min(medians["limit (numpy)"], medians["limit (torch)"])
    products = 2 * vertex_count * (3 * (POSE_BASIS_DIM + _EXPRESSIONS) + 12 * len(PARENTS))
    return {
        "seconds": medians,
        "vertices": vertex_count * frames,
        "frames": frames,
        "gflop": products * frames / 1e9,
    }


def _plain_loop(folder, betas, pose, transl):
    """What a user of smplx writes first: a call per frame."""
    import smplx
    import torch

    model = smplx.create(
        str(model_path(folder, "neutral")),
        model_type="smplx",
        ext="npz",
        use_pca=False,
        flat_hand_mean=True,
        num_betas=_BETAS,
        num_expression_coeffs=_EXPRESSIONS,
    )
    shape, poses, places = (torch.tensor(a) for a in (betas[None], pose, transl))

    def run() -> None:
        with torch.no_grad():
            for k in range(len(poses)):
                model(
                    betas=shape,
                    global_orient=poses[k : k + 1, 0:3],
                    body_pose=poses[k : k + 1, 3:66],
                    jaw_pose=poses[k : k + 1, 66:69],
                    leye_pose=poses[k : k + 1, 69:72],
                    reye_pose=poses[k : k + 1, 72:75],
                    left_hand_pose=poses[k : k + 1, 75:120],
                    right_hand_pose=poses[k : k + 1, 120:165],
                    transl=places[k : k + 1],
                )

    return run


def _whole_clip(model: BodyModel, betas, pose, transl):
    return lambda: model.evaluate(betas, pose, transl)


def _bare_products(library, vertex_count: int, frames: int):
    """The products of `lbs.NumpyEvaluator`, batch by batch into the same memory, and the output."""
    batch = EVALUATORS["numpy"].batch
    rng = np.random.default_rng(1)

    def array(*shape: int):
        made = rng.normal(size=shape).astype(np.float32)
        return made if library is np else library.from_numpy(made)

    basis = array(3 * vertex_count, POSE_BASIS_DIM + _EXPRESSIONS)
    features = array(POSE_BASIS_DIM + _EXPRESSIONS, batch)
    surface = array(3 * vertex_count, batch)
    weights, transforms = array(vertex_count, len(PARENTS)), array(len(PARENTS), 12 * batch)
    blended = array(CHUNK, 12 * batch)
    vertices = np.empty((batch, vertex_count, 3), np.float32)
    source = rng.normal(size=vertices.shape).astype(np.float32)

    def run() -> None:
        for _ in range(frames // batch):
            library.matmul(basis, features, out=surface)
            for start in range(0, vertex_count, CHUNK):
                chosen = weights[start : start + CHUNK]
                library.matmul(chosen, transforms, out=blended[: len(chosen)])
            np.copyto(vertices, source)

    return run


def _print_table(threads: int, result: dict) -> None:
    seconds = result["seconds"]
    print(f"\n{threads} thread(s), {result['frames']} frames")
    print(f"{'':8}{'vertices/s':>12}{'frames/s':>10}{'x loop':>8}{'x smplx':>9}{'of limit':>10}")
    for name in ("loop", "smplx", "numpy", "limit"):
        taken = seconds[name]
        print(
            f"{name:8}{result['vertices'] / taken:12.3g}{result['frames'] / taken:10.0f}"
            f"{seconds['loop'] / taken:8.2f}{seconds['smplx'] / taken:9.2f}"
            f"{seconds['limit'] / taken:10.0%}"
        )
    products = ", ".join(
        f"{name} {result['gflop'] / seconds[f'limit ({name})']:.0f}" for name in ("numpy", "torch")
    )
    print(f"the limit's products run at (GFlop/s): {products}")


def _machine() -> str:
    import torch

    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            model = next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{model}, {os.cpu_count()} cores, load {load}; Python {platform.python_version()}, "
        f"numpy {np.__version__}, torch {torch.__version__}"
    )


if __name__ == "__main__":
    main()
