"""What Comet prints and logs in a child: without secrets, and heard."""

import logging
from typing import Any

from harness.provenance.credentials import redact


class Redacted:
    """A stream without secrets: Comet prints a key that it finds invalid."""

    secret: str | None = None

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def clean(self, text: str) -> str:
        """The text without the key in use and the environment's secrets."""
        return redact(text.replace(self.secret, "[secret]") if self.secret else text)

    def write(self, text: str) -> int:
        """Write what is left of a text."""
        self._stream.write(self.clean(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Complaints(logging.Handler):
    """The errors that Comet reports in its own log; it calls lost tags a warning."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: list[str] = []
        self.deaf = False

    def emit(self, record: logging.LogRecord) -> None:
        if self.deaf:
            return
        message = record.getMessage()
        if record.levelno >= logging.ERROR or message.startswith("Failed to add tag"):
            self.lines.append(message)
