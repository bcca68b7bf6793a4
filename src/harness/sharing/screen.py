"""What an export holds back: secrets in the files that it is about to pack."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from harness.contract import legal
from harness.contract.errors import NotReady
from harness.provenance import patch_parts, scan
from harness.runs import unpack

PATCH, CODE = "changes.patch", "code"
ZIP = b"PK\x03\x04"


def refuse(files: Mapping[str, bytes], run_id: str) -> None:
    """Refuse to pack a file that holds a secret, or is named like one.

    Raises:
        NotReady: names the file and the kind, never the secret.
    """
    for name, content in files.items():
        if found := _found(name, content):
            raise NotReady(
                f"{_shown(name)} of {run_id} holds a secret ({found})",
                legal="a run whose files hold none; revoke what was recorded, and train again without it",
            )


def _found(name: str, content: bytes) -> str:
    """The kinds of secrets in a file, in words; nothing where there are none."""
    if reason := scan.named(name.encode()):
        return reason
    if name == PATCH:
        parts = patch_parts.findings(content)
        return "; ".join(f"{legal.spelled(path)}: {', '.join(kinds)}" for path, kinds in parts.items())
    if PurePosixPath(name).parts[0] == CODE and name != f"{CODE}/plan.json":
        return ", ".join(scan.findings(content, name))
    return ", ".join(sorted({kind for layer in _layers(content) for kind in scan.tokens(layer)}))


def _layers(content: bytes) -> Iterator[bytes]:
    """A content, and what it holds where it is a ZIP file, as many frameworks' models are."""
    yield content
    if content.startswith(ZIP):
        try:
            with unpack.opened(content) as archive:
                for name in archive.names:
                    yield archive.read(name)
        except unpack.DAMAGED:
            return


def _shown(name: str) -> str:
    return "a file" if scan.tokens(name.encode()) else legal.spelled(name)
