"""The files that a patch changes, and what it holds of each: as lines without their signs, or as bytes."""

import base64
import re
import zlib

from harness.provenance import scan
from harness.provenance.command import words

BINARY = b"\nGIT binary patch\n"
LARGEST = 2**26  # bytes that one binary part may unpack to
BLOCK = re.compile(rb"(?m)^(?:literal|delta) \d+\n((?:[A-Za-z][^\n]*\n)+)")
PATH = re.compile(rb'diff --git .* (?:"b/((?:[^"\\]|\\.)*)"|b/([^\n]*))\n')


def split(patch: bytes) -> list[bytes]:
    """A patch's parts, each beginning with `diff --git`; what stands before the first is one too."""
    return [part for part in re.split(rb"(?m)^(?=diff --git )", patch) if part]


def lines(part: bytes) -> bytes:
    """The lines of a part without their signs: added, removed and around them."""
    return b"\n".join(row[1:] if row[:1] in (b"+", b"-", b" ") else row for row in part.split(b"\n"))


def findings(patch: bytes) -> dict[str, list[str]]:
    """The kinds of secrets in a patch of anybody's, by file."""
    found = {}
    for part in split(patch):
        match = PATH.match(part)
        path = words(match[1] or match[2]) if match else "its beginning"
        head, binary, rest = part.partition(BINARY)
        contents = [head, *_unpacked(rest)] if binary else [lines(part)]
        if kinds := sorted({kind for each in contents for kind in scan.findings(each, path)}):
            found[path] = kinds
    return found


def _unpacked(blocks: bytes) -> list[bytes]:
    """What the blocks of a binary part hold: whole contents, or what differs; damaged ones hold nothing."""
    contents = []
    for block in BLOCK.findall(blocks):
        try:
            packed = b"".join(_decoded(row) for row in block.splitlines())
            contents.append(zlib.decompressobj().decompress(packed, LARGEST))
        except (ValueError, zlib.error):
            continue
    return contents


def _decoded(row: bytes) -> bytes:
    """A row of base 85, whose first letter says how many bytes it holds."""
    length = row[0] - (64 if row[:1].isupper() else 70)
    return base64.b85decode(row[1:])[:length]
