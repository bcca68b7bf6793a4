"""What our copies of a run ask of matplotlib, for tests of other things: its import and a curve take a core a second.

A picture that is saved is an empty one.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

rcParams: dict[str, Any] = {}


class Drawn:
    """A figure, and whatever is asked of one."""

    def savefig(self, target: BinaryIO, *, format: str, **_: Any) -> None:
        target.write(b'<svg xmlns="http://www.w3.org/2000/svg"/>\n' if format == "svg" else b"\x89PNG\r\n\x1a\n")

    def __call__(self, *_: Any, **__: Any) -> "Drawn":
        return self

    def __getattr__(self, name: str) -> "Drawn":
        return self

    def __getitem__(self, index: Any) -> "Drawn":
        return self

    def __iter__(self) -> Iterator["Drawn"]:
        return iter(())
