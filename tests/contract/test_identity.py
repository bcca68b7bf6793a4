"""Whether a folder holds the very files of a data set."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.contract import identity
from harness.contract.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"b": "one", "a/c": "two", "empty": ""}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_hash_is_dvcs_whatever_order_the_files_come_in(folder: Path) -> None:
    found = identity.identify(folder, "mine")
    listing = [
        {"md5": hashlib.md5(text.encode()).hexdigest(), "relpath": path}
        for path, text in (("a/c", "two"), ("b", "one"), ("empty", ""))
    ]
    assert found.hash == hashlib.md5(json.dumps(listing).encode()).hexdigest() + ".dir"
    assert identity.directory_hash(found.files[::-1]) == found.hash
    assert (found.size, [file.size for file in found.files]) == (6, [3, 3, 0])


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("b", None, "b is missing"),
        ("more.txt", "x", "more.txt is not part of mine"),
        ("b", "four", "b has 4 bytes instead of 3"),
        ("b", "six", "b is altered: md5 "),
        ("empty", "x", "empty has 1 bytes instead of 0"),
    ],
)
def test_the_first_file_that_differs_is_named(folder: Path, path: str, text: str | None, complaint: str) -> None:
    expected = identity.identify(folder, "mine")
    identity.verify(folder, expected)
    if text is None:
        (folder / path).unlink()
    else:
        (folder / path).write_text(text)
    with pytest.raises(DataError) as error:
        identity.verify(folder, expected, "mend it")
    assert str(error.value).startswith(complaint) and str(error.value).endswith("; type: mend it")


def test_a_size_that_is_not_known_is_not_compared_and_the_md5_is(folder: Path) -> None:
    expected = identity.identify(folder, "mine")
    unknown = replace(expected, files=tuple(replace(file, size=-1) for file in expected.files))
    identity.verify(folder, unknown)
    (folder / "b").write_text("other")
    with pytest.raises(DataError, match="b is altered"):
        identity.verify(folder, unknown)
