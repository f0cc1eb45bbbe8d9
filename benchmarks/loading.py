"""Dataloader throughput against reading the same bytes plainly, on a finished dataset.

`python benchmarks/loading.py DATASET [--rounds 3] [--seconds 5] [--workers 1 2]` goes through all
shards again and again, every way in turn, and prints the median over the rounds: images/s, MB/s of
the members read, the share of the bound of the same members, and this process' own CPU time, which
other programs on the machine do not lengthen (a DataLoader's workers are not in it).

Bounds, which decode nothing: `file` reads the tars in blocks of 1 MB, `tarfile` the members. Ways:
webdataset, undecoded and with `.decode("pil")` as in the README, and the latter in the workers of a
torch DataLoader. All of it three times: every member; what training reads, `rgb.jpg` and `npz`
(`select_files` leaves the others out); and of these only the arrays that a training step takes,
which spares the DataLoader some forty small tensors per image. Files are in the system's cache
after the first round, so disks are not measured, nor is the start of workers: clocks start with
the first image.
"""

import argparse
import os
import statistics
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import webdataset

TRAINING = ("rgb.jpg", "npz")
"""Members that a training of pose and shape reads."""
TAKEN = ("K", "betas", "pose_cam", "transl_cam", "box_modal", "joints_2d", "joints_cam")
"""Arrays of the npz that it takes."""
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Way:
    """start: begins an endless reading that yields the number of images since the last. reads:
    which members, "all" or those of "training". workers: of its DataLoader, 0 without one."""

    start: Callable[[], Iterator[int]]
    reads: str
    workers: int = 0


BOUNDS = {"all": "tarfile, all members", "training": "tarfile, rgb.jpg + npz"}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="per way and round")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    torch.set_num_threads(1)
    tars = [str(path) for path in sorted((args.dataset / "shards").glob("genb-*.tar"))]
    images, size = contents(tars)
    print(
        f"{images} images in {len(tars)} tar(s): {size['all'] / 1e6:.1f} MB, of which rgb.jpg and"
    )
    print(f"npz {size['training'] / 1e6:.1f} MB; {os.cpu_count()} CPUs, torch {torch.__version__}")
    ways = all_ways(tars, images, args.workers)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(args.rounds):
        print(f"load average {os.getloadavg()[0]:.1f}", flush=True)
        for name, way in ways.items():
            found[name].append(measure(way.start(), args.seconds))
    speed = {name: statistics.median(speed for speed, _ in rows) for name, rows in found.items()}
    print(f"{'images/s':>9} {'MB/s':>7} {'of bound':>9} {'CPU ms':>7}  way")
    for name, way in ways.items():
        mb_s = speed[name] * size[way.reads] / images / 1e6
        cpu_ms = statistics.median(cpu for _, cpu in found[name]) * 1000
        cpu = "" if way.workers else f"{cpu_ms:.2f}"
        share = speed[name] / speed[BOUNDS[way.reads]]
        print(f"{speed[name]:9.1f} {mb_s:7.1f} {share:9.0%} {cpu:>7}  {name}")


def contents(tars: list[str]) -> tuple[int, dict[str, int]]:
    """Number of images, and bytes of the members that each kind of reading takes."""
    images, size = 0, {"all": 0, "training": 0}
    for tar in tars:
        with tarfile.open(tar) as archive:
            for info in archive:
                images += info.name.endswith(".rgb.jpg")
                size["all"] += info.size
                size["training"] += info.size if is_training(info.name) else 0
    return images, size


def is_training(name: str) -> bool:
    """Whether training reads a member; name: its name in the tar."""
    return name.partition(".")[2] in TRAINING


def all_ways(tars: list[str], images: int, workers: list[int]) -> dict[str, Way]:
    """Every way by name. images: of all tars."""
    ways = {
        "file, all bytes": Way(lambda: plain_file(tars, images), "all"),
        BOUNDS["all"]: Way(lambda: plain_tar(tars, None), "all"),
        BOUNDS["training"]: Way(lambda: plain_tar(tars, is_training), "training"),
    }
    every = webdataset_of(tars, None)
    some = webdataset_of(tars, is_training)
    for what, reads, undecoded in (("all", "all", every), ("rgb.jpg + npz", "training", some)):
        ways[f"webdataset, undecoded, {what}"] = Way(started(undecoded), reads)
    decoded = {
        "all": ("all", every.decode("pil")),
        "rgb.jpg + npz": ("training", some.decode("pil")),
        "rgb.jpg + 7 arrays": ("training", some.decode("pil").map(taken)),
    }
    for what, (reads, samples) in decoded.items():
        ways[f"webdataset, decoded, {what}"] = Way(started(samples), reads)
        for n in workers:
            ways[f"DataLoader, {n} worker(s), {what}"] = Way(started(samples, n), reads, n)
    return ways


def webdataset_of(tars: list[str], wanted: Callable[[str], bool] | None) -> webdataset.WebDataset:
    """The tars, again and again, all of them in every worker: even a single tar keeps all busy."""
    samples = webdataset.WebDataset(
        tars, shardshuffle=False, select_files=wanted, workersplitter=None
    )
    return samples.repeat()


def taken(sample: dict) -> tuple[np.ndarray, ...]:
    """What a training step takes of a sample."""
    return (np.array(sample["rgb.jpg"]), *(sample["npz"][name] for name in TAKEN))


def started(samples: webdataset.WebDataset, workers: int = 0) -> Callable[[], Iterator[int]]:
    """Starts to count samples, in this process or in the workers of a DataLoader."""

    def start() -> Iterator[int]:
        source = samples
        if workers:
            source = torch.utils.data.DataLoader(samples, batch_size=None, num_workers=workers)
        return (1 for _ in source)

    return start


def plain_file(tars: list[str], images: int) -> Iterator[int]:
    """Read the tars as they are; counts all images at the end of the last."""
    while True:
        for tar in tars:
            with open(tar, "rb", buffering=0) as file:
                while file.read(_BLOCK):
                    pass
        yield images


def plain_tar(tars: list[str], wanted: Callable[[str], bool] | None) -> Iterator[int]:
    """Read members with Python's tarfile, image after image."""
    while True:
        for tar in tars:
            with tarfile.open(tar) as archive:
                for info in archive:
                    if wanted is None or wanted(info.name):
                        archive.extractfile(info).read()
                    # Members of a sample are sorted by name; this one is the last.
                    if info.name.endswith(".rgb.jpg"):
                        yield 1


def measure(counts: Iterator[int], seconds: float) -> tuple[float, float]:
    """Images/s from the first image on, over at least so many seconds, and CPU s per image."""
    next(counts)
    started, cpu, images = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - started < seconds:
        images += next(counts)
    cpu = time.process_time() - cpu
    return images / (time.perf_counter() - started), cpu / images


if __name__ == "__main__":
    main()
