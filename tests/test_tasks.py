"""The luigi layer: light imports, honest exits, defaults that never override the user's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LUIGI = Path(sys.executable).with_name("luigi")


def run(*arguments: str, cwd: Path, env: dict | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(a) for a in arguments],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_tasks_import_nothing_heavy(tmp_path):
    code = (
        "import sys, tasks; print([m for m in ('bpy', 'torch', 'diffusers') if m in sys.modules])"
    )
    done = run(sys.executable, "-c", code, cwd=tmp_path)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("scenes", ["0", "-1"])
def test_impossible_scene_counts_are_refused(tmp_path, scenes):
    done = run(LUIGI, "--module", "tasks", "BuildGenB", "--scenes", scenes, cwd=tmp_path)
    assert done.returncode != 0
    assert f"--scenes {scenes}: a dataset has at least one scene" in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("[motion]\nsources = [{ include = ['wolk'] }]\n", "Did you mean 'walk'"),
        (
            "[motion]\nsources = [{ include = ['walk'], exclude = ['walk'] }]\n",
            "exclude patterns leave none",
        ),
        ("[motion]\nsources = [{ kind = 'amass', folder = '/no/such' }]\n", "no folder"),
        ("[body]\nage_years = { range = [18, 85], mean = 30 }\n", "mean and std together"),
        ("[body]\nbmi = { range = [90, 95] }\n", "bmi"),
        ("[scene]\nplacement = 'crowd'\n", "the camera must stand first"),
        ("[light]\nhdris = ['cty']\n", "Did you mean 'city'"),
        ("[cast]\nsizes = 3\n", "did you mean 'size'"),
        ("[scene]\npeople = [4, 2]\n", "a range is [low, high]"),
        (
            "[diffusion]\nbackend = 'diffusers'\nmodel = 'no/such/folder'\ndenoise_steps = 5\n",
            "no/such/folder",
        ),
    ],
)
def test_bad_configurations_fail_before_the_first_render(tmp_path, body_dir, config, message):
    path = tmp_path / "mine.toml"
    path.write_text('extends = ["smoke"]\n' + config)
    arguments = ("BuildGenB", "--scenes", "1", "--config", path, "--out", tmp_path / "out")
    done = run(LUIGI, "--module", "tasks", *arguments, cwd=tmp_path)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert not list(tmp_path.glob("out/work/*/*/scene_*"))


def test_unwritable_output_is_explained(tmp_path, body_dir):
    (tmp_path / "file").write_text("")
    arguments = ("--config", "smoke", "--scenes", "1", "--out", tmp_path / "file" / "below")
    done = run(LUIGI, "--module", "tasks", "BuildGenB", *arguments, cwd=tmp_path)
    assert done.returncode != 0
    assert "Choose another folder with --out" in done.stdout + done.stderr


def test_the_users_luigi_configuration_wins(tmp_path):
    (tmp_path / "luigi.cfg").write_text("[core]\nworkers = 7\n[retcode]\ntask_failed = 99\n")
    code = (
        "import tasks; from luigi.configuration import get_config as g; c = g();"
        "print(c.get('core', 'workers'), c.get('retcode', 'task_failed'),"
        " c.get('retcode', 'not_run'), c.get('core', 'local_scheduler'))"
    )
    done = run(sys.executable, "-c", code, cwd=tmp_path)
    assert done.stdout.split() == ["7", "99", "25", "true"], done.stderr


def test_a_named_daemon_is_used(tmp_path):
    (tmp_path / "luigi.cfg").write_text("[core]\nscheduler_host = somewhere\n")
    code = (
        "import tasks; from luigi.configuration import get_config as g;"
        "print(g().has_option('core', 'local_scheduler'))"
    )
    assert run(sys.executable, "-c", code, cwd=tmp_path).stdout.strip() == "False"


def _shards(tmp_path, diffusion: str, scenes: int) -> list:
    """The shard-writing tasks of a dataset of 3 scenes per shard."""
    from tasks.scenes import WriteShard

    path = tmp_path / f"config_{len(list(tmp_path.iterdir()))}.toml"
    path.write_text(
        "[shards]\nscenes_per_shard = 3\n[execution]\nmodel_scenes = 5\n[diffusion]\n" + diffusion
    )
    shared = {"config": str(path), "seed": 0, "out": str(tmp_path / "out"), "scenes": scenes}
    return [
        WriteShard(first=first, last=min(first + 3, scenes) - 1, **shared)
        for first in range(0, scenes, 3)
    ]


def test_a_process_that_loads_a_model_re_renders_several_shards(tmp_path):
    shards = _shards(tmp_path, 'backend = "diffusers"\nmodel = "random-tiny"\n', 14)
    blocks = [(task.requires().first, task.requires().last) for task in shards]
    # model_scenes = 5 is two whole shards of 3.
    assert blocks == [(0, 5), (0, 5), (6, 11), (6, 11), (12, 13)]
    labels = [(task.first, task.last) for task in shards[0].requires().requires()]
    assert labels == [(0, 2), (3, 5)]
    assert [(t.first, t.last) for t in shards[4].requires().requires()] == [(12, 13)]


def test_without_a_model_every_shard_is_re_rendered_by_itself(tmp_path):
    shards = _shards(tmp_path, 'backend = "passthrough"\n', 7)
    blocks = [(task.requires().first, task.requires().last) for task in shards]
    assert blocks == [(0, 2), (3, 5), (6, 6)]
    assert [(t.first, t.last) for t in shards[1].requires().requires()] == [(3, 5)]
