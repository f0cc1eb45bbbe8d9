"""The `genb` command: exit codes, plain errors, nothing finished is touched."""

import json

import pytest

from pipeline.cli import main


def run(capsys, *arguments) -> tuple[int, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return caught.value.code, captured.out + captured.err


def test_missing_datasets_are_named(tmp_path, capsys):
    code, text = run(capsys, "verify", tmp_path)
    assert code == 1 and "not a finished dataset" in text
    for command in ("inspect", "report"):
        code, text = run(capsys, command, tmp_path)
        assert code == 2 and "holds no finished dataset" in text


def test_missing_and_broken_scene_files_are_named(tmp_path, capsys):
    code, text = run(capsys, "scene", tmp_path / "none.json")
    assert code == 2 and "does not exist" in text
    (tmp_path / "cut.json").write_text('{"scene": 1')
    code, text = run(capsys, "scene", tmp_path / "cut.json")
    assert code == 2 and "not valid JSON" in text
    (tmp_path / "odd.json").write_text('{"scene": 1, "camera": {}}')
    code, text = run(capsys, "scene", tmp_path / "odd.json")
    assert code == 2 and "camera.eye_m" in text


def test_an_edited_scene_never_overwrites_a_finished_dataset(
    tmp_path, capsys, default_config, population
):
    from functools import partial

    from pipeline.compose.casting import sample_subject
    from pipeline.compose.scene import compose_scene, write_scene

    member = partial(sample_subject, default_config, population, 0)
    write_scene(compose_scene(default_config, population, 0, 0, member), tmp_path / "scene.json")
    (tmp_path / "dataset.json").write_text(json.dumps({}))
    code, text = run(capsys, "scene", tmp_path / "scene.json", "--out", tmp_path)
    assert code == 2 and "--out DIR" in text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dataset.json", "scene.json"]


def test_doctor_lists_what_is_there_and_the_next_step(capsys):
    code, text = run(capsys, "doctor")
    assert "free body model" in text and "HDRI courtyard" in text
    assert (code == 0) == ("MISS" not in text)
