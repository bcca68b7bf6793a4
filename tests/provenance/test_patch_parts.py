"""The parts of anybody's patch, and what is found in them."""

import pytest

from harness.provenance import patch_parts
from tests.support.planted import of, planted


@pytest.mark.parametrize("change", ["literal", "delta"])
def test_a_binary_part_is_looked_into(clone, change):
    line, secret = planted("Stripe live")
    before = bytes(range(256)) * 40 if change == "delta" else b"\0"
    clone.write("src/a.bin", before)
    clone.write("src/b.bin", before)
    clone.commit()
    clone.write("src/a.bin", before + line.encode() + b"\0")
    clone.write("src/b.bin", before + b"harmless\0")
    patch = clone.git("diff", "--binary")
    assert f"\n{change} ".encode() in patch and secret.encode() not in patch
    assert patch_parts.findings(patch) == {"src/a.bin": ["Stripe key"]}


@pytest.mark.parametrize("damage", ["letters", "cut", "bomb"])
def test_a_damaged_binary_part_is_no_traceback(clone, damage, monkeypatch):
    monkeypatch.setattr(patch_parts, "LARGEST", 1000)
    clone.write("src/a.bin", b"\0" * 10**6 + of("damaged", 500).encode())
    clone.git("add", "-A")
    patch = clone.git("diff", "--cached", "--binary")
    at = patch.index(b"literal")
    if damage == "letters":
        patch = patch[:at] + patch[at:].replace(b"z", b" ")
    elif damage == "cut":
        patch = patch[: at + 60] + b"\n"
    assert patch_parts.findings(patch) == {}


def test_names_in_quotes_renames_and_what_stands_before_the_first_part():
    line, _ = planted("GitLab")
    parts = [
        line,
        'diff --git "a/\\303\\251" "b/\\303\\251"',
        f"+{line}",
        "diff --git a/x b/y",
        "rename to y",
        f"-{line}",
    ]
    assert {*patch_parts.findings("\n".join([*parts, ""]).encode())} == {"its beginning", "\\303\\251", "y"}
