"""Errors, named by what the user does next.

Each is one line: what is wrong, which values are legal, what to type.
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


class ChangeSetting(HarnessError):
    """A setting on the command line or in conf/ is wrong."""


class RepairData(HarnessError):
    """The data set is missing, altered, or not what it claims to be."""


class PreparePlace(HarnessError):
    """The place where the run should happen is not ready: engine, image, folder, interpreter."""


class ReadRecord(HarnessError):
    """A run failed; its record says why."""

    exit_code = 1
