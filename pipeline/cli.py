"""The `genb` command: look at this machine, at a scene, at a finished dataset."""

import argparse
import sys
from pathlib import Path

from pipeline.errors import GenbError


def main(argv: list[str] | None = None) -> None:
    """Entry point. Exit codes: 0 fine, 1 faults found, 2 the user has to put something right."""
    args = _parser().parse_args(argv)
    try:
        sys.exit(args.run(args))
    except GenbError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="genb", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    doctor = commands.add_parser("doctor", help="what this machine has and lacks")
    doctor.set_defaults(run=_doctor)

    sample = commands.add_parser("sample", help="one scene of a configuration, as a contact sheet")
    _dataset_options(sample, "sample", "out/sample")
    sample.add_argument("--scene", type=int, default=0, help="scene number (default 0)")
    sample.set_defaults(run=_sample)

    scene = commands.add_parser("scene", help="render and label a scene file you have edited")
    scene.add_argument("file", type=Path)
    _dataset_options(scene, "genb", "out/scene")
    scene.set_defaults(run=_scene)

    verify = commands.add_parser("verify", help="re-check a finished dataset from its files")
    verify.add_argument("dir", type=Path)
    verify.set_defaults(run=_verify)

    inspect = commands.add_parser("inspect", help="summary of a dataset, or of one sample")
    inspect.add_argument("dir", type=Path)
    inspect.add_argument("key", nargs="?", help="sample key, e.g. 000042_0000")
    inspect.set_defaults(run=_inspect)

    report = commands.add_parser("report", help="rebuild the HTML report of a dataset")
    report.add_argument("dir", type=Path)
    report.set_defaults(run=_report)
    return parser


def _dataset_options(parser: argparse.ArgumentParser, config: str, out: str) -> None:
    parser.add_argument("--config", default=config, help="name in render_configs/ or TOML path")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(out))


def _plan(args: argparse.Namespace):
    from pipeline.config import load_config
    from pipeline.stages import Plan

    return Plan(load_config(args.config), args.seed, args.out.absolute())


def _doctor(args: argparse.Namespace) -> int:
    from pipeline.doctor import report_machine

    text, healthy = report_machine()
    print(text)
    return 0 if healthy else 1


def _sample(args: argparse.Namespace) -> int:
    from pipeline.single import run_sampled_scene

    print(f"contact sheet: {run_sampled_scene(_plan(args), args.scene)}")
    return 0


def _scene(args: argparse.Namespace) -> int:
    from pipeline.single import run_scene_file

    print(f"contact sheet: {run_scene_file(_plan(args), args.file)}")
    return 0


def _verify(args: argparse.Namespace) -> int:
    from pipeline.verify import verify

    faults = verify(args.dir)
    for fault in faults:
        print(fault)
    print(f"{args.dir}: {'ok' if not faults else f'{len(faults)} fault(s)'}")
    return 1 if faults else 0


def _inspect(args: argparse.Namespace) -> int:
    from pipeline.inspection import inspect

    print(inspect(args.dir, args.key))
    return 0


def _report(args: argparse.Namespace) -> int:
    from pipeline.report.html import rebuild_report

    print(f"report: {rebuild_report(args.dir)}")
    return 0


if __name__ == "__main__":
    main()
