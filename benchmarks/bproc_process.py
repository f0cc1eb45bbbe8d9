"""BlenderProc 2.8.0 in an environment and a process of its own, for `benchmarks/blenderproc.py`."""

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

VERSION = "2.8.0"
NEEDS = ("h5py", "rich", "imageio", "scikit-learn", "scikit-image", "pypng", "gitpython")


def install(env: Path) -> tuple[Path, Path]:
    """BlenderProc in its own folder, what it needs in a venv that also sees our packages."""
    python, packages = env / "venv/bin/python", env / "blenderproc"
    if (env / "ready").exists():
        return python, packages
    print(f"installing BlenderProc {VERSION} into {env}", flush=True)
    venv.create(env / "venv", with_pip=True, clear=True)
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    ours = sysconfig.get_path("purelib")
    (Path(site.strip()) / "ours.pth").write_text(f"{ours}\n")
    alone = ["--no-deps", "--target", str(packages), f"blenderproc=={VERSION}"]
    for what in (NEEDS, alone):
        done = subprocess.run([python, "-m", "pip", "install", "-q", "--upgrade-strategy",
                               "only-if-needed", *what], check=False)  # fmt: skip
        if done.returncode:
            sys.exit(f"pip could not install {' '.join(what)}: a package index must be in reach")
    (env / "ready").touch()
    return python, packages


class BlenderProc:
    """The process that renders with BlenderProc; one for all scenes."""

    def __init__(self, python: Path, packages: Path, folder: Path) -> None:
        worker = Path(__file__).with_name("bproc_worker.py")
        self._log = folder / "log"
        self._process = subprocess.Popen(
            [python, worker, packages, folder / "temporary"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log.open("w"),
            text=True,
        )
        self._answer()

    def render(self, blend: Path, out: Path, second_render: bool) -> dict[str, float]:
        order = {"blend": str(blend), "out": str(out), "second_render": second_render}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, float]:
        for line in self._process.stdout:
            if line.startswith("ANSWER "):
                return json.loads(line[len("ANSWER ") :])
        sys.exit(f"BlenderProc failed:\n{self._log.read_text()[-3000:]}")

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
