"""Damage to a tar and to its members' bytes: `genb verify` names tar and member.

Where nothing else is said, all checksums are repaired, so that they are not what finds it.
"""

import io
import re
import tarfile

import pytest
from damaged_shards import (
    TAR,
    published,
    read_members,
    repack,
    repair,
    restored,
    rewrite,
    write_members,
)
from made_scenes import made_dataset

from pipeline.verify import verify

KEY = "000000_0000"
MEMBERS = (
    *("cg.png", "depth.npy", "flow.npy", "geometry.npz", "json", "mask.png", "normal.npy", "npz"),
    *("part.png", "rgb.jpg"),
)


@pytest.fixture(scope="module")
def sound(body_dir, tmp_path_factory):
    made = made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")
    return published(made.plan.out, tmp_path_factory.mktemp("files") / "dataset")


@pytest.fixture
def dataset(sound):
    with restored(sound):
        yield sound


def found(faults: list[str], fault: str) -> bool:
    return any(re.search(fault, one) for one in faults)


def flip_bit(out, member: str) -> None:
    """Turn over one bit in the middle of a member, where it lies in the tar."""
    tar = out / "shards" / TAR
    with tarfile.open(tar) as archive:
        info = archive.getmember(f"{KEY}.{member}")
    data = bytearray(tar.read_bytes())
    data[info.offset_data + info.size // 2] ^= 1
    tar.write_bytes(data)


@pytest.mark.parametrize("member", MEMBERS)
def test_flipped_bit_is_found_by_the_checksum_of_the_tar(dataset, member):
    flip_bit(dataset, member)
    assert found(verify(dataset), f"^{TAR}: its SHA-256 is not the one in dataset.json")


@pytest.mark.parametrize("member", MEMBERS)
def test_flipped_bit_is_found_in_its_member(dataset, member):
    """As above, but somebody has made a new checksum of the tar."""
    flip_bit(dataset, member)
    repair(dataset)
    faults = verify(dataset)
    # In the JSON it is the run lengths of a mask that lie there.
    fault = "rle_modal is not the mask" if member == "json" else re.escape(member)
    assert found(faults, rf"^{TAR}: {KEY}: .*{fault}"), faults


def test_all_members_of_the_sample_were_flipped(sound):
    assert sorted(f"{KEY}.{m}" for m in MEMBERS) == [n for n in read_members(sound) if KEY in n]


def test_truncated_tar(dataset):
    tar = dataset / "shards" / TAR
    tar.write_bytes(tar.read_bytes()[:700_000])
    repair(dataset)
    faults = verify(dataset)
    assert found(faults, rf"^{TAR}: 000000_\d+\.\S+ is cut short$")
    assert found(faults, rf"^{TAR}: its samples are not those")


def test_tar_without_its_end(dataset):
    tar = dataset / "shards" / TAR
    data = tar.read_bytes()
    tar.write_bytes(data[: len(data.rstrip(b"\0")) // 512 * 512 + 512])
    repair(dataset)
    assert found(verify(dataset), rf"^{TAR}: ends at byte \d+ without the end of an archive")


def test_something_after_the_end_of_a_tar(dataset):
    tar = dataset / "shards" / TAR
    tar.write_bytes(tar.read_bytes() + b"more")
    repair(dataset)
    assert verify(dataset) == [
        f"{TAR}: has {_after(dataset)} bytes after its last member, expected "
        f"{_after(dataset) - 4} zeros"
    ]


def _after(out) -> int:
    """Bytes from the end of the last member on."""
    tar = out / "shards" / TAR
    with tarfile.open(tar) as archive:
        last = archive.getmembers()[-1]
    return tar.stat().st_size - last.offset_data - -(-last.size // 512) * 512


def test_damaged_header(dataset):
    tar = dataset / "shards" / TAR
    with tarfile.open(tar) as archive:
        offset = archive.getmember(f"{KEY}.npz").offset
    data = bytearray(tar.read_bytes())
    data[offset + 130] ^= 1
    tar.write_bytes(data)
    repair(dataset)
    assert found(verify(dataset), rf"^{TAR}: byte {offset} is not the header of a member")


def test_member_that_occurs_twice(dataset):
    members = list(read_members(dataset).items())
    twice = [m for m in members for _ in range(1 + (m[0] == f"{KEY}.mask.png"))]
    write_members(dataset, twice)
    repair(dataset)
    assert found(verify(dataset), rf"^{TAR}: {KEY}\.mask\.png occurs twice$")


def test_member_out_of_order(dataset):
    first, *members = list(read_members(dataset).items())
    write_members(dataset, [*members, first])
    repair(dataset)
    faults = verify(dataset)
    assert found(faults, rf"^{TAR}: {KEY}\.cg\.png is out of order, after 000000_0001\.rgb\.jpg$")
    assert found(faults, rf"^{TAR}: {KEY}: holds .*expected .*'cg\.png'")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda info: setattr(info, "type", tarfile.SYMTYPE), "is not a plain file"),
        (lambda info: setattr(info, "name", f"/etc/{info.name}"), "is not the name of a sample's"),
        (lambda info: setattr(info, "name", f"../{info.name}"), "is not the name of a sample's"),
        (lambda info: setattr(info, "mtime", 1_700_000_000), "tells mtime"),
        (lambda info: setattr(info, "uname", "somebody"), "tells uname"),
    ],
)
def test_odd_member(dataset, change, fault):
    """A link or a path would be followed, or not, depending on the reader."""
    members = read_members(dataset)
    with tarfile.open(dataset / "shards" / TAR, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if name == f"{KEY}.rgb.jpg":
                change(info)
            archive.addfile(info, io.BytesIO(data))
    repair(dataset)
    assert found(verify(dataset), rf"^{TAR}: .*{KEY}\.rgb\.jpg.* {fault}")


def test_other_kind_of_tar(dataset):
    members = read_members(dataset)
    with tarfile.open(dataset / "shards" / TAR, "w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    repair(dataset)
    assert found(verify(dataset), rf"^{TAR}: {KEY}\.json has no USTAR header$")


def test_member_missing(dataset):
    repack(dataset, lambda members: members.pop("normal.npy"))
    assert found(verify(dataset), rf"^{TAR}: {KEY}: holds .*expected .*'normal\.npy'")


def test_member_too_many(dataset):
    repack(dataset, lambda members: members.update({"txt": b"a note"}))
    assert found(verify(dataset), rf"^{TAR}: {KEY}: holds .*'txt'")


def test_checksums_of_members_missing(dataset):
    repack(dataset, rewrite(lambda facts: facts.pop("members") and None), keep_told=True)
    faults = verify(dataset)
    assert found(faults, rf"^{TAR}: {KEY}: its JSON is not built like .*lacks members\.cg_png: str")


def test_sample_renamed(dataset):
    members = read_members(dataset)
    renamed = [(name.replace("000000_0001", "000000_0007"), data) for name, data in members.items()]
    write_members(dataset, renamed)
    repair(dataset)
    faults = verify(dataset)
    assert found(faults, rf"^{TAR}: 000000_0007: its JSON says it is 000000_0001")
    assert found(faults, rf"^{TAR}: its samples are not those listed in dataset\.json$")


def test_sample_missing(dataset):
    repack(dataset, dict.clear, "000000_0001")
    faults = verify(dataset)
    assert found(faults, rf"^{TAR}: 000000_0001: missing$")
    assert found(faults, r"index\.parquet: .* 000000_0001 person 2 is not in the shards$")


def test_two_keys_of_one_name_in_a_json(dataset):
    def double(members):
        members["json"] = members["json"].replace(b'{"appearance":0,', b'{"appearance":0,' * 2, 1)
        members["json"] = members["json"].replace(b'0,{"appearance', b'0,"appearance', 1)

    repack(dataset, double, keep_told=True)
    assert found(verify(dataset), rf"^{TAR}: {KEY}: json cannot be read \(.*a key occurs twice")
