"""Errors that a user can act on. Each is one line: what is wrong, which values are legal, what to type.

A bug is none of these and keeps its traceback.
"""


class HarnessError(Exception):
    """Base of all errors that a user can act on.

    Args:
        what: what is wrong, with the offending name and value.
        legal: the values that are legal.
        command: what to type next.
    """

    exit_code = 2

    def __init__(self, what: str, *, legal: str = "", command: str = "") -> None:
        self.what, self.legal, self.command = what, legal, command
        parts = [what, legal and f"legal: {legal}", command and f"type: {command}"]
        super().__init__("; ".join(" ".join(part.split()) for part in parts if part))


class SettingError(HarnessError):
    """A setting on the command line or in conf/ is wrong: change it."""


class DataError(HarnessError):
    """The data set is missing, altered, or not what it claims to be: repair it."""


class NotReady(HarnessError):
    """Something that a run needs is not ready: an engine, an image, a folder, an account, an earlier run."""


class RunFailed(HarnessError):
    """A run failed: its record says why."""

    exit_code = 1
