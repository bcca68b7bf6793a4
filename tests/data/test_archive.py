"""Of an archive nothing but plain files of the names that are wanted is unpacked."""

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.contract.errors import DataError
from harness.data import published_archive

WANTED = ["set/a", "set/b"]


def packed(path: Path, *members: tuple[str, bytes | str]) -> Path:
    """A tar archive of files, or of links, folders and devices by their kind."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = getattr(tarfile, f"{content}TYPE"), "/etc/passwd"
                tar.addfile(info)
    return path


def test_the_wanted_files_come_out_and_no_others(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.tar", ("./set/a", b"one"), ("../up", b"x"), ("/abs", b"x"), ("set/more", b"x"))
    (folder := tmp_path / "in").mkdir()
    published_archive.unpack(path, folder, WANTED)
    assert [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()] == ["set/a"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in", "x.tar"]


@pytest.mark.parametrize("kind", ["SYM", "LNK", "DIR", "CHR", "FIFO"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    (folder := tmp_path / "in").mkdir()
    path = packed(tmp_path / "x.tar", ("set/b", b"two"), ("set/a", kind))
    with pytest.raises(DataError, match="set/a is not a file of the size that is expected"):
        published_archive.unpack(path, folder, WANTED)
    assert not [file for file in folder.rglob("*") if file.is_symlink() or file.name == "a"]


@hypothesis_settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 10_000), st.integers(1, 255), st.booleans())
def test_a_damaged_archive_is_one_error_and_leaves_wanted_files_alone(
    tmp_path: Path, place: int, flipped: int, cut: bool
) -> None:
    whole = packed(tmp_path / "x.tar", ("set/a", b"one" * 99), ("set/b", b"two")).read_bytes()
    at = place % len(whole)
    (tmp_path / "x.tar").write_bytes(whole[:at] + (b"" if cut else bytes([whole[at] ^ flipped]) + whole[at + 1 :]))
    (folder := tmp_path / "in").mkdir(exist_ok=True)
    try:
        published_archive.unpack(tmp_path / "x.tar", folder, WANTED)
    except DataError as error:
        assert "\n" not in str(error)
    assert {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} <= set(WANTED)
