"""What a scene of the default dataset costs, stage by stage, and whether memory grows.

`python benchmarks/chain.py [--scenes 12] [--config genb]` builds a dataset in a temporary folder,
and prints seconds per scene, each stage's share, and ratios measured within that one run: the whole
chain against its own render stage, and late scenes' peak memory against early ones'.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--config", default="genb")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--timings", type=Path, help="only read the timings.jsonl of a past run")
    args = parser.parse_args()
    if args.timings:
        print(summary(args.timings, args.scenes))
        return
    with tempfile.TemporaryDirectory() as folder:
        luigi = Path(sys.executable).with_name("luigi")
        command = f"{luigi} --module tasks BuildGenB --scenes {args.scenes} --config {args.config}"
        started = time.perf_counter()
        subprocess.run(
            [*command.split(), "--workers", str(args.workers), "--out", f"{folder}/out"], check=True
        )
        wall_s = time.perf_counter() - started
        print(summary(Path(folder) / "out/work/timings.jsonl", args.scenes))
        print(f"wall: {wall_s:.0f} s, {wall_s / args.scenes:.1f} s per scene")


def summary(path: Path, scenes: int) -> str:
    """Table of a run's timing file."""
    seconds, rss = defaultdict(list), defaultdict(list)
    for line in path.read_text().splitlines():
        row = json.loads(line)
        seconds[row["stage"]].append(row["seconds"])
        rss[row["stage"]].append(row["peak_rss_mb"])
    busy = {stage: sum(values) for stage, values in seconds.items()}
    lines = [
        f"{'stage':10s} {'items':>6s} {'s/item':>8s} {'s/scene':>8s} {'share':>6s} {'peak MB':>8s}"
    ]
    for stage, total in sorted(busy.items(), key=lambda item: -item[1]):
        count = len(seconds[stage])
        lines.append(
            f"{stage:10s} {count:6d} {total / count:8.2f} {total / scenes:8.2f} "
            f"{total / sum(busy.values()):6.1%} {max(rss[stage]):8d}"
        )
    if busy.get("render"):
        lines.append(f"chain / render stage: {sum(busy.values()) / busy['render']:.2f}")
        third = max(1, len(rss["render"]) // 3)
        growth = max(rss["render"][-third:]) / max(rss["render"][:third])
        lines.append(f"render memory, last third / first third: {growth:.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
