"""The scene table: kept byte by byte, and refused by line number with the reason."""

import pytest
from bedlam_files import HEADER, V1, V2

from pipeline.bedlam.be_seq import number_text, parse_be_seq, read_be_seq, split_body
from pipeline.errors import GenbError

GROUP = "1,Group,None,0,0,170,0,0,0,sequence_name=seq_000000;frames=5;camera_hfov=52"
BODY = "2,Body,anna_0001,0,0,0,90,0,0,start_frame=0"


@pytest.mark.parametrize("text", [V1, V2, V1.replace("\n", "\r\n"), V2.removesuffix("\n")])
def test_the_same_bytes_come_back(tmp_path, text):
    path = tmp_path / "be_seq.csv"
    path.write_bytes(text.encode())
    assert read_be_seq(path).text.encode() == path.read_bytes()


def test_what_the_rows_say():
    first, second = parse_be_seq(V1).sequences
    assert (first.name, first.frames, len(first.bodies)) == ("seq_000000", 5, 2)
    assert second.group.pose.roll == 88.75 and second.group.pose.x == -200
    assert second.comments == first.comments and first.comments[0].tokens["z_offset"] == "12.5"
    assert first.bodies[1].tokens["hair"] == "vine_01"
    assert split_body("rp_aaron_posed_002_1000") == ("rp_aaron_posed_002", "1000")


def test_tokens_change_in_place_or_at_the_end():
    group = parse_be_seq(V1).rows[1]
    assert ";frames=9;" in group.with_token("frames", "9").comment
    assert group.with_token("time", "12.0").comment == group.comment + ";time=12.0"
    assert group.with_token("frames", "5") == group


def test_numbers_are_written_short_and_exact():
    texts = (number_text(0.1 + 0.2), number_text(-0.0), number_text(170))
    assert texts == ("0.30000000000000004", "0.0", "170.0")


@pytest.mark.parametrize(
    "lines,line,reason",
    [
        (["Index,Type"], 1, "header"),
        ([], 1, "no Group row"),
        ([GROUP.rpartition(",")[0], BODY], 2, "missing: Comment"),
        ([GROUP.replace(";", ",", 1), BODY], 2, "must not contain commas"),
        ([GROUP.replace("170", "high"), BODY], 2, "Z 'high' is not a number"),
        ([GROUP.replace("170", "nan"), BODY], 2, "Z 'nan' is not a number"),
        ([GROUP.replace("170", " 170"), BODY], 2, "Z ' 170' is not a number"),
        ([BODY], 2, "a Body row before any Group"),
        ([GROUP, BODY.replace("2,", "1,", 1)], 3, "Index 1 does not increase"),
        ([GROUP, BODY.replace("2,", "-2,", 1)], 3, "Index '-2'"),
        ([GROUP.replace("Group", "Camera"), BODY], 2, "unknown Type 'Camera'"),
        ([GROUP], 2, "seq_000000 has no Body rows"),
        ([GROUP, BODY, GROUP.replace("1,", "3,", 1)], 4, "has no Body rows"),
        ([GROUP.replace("frames=5", "frames=0"), BODY], 2, "frames=0 must be a whole number"),
        ([GROUP.replace("frames=5", "frames=5.5"), BODY], 2, "frames=5.5 must be a whole number"),
        ([GROUP.replace("frames=5;", ""), BODY], 2, "lacks frames="),
        ([GROUP.replace("sequence_name=seq_000000;", ""), BODY], 2, "begin with sequence_name="),
        ([GROUP, BODY.replace("start_frame=0", "start_frame=-1")], 3, "start_frame=-1"),
        ([GROUP, BODY.replace("start_frame=0", "hair=x;start_frame=0")], 3, "begin with start_f"),
        ([GROUP, BODY.replace("start_frame=0", "start_frame=0;bare")], 3, "'bare' in the comment"),
        ([GROUP, BODY.replace("anna_0001", "anna")], 3, "is not '<subject>_<motion>'"),
        ([GROUP, BODY.replace("anna_0001", "../anna_0001")], 3, "is not '<subject>_<motion>'"),
        ([GROUP, "", BODY], 3, "1 columns of 10"),
    ],
)
def test_malformed_rows_are_refused_by_line(lines, line, reason):
    whole = lines if lines and lines[0].startswith("Index") else [HEADER, *lines]
    with pytest.raises(GenbError) as caught:
        parse_be_seq("\n".join([*whole, ""]))
    assert reason in str(caught.value)
    assert f"line {line}" in str(caught.value) or reason == "no Group row"


def test_two_sequences_of_one_name_are_refused():
    second = [GROUP.replace("1,", "3,", 1), BODY.replace("2,", "4,", 1)]
    with pytest.raises(GenbError, match="line 4: a second sequence named seq_000000"):
        parse_be_seq("\n".join([HEADER, GROUP, BODY, *second]))


def test_missing_and_binary_files_are_named(tmp_path):
    with pytest.raises(GenbError, match=r"none\.csv"):
        read_be_seq(tmp_path / "none.csv")
    (tmp_path / "odd.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GenbError, match="not a text file"):
        read_be_seq(tmp_path / "odd.csv")
