"""The `genb` command: look at this machine, at a scene, at a finished dataset."""

import argparse
import os
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

    motions = commands.add_parser("motions", help="clips a configuration can cast; draw them")
    _dataset_options(motions, "genb", "out/motions")
    motions.add_argument("--only", default="*", metavar="PATTERN", help="clip ids, e.g. 'walk*'")
    motions.add_argument("--sheet", type=Path, metavar="PNG", help="draw the clips on people")
    motions.set_defaults(run=_motions)

    verify = commands.add_parser("verify", help="re-check a finished dataset from its files")
    verify.add_argument("dir", type=Path)
    verify.set_defaults(run=_verify)

    inspect = commands.add_parser("inspect", help="summary of a dataset, or of one sample")
    inspect.add_argument("dir", type=Path)
    inspect.add_argument("key", nargs="?", help="sample key, e.g. 000042_0000")
    inspect.set_defaults(run=_inspect)

    export = commands.add_parser("export", help="a dataset's labels in another format")
    export.add_argument("dir", type=Path)
    export.add_argument("--format", required=True, help="bedlam, coco, ...: see docs/exports.md")
    export.add_argument("--out", type=Path, help="default: DIR/exports/FORMAT")
    export.add_argument("--split", choices=["train", "val", "test"], help="default: all of it")
    export.add_argument("--bbox-factor", type=float, help="default: the format's own")
    export.add_argument("--assets", type=Path, help="licensed SMPL files (default $GENB_ASSETS)")
    export.set_defaults(run=_export)

    smpl = commands.add_parser("smpl", help="SMPL parameters of a dataset, by a fit to the meshes")
    smpl.add_argument("dir", type=Path)
    smpl.add_argument("--out", type=Path, help="default: DIR/exports/smpl")
    smpl.add_argument("--assets", type=Path, help="licensed SMPL files (default $GENB_ASSETS)")
    smpl.set_defaults(run=_smpl)

    tals = commands.add_parser("tals", help="errors of wrong cameras; TokenHMR's threshold tables")
    tals.add_argument("dir", type=Path)
    tals.add_argument("--out", type=Path, help="default: DIR/exports/tals")
    tals.set_defaults(run=_tals)

    merge = commands.add_parser("merge", help="several datasets as one")
    merge.add_argument("dirs", type=Path, nargs="+", metavar="DIR")
    merge.add_argument("--out", type=Path, required=True)
    merge.set_defaults(run=_merge)

    subset = commands.add_parser("subset", help="the images of a dataset that a query selects")
    subset.add_argument("dir", type=Path)
    subset.add_argument("--where", required=True, help="SQL on the index, e.g. 'occlusion < 0.3'")
    subset.add_argument("--out", type=Path, required=True)
    subset.set_defaults(run=_subset)

    bring = commands.add_parser("bedlam-import", help="scene files from a BEDLAM be_seq.csv")
    bring.add_argument("be_seq", type=Path, metavar="BE_SEQ.csv")
    bring.add_argument("--motions", type=Path, required=True, help="folder of its motion files")
    cameras = bring.add_mutually_exclusive_group()
    cameras.add_argument("--camera-animations", type=Path, help="be_camera_animations.json")
    cameras.add_argument("--camera-csv", type=Path, help="rendered cameras: a csv, or their folder")
    bring.add_argument(
        "--frame-step", type=int, default=1, help="take every N-th frame (default 1)"
    )
    _dataset_options(bring, "genb", "out/bedlam")
    bring.set_defaults(run=_bedlam_import)

    sweep = commands.add_parser("sweep", help="change against drift over noise levels; recommends")
    _sweep_options(sweep)
    sweep.set_defaults(run=_sweep)

    give = commands.add_parser("bedlam-export", help="BEDLAM's files from scene files")
    give.add_argument("files", type=Path, nargs="+", metavar="SCENE.json")
    give.add_argument("--config", default="genb", help="whose people and motions the scenes are of")
    give.add_argument("--out", type=Path, default=Path("out/bedlam_export"))
    give.set_defaults(run=_bedlam_export)

    garment = commands.add_parser("garment", help="your own garment simulations: check their files")
    actions = garment.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("check", help="what is wrong with a garment file, and what helps")
    _garment_options(check)
    check.set_defaults(run=_garment_check)

    report = commands.add_parser("report", help="rebuild the HTML report of a dataset")
    report.add_argument("dir", type=Path)
    report.set_defaults(run=_report)
    return parser


def _garment_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the garment's file")
    parser.add_argument("--motion", default="idle", help="built-in motion, or a motion file")
    parser.add_argument("--body", default="", help="betas, e.g. 0.5,-1.2, or an .npz with `betas`")
    parser.add_argument("--gender", default="", choices=["", "neutral", "male", "female"])
    parser.add_argument("--frames", type=int, help="length of the clip (default: the motion's)")
    parser.add_argument("--fps", type=float, help="frame rate of the clip (default: the motion's)")
    parser.add_argument("--scene", type=Path, metavar="SCENE.json", help="check what is worn there")
    parser.add_argument("--person", type=int, default=0, help="person of the scene (default 0)")
    parser.add_argument("--apply", action="store_true", help="write the corrections to FILE.toml")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw before and after")
    parser.add_argument("--config", default="genb", help="name in render_configs/ or TOML path")
    parser.add_argument("--seed", type=int, default=0, help="of a built-in motion")


def _sweep_options(parser: argparse.ArgumentParser) -> None:
    _dataset_options(parser, "genb", "out/sweep")
    parser.add_argument("--scenes", type=int, default=8, help="scenes to paint (default 8)")
    parser.add_argument("--levels", type=_integers, metavar="N,N", help="default: 8 up to steps")
    parser.add_argument(
        "--strategies",
        type=lambda text: text.split(","),
        metavar="NAME,NAME",
        help="of global, regional, graded, schedule, background (default: all but schedule)",
    )
    parser.add_argument("--repeats", type=int, default=2, help="seeds per picture (default 2)")
    parser.add_argument("--keep", type=float, default=0.9, help="share to be kept (default 0.9)")
    parser.add_argument("--from", type=Path, dest="source", metavar="DIR", help="use its renders")


def _integers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _dataset_options(parser: argparse.ArgumentParser, config: str, out: str) -> None:
    parser.add_argument("--config", default=config, help="name in render_configs/ or TOML path")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(out))


def _plan(args: argparse.Namespace):
    from pipeline.config import load_config
    from pipeline.stages import Plan

    return Plan(load_config(args.config), args.seed, args.out.absolute())


def _one_thread() -> None:
    """Before numpy is loaded: the last bits of its products depend on the number of threads."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"


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


def _motions(args: argparse.Namespace) -> int:
    from pipeline.preflight import build_body
    from pipeline.report.motions import list_clips, write_clip_sheet

    plan = _plan(args)
    if args.sheet is None:
        print(list_clips(plan, args.only))
        return 0
    build_body(plan.config)
    print(write_clip_sheet(plan, args.only, args.sheet))
    return 0


def _verify(args: argparse.Namespace) -> int:
    from pipeline.verify import verify_report

    report = verify_report(args.dir)
    for fault in report.faults:
        print(fault)
    for note in report.notes:
        print(f"note: {note}")
    count = len(report.faults)
    print(f"{args.dir}: {f'{count} fault(s)' if count else 'ok'}")
    return 1 if count else 0


def _inspect(args: argparse.Namespace) -> int:
    from pipeline.inspection import inspect

    print(inspect(args.dir, args.key))
    return 0


def _sweep(args: argparse.Namespace) -> int:
    _one_thread()
    from pipeline.config import load_config
    from pipeline.sweep.grid import make_sweep
    from pipeline.sweep.run import run_sweep

    sweep = make_sweep(
        load_config(args.config),
        args.seed,
        args.out.absolute(),
        args.scenes,
        args.levels,
        args.strategies,
        args.repeats,
        args.keep,
        args.source.absolute() if args.source else None,
    )
    choice, page = run_sweep(sweep)
    name = f", strategy {choice.strategy}" if choice.strategy else ""
    print(f"recommended: level {choice.level}{name}. {choice.reason}\nreport: {page}")
    return 0


def _export(args: argparse.Namespace) -> int:
    from pipeline.exports.formats import ExportOptions, export

    options = ExportOptions(args.split, args.bbox_factor, args.assets)
    for note in export(args.dir, args.format, args.out, options):
        print(note)
    print(f"{args.out or args.dir / 'exports' / args.format}: written")
    return 0


def _smpl(args: argparse.Namespace) -> int:
    _one_thread()
    from pipeline.smpl.command import convert_dataset

    print(convert_dataset(args.dir, args.out or args.dir / "exports" / "smpl", args.assets))
    return 0


def _tals(args: argparse.Namespace) -> int:
    _one_thread()
    from pipeline.tals.command import measure_tals

    print(measure_tals(args.dir, args.out or args.dir / "exports" / "tals"))
    return 0


def _merge(args: argparse.Namespace) -> int:
    from pipeline.shards.merge import merge

    print(merge(args.dirs, args.out))
    return 0


def _subset(args: argparse.Namespace) -> int:
    from pipeline.shards.subset import subset

    print(subset(args.dir, args.out, args.where))
    return 0


def _bedlam_import(args: argparse.Namespace) -> int:
    from pipeline.bedlam.commands import import_files
    from pipeline.config import load_config

    paths, imported = import_files(
        args.be_seq,
        args.motions,
        args.out,
        load_config(args.config),
        args.seed,
        args.camera_animations,
        args.camera_csv,
        args.frame_step,
    )
    for path, spec in zip(paths, imported.scenes, strict=True):
        print(f"{path}: {len(spec.people)} people, {spec.frames} frames")
        for note in spec.notes:
            print(f"  {note}")
    for reason in imported.refused:
        print(f"refused: {reason}", file=sys.stderr)
    print(f"render one: genb scene {paths[0]} --config {args.config} --out out/scene")
    return 1 if imported.refused else 0


def _bedlam_export(args: argparse.Namespace) -> int:
    from pipeline.bedlam.commands import export_files
    from pipeline.config import load_config

    for note in export_files(args.files, args.out, load_config(args.config)):
        print(note)
    print(f"{args.out}: be_seq.csv and motions/ of {len(args.files)} scene(s)")
    return 0


def _garment_check(args: argparse.Namespace) -> int:
    from pipeline.config import load_config
    from pipeline.garments.doctor.command import Wanted, check_file, check_scene
    from pipeline.garments.doctor.wearing import Asked
    from pipeline.stages import Plan

    plan = Plan(load_config(args.config), args.seed, Path())
    wanted = Wanted(args.apply, args.picture)
    if args.scene:
        return check_scene(plan, args.scene, args.person, args.file, wanted)
    if args.file is None:
        raise GenbError("name a garment file, or a scene: genb garment check FILE --motion walk")
    asked = Asked(args.motion, args.body, args.gender, args.frames, args.fps)
    return check_file(plan, args.file, asked, wanted)


def _report(args: argparse.Namespace) -> int:
    from pipeline.report.html import rebuild_report

    print(f"report: {rebuild_report(args.dir)}")
    return 0


if __name__ == "__main__":
    main()
