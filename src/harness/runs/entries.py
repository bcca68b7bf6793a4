"""The file of an index: entries in SQLite, each with a checksum. Whatever is wrong with it, it holds fewer entries."""

import contextlib
import sqlite3
import stat
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

NAME = ".index.sqlite"  # in the folder of all runs; names that begin with a dot are no runs
WAIT = 5.0  # seconds for another writer
LARGEST = 2**22  # characters of an entry
TABLE = (
    "CREATE TABLE IF NOT EXISTS entries "
    "(what TEXT, code TEXT, name TEXT, stamps TEXT, value TEXT, sum INTEGER, PRIMARY KEY (what, name))"
)
DAMAGED = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_MISMATCH)


@dataclass(frozen=True)
class Entry:
    """What was read of a run, as JSON, and the stamps of the files that it was read from."""

    stamps: str
    value: str


def load(path: Path, what: str, code: str) -> dict[str, Entry]:
    """The entries of a kind by the names of their runs, as far as this code wrote them and they are whole."""
    try:
        with _opened(path, "ro") as file:
            rows = file.execute(
                "SELECT name, stamps, value, sum FROM entries WHERE what = ? AND code = ? AND length(value) <= ?",
                (what, code, LARGEST),
            ).fetchall()
    except (OSError, sqlite3.Error, ValueError):  # the last: a text that is none
        return {}
    return {
        name: Entry(stamps, value)
        for name, stamps, value, total in rows
        if isinstance(value, str) and total == _sum(what, code, name, stamps, value)
    }


def save(path: Path, what: str, code: str, entries: Mapping[str, Entry], gone: Collection[str] = ()) -> bool:
    """Add entries and remove those that are gone; False where the file cannot be written.

    A file that is damaged is replaced: it is a copy of what the folders of runs say.
    """
    for _ in range(2):
        try:
            with _opened(path, "rwc") as file:
                _write(file, what, code, entries, gone)
            return True
        except (sqlite3.Error, ValueError) as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) not in DAMAGED:
                return False  # it is locked, may not be written, or the disk is full
            with contextlib.suppress(OSError):
                path.unlink()
        except OSError:
            return False
    return False


def _write(
    file: sqlite3.Connection, what: str, code: str, entries: Mapping[str, Entry], gone: Collection[str]
) -> None:
    file.execute("PRAGMA journal_mode = MEMORY")  # nothing beside the file; one that is torn is replaced
    file.execute("PRAGMA synchronous = OFF")
    file.execute("BEGIN IMMEDIATE")
    file.execute(TABLE)
    file.execute("DELETE FROM entries WHERE what = ? AND code <> ?", (what, code))
    file.executemany("DELETE FROM entries WHERE what = ? AND name = ?", [(what, name) for name in gone])
    file.executemany(
        "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?)",
        [
            (what, code, name, each.stamps, each.value, _sum(what, code, name, each.stamps, each.value))
            for name, each in entries.items()
        ],
    )
    file.execute("COMMIT")


@contextlib.contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """The file, if it is one; where mode is rwc it is made if need be.

    Raises:
        OSError, sqlite3.Error: it cannot be opened, or is a link.
    """
    if mode == "ro" or path.is_symlink() or path.exists():
        if not stat.S_ISREG(path.lstat().st_mode):
            raise OSError(f"{path} is no file")
    address = f"{path.absolute().as_uri()}?mode={mode}"
    file = sqlite3.connect(address, uri=True, timeout=WAIT, isolation_level=None)
    try:
        file.execute("PRAGMA trusted_schema = OFF")  # whoever handed the folder in may have made the file
        yield file
    finally:
        file.close()


def _sum(*texts: str) -> int:
    return zlib.crc32("\0".join(map(str, texts)).encode("utf-8", "surrogatepass"))
