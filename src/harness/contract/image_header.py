"""What the header of a JPEG or PNG file says, before anything of it is decoded. Standard library only."""

import struct

MOST_PIXELS = 2**26  # of one image: decoded in three bytes each, 200 MB
PNG = b"\x89PNG\r\n\x1a\n"
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2  # the frames that every decoder knows
OTHER_FRAMES = {*range(0xC3, 0xD0)} - {0xC4, 0xC8, 0xCC}  # lossless, arithmetic, hierarchical
ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length


def size(content: bytes) -> tuple[int, int]:
    """Width and height in pixels of an image with one frame of 8 bits in grey or colour.

    Raises:
        ValueError: says in a few words why it is no such image.
    """
    if not content:
        raise ValueError("is empty")
    if content.startswith(PNG):
        width, height = _png(content)
    elif content.startswith(b"\xff\xd8"):
        width, height = _jpeg(content)
    else:
        raise ValueError("is neither a JPEG nor a PNG image")
    if not width or not height:
        raise ValueError(f"states a size of {width} x {height} pixels")
    if width * height > MOST_PIXELS:
        raise ValueError(f"states {width} x {height} pixels; at most {MOST_PIXELS} are decoded")
    return width, height


def _jpeg(content: bytes) -> tuple[int, int]:
    at = 2
    while at + 4 <= len(content):
        if content[at] != 0xFF:
            break
        marker = content[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in ALONE:
            at += 2
            continue
        if marker in (BASELINE, EXTENDED, PROGRESSIVE):
            if at + 10 > len(content):
                break
            bits, height, width, components = struct.unpack_from(">BHHB", content, at + 4)
            if bits != 8:
                raise ValueError(f"has {bits} bits a channel; 8 are read")
            if components == 4:
                raise ValueError("is in CMYK; convert it to RGB")
            if components not in (1, 3):
                raise ValueError(f"has {components} channels; 1 or 3 are read")
            return width, height
        if marker in OTHER_FRAMES:
            raise ValueError("is a JPEG of a kind that few decoders know (lossless, arithmetic or hierarchical)")
        if marker in (0xD9, 0xDA):  # the image begins, or all ends, without a frame
            break
        at += 2 + struct.unpack_from(">H", content, at + 2)[0]
    raise ValueError("is a JPEG without a whole header")


def _png(content: bytes) -> tuple[int, int]:
    if len(content) < 33 or content[12:16] != b"IHDR":
        raise ValueError("is a PNG without a whole header")
    width, height, bits = struct.unpack_from(">IIB", content, 16)
    if bits > 8:
        raise ValueError(f"has {bits} bits a channel; 8 are read")
    at = 33
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if kind == b"acTL":
            raise ValueError("is animated; take one frame of it")
        if kind == b"IDAT":
            return int(width), int(height)
        at += 12 + length
    raise ValueError("is a PNG without an image")
