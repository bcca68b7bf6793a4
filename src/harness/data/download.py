"""One file over HTTP: resumed where the server can, verified before it gets its name."""

import hashlib
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from harness.data import http_answer

KIB = 1024
WORDS = 200  # characters of a server's own words at most
LENGTH = re.compile(r"([0-9]{1,18})?")


class Failed(Exception):
    """The file cannot be had from there; says why in one line."""


class _Interrupted(Exception):
    """It broke off; what came so far stays and another attempt may go on from there."""


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds, and how many attempts in a row may bring nothing new."""

    connect: float = 5.0
    stall: float = 30.0  # without a byte, or with less than 1 KiB a second over as long
    attempts: int = 3
    pause: float = 1.0  # before the second attempt; doubles
    report: float = 10.0  # between two lines where there is no terminal
    total: float = 7200.0  # for all of it; what has come by then is kept


def download(
    url: str, target: Path, size: int, md5: str, say: Callable[[str], None], patience: Patience | None = None
) -> None:
    """Download `url` to `target`, which must have `size` bytes and `md5`. `target`.part survives an interruption.

    Raises:
        Failed: no answer, an error, or other bytes than promised.
        OSError: the disk is full or cannot be written; nothing is left under the final name.
    """
    patience = patience or Patience()
    part = target.with_name(target.name + ".part")
    _resolve(url, patience.connect)
    most, failures, restarted, end = _length(part), 0, False, time.monotonic() + patience.total
    with _Progress(size, say, patience.report) as progress:
        while True:
            try:
                resumed = _receive(url, part, size, patience, progress, end)
            except _Interrupted as error:
                failures = 0 if _length(part) > most else failures + 1
                most = max(most, _length(part))
                if failures >= patience.attempts:
                    raise Failed(f"{error}; {most} of {size} bytes are kept for the next attempt") from error
                time.sleep(patience.pause * 2**failures)
                continue
            with part.open("rb") as file:
                found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            if found == md5:
                break
            _forget(part)
            if restarted or not resumed:
                raise Failed(f"it sent other bytes: md5 {found} instead of {md5}")
            most, restarted = 0, True
    part.replace(target)
    _forget(part)


def _receive(url: str, part: Path, size: int, patience: Patience, progress: "_Progress", end: float) -> bool:
    """Receive what is missing; whether it went on from an earlier attempt."""
    import requests
    from urllib3.exceptions import HTTPError, LocationParseError

    have, validator = _length(part), _validator(part, url)
    if have == size:
        return True
    headers = {"Accept-Encoding": "identity"}
    if 0 < have < size and validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    try:
        with http_answer.ask(url, headers, patience.connect, patience.stall) as answer:
            if answer.status_code >= 500 or answer.status_code == 416:
                if answer.status_code == 416:
                    _forget(part)
                raise _Interrupted(f"it answers {answer.status_code} {str(answer.reason)[:WORDS]}")
            if answer.status_code not in (200, 206):
                raise Failed(f"it answers {answer.status_code} {str(answer.reason)[:WORDS]}")
            resumed = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            have = have if resumed else 0
            announced = answer.headers.get("Content-Length", "")
            if LENGTH.fullmatch(announced) is None:
                raise Failed(f"it states no length that could be one: Content-Length {announced[:WORDS]!r}")
            if announced and int(announced) != size - have:
                raise Failed(f"it offers {int(announced) + have} bytes instead of {size}")
            _remember(part, url, answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", ""))
            with part.open("ab" if resumed else "wb") as file:
                window, start = have, time.monotonic()
                while chunk := answer.raw.read1(256 * KIB, decode_content=False):
                    file.write(chunk)
                    have += len(chunk)
                    progress.at(have)
                    if have > size:
                        _forget(part)
                        raise Failed(f"it sends more than {size} bytes")
                    if time.monotonic() > end:
                        raise Failed(f"{patience.total:.0f} s were not enough; {have} of {size} bytes are kept")
                    if time.monotonic() - start > patience.stall:
                        if have - window < KIB * patience.stall:
                            raise _Interrupted("it stalls")
                        window, start = have, time.monotonic()
    except requests.ConnectTimeout as error:
        raise Failed(f"no answer within {patience.connect:g} s") from error
    except requests.ConnectionError as error:
        reason = f"it cannot be reached ({type(error).__name__})"
        raise (_Interrupted(reason) if have else Failed(reason)) from error
    except (requests.Timeout, TimeoutError) as error:
        raise _Interrupted(f"no byte for {patience.stall:g} s") from error
    except requests.RequestException as error:
        raise Failed(f"{type(error).__name__}: {str(error)[:WORDS]}") from error
    except LocationParseError as error:
        raise Failed(f"it leads to an address that is none: {str(error)[:WORDS]}") from error
    except HTTPError as error:
        raise _Interrupted("the connection broke off") from error
    except ValueError as error:  # of urllib, about an address; UnicodeError is one
        raise Failed(f"the address, or one that it leads to, is none: {str(error)[:WORDS]}") from error
    if have < size:
        raise _Interrupted("the connection broke off")
    return resumed


def _resolve(url: str, limit: float) -> None:
    """Fail after `limit` seconds where names are not resolved: the system's own patience is half a minute."""
    try:
        parts = urlsplit(url)
        port = parts.port or parts.scheme
    except ValueError as error:
        raise Failed(f"that is no address: {error}") from error
    if getproxies() or not parts.hostname:  # a proxy resolves names itself
        return
    answers: list[object] = []

    def ask() -> None:
        with suppress(OSError, UnicodeError):  # a name that none can have
            answers.append(socket.getaddrinfo(parts.hostname, port))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(limit)
    if not answers:
        raise Failed("its name is not resolved")


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _notes(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _validator(part: Path, url: str) -> str:
    """What tells the server that the rest is of the same file as what is here; empty where that cannot be told."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        notes = json.loads(_notes(part).read_text())
        return str(notes["validator"]) if notes["url"] == url else ""
    return ""


def _remember(part: Path, url: str, etag: str, modified: str) -> None:
    validator = modified if etag.startswith("W/") or not etag else etag  # a weak tag does not promise equal bytes
    _notes(part).write_text(json.dumps({"url": url, "validator": validator}))


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _notes(part).unlink(missing_ok=True)


class _Progress:
    """A bar on a terminal; elsewhere a line now and then."""

    def __init__(self, size: int, say: Callable[[str], None], every: float) -> None:
        from tqdm import tqdm

        self.size, self.say, self.every, self.last = size, say, every, time.monotonic()
        self.bar = tqdm(total=size, unit="B", unit_scale=True, disable=not sys.stderr.isatty())

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def at(self, have: int) -> None:
        self.bar.update(have - self.bar.n)
        if self.bar.disable and time.monotonic() - self.last >= self.every:
            self.last = time.monotonic()
            self.say(f"{have / 1e6:.0f} of {self.size / 1e6:.0f} MB")
