"""The version of the data that a .dvc document pins."""

from dataclasses import dataclass
from pathlib import Path

from harness.contract import legal
from harness.contract.errors import DataError, NotReady
from harness.provenance import repository

LARGEST = 2**16  # characters of a document


@dataclass(frozen=True)
class Pin:
    """A folder pinned by content: the document's path and the folder's, both below the project, and DVC's hash."""

    document: str
    folder: str
    hash: str


def pinned(root: Path, document: str | None) -> Pin:
    """What a document of the project pins.

    Raises:
        DataError: it is absent, unreadable, or pins no folder beside it; or there is none.
    """
    document = named(document)
    try:
        return _parse((root / document).read_bytes(), document)
    except FileNotFoundError as error:
        raise DataError(f"{document} is missing", command=f"git checkout -- {document}") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise DataError(f"{document} cannot be read: {reason}", command=f"ls -l {document}") from error


def named(document: str | None) -> str:
    """The document, for what cannot be done without one.

    Raises:
        DataError: no data is pinned.
    """
    if document is None:
        raise DataError("this program pins no data: its sample is all that there is", legal="data.pin=FILE.dvc")
    return document


def pinned_at(root: Path, revision: str, document: str | None) -> Pin:
    """What a document pins as of a commit, branch or tag.

    Raises:
        NotReady: git does not have it there.
        DataError: it pins no folder beside it, or there is none.
    """
    document = named(document)
    option = revision.startswith("-")  # one would do what it says
    shown = None if option else repository.run(root, "show", f"{revision}:./{document}")
    if shown is None or shown.returncode:
        command = f"git log {document}"
        raise NotReady(f"{revision} has no {document}", legal="a commit, branch or tag", command=command)
    return _parse(shown.stdout, document)


def _parse(text: str | bytes, document: str) -> Pin:
    import yaml

    try:
        if len(text) > LARGEST:
            raise ValueError("too large")
        (out,) = yaml.safe_load(text)["outs"]
        content, path = out["md5"], out["path"]
    except (ValueError, KeyError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise DataError(f"{document} cannot be read", command=f"git checkout -- {document}") from error
    if not legal.PATH.test(path) or not legal.DIRECTORY.test(content):
        raise DataError(f"{document} does not pin a folder beside it", command=f"git checkout -- {document}")
    return Pin(document, (Path(document).parent / path).as_posix(), content)
