"""A stream of anyone's, of which no more than so much is read. Standard library only."""

import io
from typing import IO


class Limited(io.RawIOBase):
    """A stream to read and seek in, with a limit on what it may unpack to and on what is read of it at once.

    Readers of archives read as many bytes as a header states before they look at what the header is of.
    """

    def __init__(self, file: IO[bytes] | io.BufferedIOBase, total: int, at_once: int) -> None:
        self._file, self.total, self.at_once = file, total, at_once

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes.

        Raises:
            ValueError: that is too many.
        """
        if size > self.at_once:
            raise ValueError(f"a part of it has {size} bytes; at most {self.at_once} are read")
        content = self._file.read(self.at_once if size < 0 else size)
        if self._file.tell() > self.total:
            raise ValueError(f"it holds more than {self.total} bytes")
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place.

        Raises:
            ValueError: it lies beyond the limit.
        """
        if whence == io.SEEK_SET and offset > self.total:
            raise ValueError(f"it holds more than {self.total} bytes")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
