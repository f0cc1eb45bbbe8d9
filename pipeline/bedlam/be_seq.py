"""BEDLAM's scene table `be_seq.csv`: rows in, rows out, with their text kept.

A file is a header, `Comment` rows (how it was made), and per sequence one `Group` row (the camera
and what the sequence is like) followed by its `Body` rows. Numbers stay the text they were, so that
an unchanged file is written back byte by byte. What the numbers mean is the business of `stage`.
"""

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.bedlam.unreal import UnrealPose
from pipeline.errors import GenbError

HEADER = "Index,Type,Body,X,Y,Z,Yaw,Pitch,Roll,Comment"
_COLUMNS = HEADER.split(",")
_FIRST_TOKEN = {"Group": "sequence_name", "Body": "start_frame"}
_TYPES = ("Comment", "Group", "Body")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]*(_[A-Za-z0-9.\-]+)+")
_SEQUENCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]*")


@dataclass(frozen=True)
class Row:
    """One line. numbers: the texts of X, Y, Z (cm), Yaw, Pitch, Roll (degrees)."""

    index: int
    kind: str
    body: str
    numbers: tuple[str, ...]
    comment: str

    @property
    def pose(self) -> UnrealPose:
        """The six numbers."""
        return UnrealPose(*(float(text) for text in self.numbers))

    @property
    def tokens(self) -> dict[str, str]:
        """The comment's key=value pairs; of a key given twice the last counts, as in BEDLAM."""
        pairs = (token.partition("=") for token in self.comment.split(";"))
        return {key: value for key, _, value in pairs}

    @property
    def text(self) -> str:
        """The line without its end."""
        return ",".join((str(self.index), self.kind, self.body, *self.numbers, self.comment))

    def with_token(self, key: str, value: str) -> "Row":
        """The row with one value of its comment changed, or added at the end."""
        tokens = self.comment.split(";")
        places = [k for k, token in enumerate(tokens) if token.partition("=")[0] == key]
        for k in places or [len(tokens)]:
            tokens[k : k + 1] = [f"{key}={value}"]
        return replace(self, comment=";".join(tokens))


@dataclass(frozen=True)
class Sequence:
    """A Group with its bodies, and the Comment rows that stand above it."""

    comments: tuple[Row, ...]
    group: Row
    bodies: tuple[Row, ...]

    @property
    def name(self) -> str:
        return self.group.tokens["sequence_name"]

    @property
    def frames(self) -> int:
        return int(self.group.tokens["frames"])


@dataclass(frozen=True)
class SequenceTable:
    """A whole file: rows in order, and how its lines end."""

    rows: tuple[Row, ...]
    newline: str = "\n"
    ends_with_newline: bool = True

    @property
    def text(self) -> str:
        """The file's content."""
        body = self.newline.join([HEADER, *(row.text for row in self.rows)])
        return body + (self.newline if self.ends_with_newline else "")

    @property
    def sequences(self) -> tuple[Sequence, ...]:
        """The Groups in order; a Comment block counts for all Groups below it until the next."""
        found: list[Sequence] = []
        comments: tuple[Row, ...] = ()
        above = ""
        for row in self.rows:
            if row.kind == "Comment":
                comments = (*comments, row) if above == "Comment" else (row,)
            elif row.kind == "Group":
                found.append(Sequence(comments, row, ()))
            else:
                found[-1] = replace(found[-1], bodies=(*found[-1].bodies, row))
            above = row.kind
        return tuple(found)


def read_be_seq(path: Path) -> SequenceTable:
    """The table in a file; raises GenbError with the line and the reason."""
    try:
        text = Path(path).read_bytes().decode()
    except OSError as error:
        raise GenbError(f"cannot read {path}: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise GenbError(f"{path} is not a text file ({error.reason}).") from error
    return parse_be_seq(text, str(path))


def parse_be_seq(text: str, where: str = "be_seq.csv") -> SequenceTable:
    """The table of a text; raises GenbError with the line and the reason."""
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(newline)
    ends_with_newline = lines[-1] == ""
    if ends_with_newline:
        lines.pop()
    if not lines or lines[0] != HEADER:
        raise GenbError(f"{where}, line 1: the header must be '{HEADER}'.")
    rows: list[Row] = []
    for number, line in enumerate(lines[1:], start=2):
        row = parse_row(line, f"{where}, line {number}")
        _check_order(row, rows, f"{where}, line {number}")
        rows.append(row)
    table = SequenceTable(tuple(rows), newline, ends_with_newline)
    _check_sequences(table, where)
    return table


def parse_row(line: str, where: str) -> Row:
    """One line; raises GenbError, beginning with `where`, when it is not a row."""
    cells = line.split(",")
    if len(cells) < len(_COLUMNS):
        missing = ", ".join(_COLUMNS[len(cells) :])
        raise GenbError(f"{where}: {len(cells)} columns of {len(_COLUMNS)}; missing: {missing}.")
    if len(cells) > len(_COLUMNS):
        raise GenbError(
            f"{where}: {len(cells)} columns instead of {len(_COLUMNS)}. A comment must not contain "
            "commas; separate its key=value pairs by semicolons."
        )
    index, kind, body, *numbers, comment = cells
    if not re.fullmatch(r"\d+", index):
        raise GenbError(f"{where}: Index {index!r} is not a number from 0 on.")
    if kind not in _TYPES:
        raise GenbError(f"{where}: unknown Type {kind!r}. Known: {', '.join(_TYPES)}.")
    for name, text in zip(_COLUMNS[3:9], numbers, strict=True):
        if not _is_number(text):
            raise GenbError(f"{where}: {name} {text!r} is not a number.")
    row = Row(int(index), kind, body, tuple(numbers), comment)
    if kind != "Comment":
        _check_tokens(row, where)
    return row


def split_body(name: str) -> tuple[str, str]:
    """Subject and motion of a Body name `<subject>_<motion>`."""
    subject, _, motion = name.rpartition("_")
    return subject, motion


def number_text(value: float) -> str:
    """Shortest decimal that is this number; zero has no sign."""
    return repr(float(value) + 0.0)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and text == text.strip() and "_" not in text
    except ValueError:
        return False


def _check_tokens(row: Row, where: str) -> None:
    for token in row.comment.split(";"):
        if "=" not in token:
            raise GenbError(f"{where}: {token!r} in the comment is not key=value.")
    first = _FIRST_TOKEN[row.kind]
    if not row.comment.startswith(f"{first}="):
        raise GenbError(f"{where}: the comment of a {row.kind} row must begin with {first}=.")
    if row.kind == "Group":
        if not _SEQUENCE_NAME.fullmatch(row.tokens["sequence_name"]):
            raise GenbError(f"{where}: sequence_name {row.tokens['sequence_name']!r} is no name.")
        _check_count(row, "frames", 1, where)
    else:
        if not _NAME.fullmatch(row.body):
            raise GenbError(f"{where}: Body {row.body!r} is not '<subject>_<motion>'.")
        _check_count(row, "start_frame", 0, where)


def _check_count(row: Row, key: str, lowest: int, where: str) -> None:
    text = row.tokens.get(key)
    if text is None:
        raise GenbError(f"{where}: the comment of the {row.kind} row lacks {key}=.")
    if not re.fullmatch(r"-?\d+", text) or int(text) < lowest:
        raise GenbError(f"{where}: {key}={text} must be a whole number of at least {lowest}.")


def _check_order(row: Row, above: list[Row], where: str) -> None:
    if above and row.index <= above[-1].index:
        raise GenbError(f"{where}: Index {row.index} does not increase (above: {above[-1].index}).")
    inside_sequence = above and above[-1].kind != "Comment"
    if row.kind == "Body" and not inside_sequence:
        raise GenbError(f"{where}: a Body row before any Group row.")


def _check_sequences(table: SequenceTable, where: str) -> None:
    lines = [line for line, row in enumerate(table.rows, start=2) if row.kind == "Group"]
    if not lines:
        raise GenbError(f"{where}: no Group row, so there is no sequence in it.")
    seen: set[str] = set()
    for line, sequence in zip(lines, table.sequences, strict=True):
        if not sequence.bodies:
            raise GenbError(f"{where}, line {line}: sequence {sequence.name} has no Body rows.")
        if sequence.name in seen:
            raise GenbError(f"{where}, line {line}: a second sequence named {sequence.name}.")
        seen.add(sequence.name)
