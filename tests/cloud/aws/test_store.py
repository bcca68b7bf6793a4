import io
import tarfile

import pytest

from harness.cloud.aws.store import unpack
from harness.contract.errors import RunFailed

TYPES = {kind: getattr(tarfile, f"{kind}TYPE") for kind in ("DIR", "SYM", "LNK", "CHR", "FIFO")}


def archive(path, *members):
    """A .tar.gz of (name, content or kind)."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = TYPES[content], "/etc/passwd"
                tar.addfile(info)
    return path


def test_plain_files_and_folders_are_unpacked(tmp_path):
    unpack(archive(tmp_path / "a", ("./", "DIR"), ("./record.json", b"{}"), ("in/it", b"x")), tmp_path / "to")
    assert (tmp_path / "to" / "record.json").read_bytes() == b"{}"
    assert (tmp_path / "to" / "in" / "it").read_bytes() == b"x"


@pytest.mark.parametrize(
    "member",
    [
        ("../out", b"x"),
        ("in/../../out", b"x"),
        ("/tmp/out-of-an-archive", b"x"),
        ("link", "SYM"),
        ("link", "LNK"),
        ("device", "CHR"),
        ("pipe", "FIFO"),
    ],
)
def test_nothing_is_written_outside_and_nothing_but_files(tmp_path, member):
    with pytest.raises(RunFailed, match="which no run leaves"):
        unpack(archive(tmp_path / "a", member), tmp_path / "to")
    assert {path.name for path in tmp_path.rglob("*")} <= {"a", "to"}


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: b"no archive"])
def test_a_damaged_archive_is_said_to_be_one(tmp_path, damage):
    path = archive(tmp_path / "a", ("model.keras", bytes(range(256)) * 400))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunFailed, match="is damaged"):
        unpack(path, tmp_path / "to")


def test_one_flipped_byte_is_found(tmp_path):
    path = archive(tmp_path / "a", ("model.keras", bytes(range(256)) * 400))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(RunFailed):
        unpack(path, tmp_path / "to")
