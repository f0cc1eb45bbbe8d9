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
    tmp_path, tmp_path_factory, capsys, default_config
):
    from posed_cast import PosedCast

    from pipeline.compose.scene import write_scene

    cast = PosedCast(default_config, 0, tmp_path_factory.mktemp("cast"))
    write_scene(cast.compose(0), tmp_path / "scene.json")
    (tmp_path / "dataset.json").write_text(json.dumps({}))
    code, text = run(capsys, "scene", tmp_path / "scene.json", "--out", tmp_path)
    assert code == 2 and "--out DIR" in text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dataset.json", "scene.json"]


def test_doctor_lists_what_is_there_and_the_next_step(capsys):
    code, text = run(capsys, "doctor")
    assert "free body model" in text and "HDRI courtyard" in text
    assert (code == 0) == ("MISS" not in text)


def test_motions_are_listed_and_drawn(tmp_path, capsys, body_dir):
    code, text = run(capsys, "motions", "--config", "smoke")
    assert code == 0 and "walking" in text and "2 clip(s), 0 refused" in text
    sheet = tmp_path / "sheet.png"
    code, text = run(capsys, "motions", "--config", "smoke", "--only", "wal*", "--sheet", sheet)
    assert code == 0 and "walk: float" in text and "wave" not in text
    from PIL import Image

    assert Image.open(sheet).size[0] > 1000
    code, text = run(capsys, "motions", "--only", "fly*")
    assert code == 2 and "no clip matches 'fly*'" in text
