"""What a training would choke on is known from the first bytes of an image."""

import struct
import zlib

import pytest
from PIL import Image

from harness.contract import image_header
from tests.support.images import encoded, jpeg


def png(width: int, height: int, bits: int = 8, *, animated: bool = False) -> bytes:
    """A PNG that states what it likes, and holds almost nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    control = chunk(b"acTL", struct.pack(">II", 2, 0)) if animated else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0))
    return image_header.PNG + header + control + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_the_size_is_that_of_the_image() -> None:
    for mode in ("RGB", "L"):
        image = Image.new(mode, (21, 34))
        for options in ({"progressive": True}, {"progressive": False, "comment": b"a" * 300}):
            assert image_header.size(encoded(image, "JPEG", **options)) == (21, 34)
        assert image_header.size(encoded(image, "PNG")) == (21, 34)
    assert image_header.size(encoded(Image.new("P", (5, 6)), "PNG")) == (5, 6)
    assert image_header.size(encoded(Image.new("RGBA", (5, 6)), "PNG")) == (5, 6)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"GIF89a", "neither"),
        (encoded(Image.new("CMYK", (4, 4)), "JPEG"), "CMYK"),
        (encoded(Image.new("I;16", (4, 4)), "PNG"), "16 bits"),
        (png(4, 4, animated=True), "animated"),
        (png(60_000, 60_000), "60000 x 60000 pixels"),
        (png(0, 4), "0 x 4"),
        (jpeg(0, 0)[:100], "without a whole header"),
        (png(4, 4)[:20], "without a whole header"),
        (png(4, 4)[:33], "without an image"),
    ],
)
def test_what_is_no_plain_image_is_refused_in_words(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        image_header.size(content)


def test_a_jpeg_that_states_more_pixels_than_memory_holds_is_refused() -> None:
    content = bytearray(jpeg(0, 0))
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
    with pytest.raises(ValueError, match="65000 x 65000"):
        image_header.size(bytes(content))
