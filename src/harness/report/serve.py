"""The report on loopback, up to date while runs go on. Nothing but this machine is listened to."""

import hashlib
import json
import threading
from collections.abc import Callable, Collection
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from harness.contract.errors import SettingError
from harness.report import details, page, rows
from harness.report.connections import Bounded
from harness.report.rows import Row
from harness.report.table import Differences, build
from harness.runs.index import Index, uncollected
from harness.runs.run_folder import RunFolder

LOOPBACK = "127.0.0.1"
ASKED = 20  # runs whose details are given at once


class Source:
    """The table of a folder of runs; a run is read again when one of its files has changed."""

    def __init__(self, runs: Path, differences: Differences | None = None) -> None:
        self.runs, self.differences = runs, differences
        self._index = Index(runs, rows.KIND)
        self._lock = threading.Lock()

    def table(self) -> dict[str, Any]:
        """As `table.build`."""
        facts = self._facts().values()
        return build(
            [each for each in facts if isinstance(each, Row)],
            [each for each in facts if isinstance(each, str)],
            self.differences,
        )

    def details(self, ids: Collection[str]) -> dict[str, Any]:
        """As `details.of`, of those of these runs that are there."""
        rows = {name: row for name, row in self._facts().items() if isinstance(row, Row) and row.cells["run"] in ids}
        return details.of(
            {str(row.cells["run"]): (RunFolder(self.runs / name), row.code) for name, row in rows.items()}
        )

    def _facts(self) -> dict[str, Row | str]:
        with self._lock, uncollected():
            return self._index.facts()


class Handler(BaseHTTPRequestHandler):
    """`/` is the page, `/runs.json` its data, `/details.json?run=ID` more of a run; 304 where nothing has changed."""

    source: Source
    hosts: tuple[str, ...]
    timeout = 10.0  # seconds between two bytes

    def do_GET(self) -> None:
        """Answer; what goes wrong here is this answer's alone."""
        try:
            self._respond()
        except (ConnectionError, TimeoutError):  # the reader has left, or does not read
            self.close_connection = True
        except Exception as error:  # one page fails, the server goes on
            self._answer(500, "text/plain", f"the runs cannot be read now: {type(error).__name__}\n".encode())

    def _respond(self) -> None:
        if self.headers.get("Host") not in self.hosts:  # a page of elsewhere whose name now leads here
            self._answer(403, "text/plain", b"this report answers to 127.0.0.1 alone\n")
        elif self.path == "/":
            self._answer(200, "text/html; charset=utf-8", page.assemble(self.source.table(), live=True).encode())
        elif self.path == "/runs.json":
            self._say(self.source.table())
        elif self.path.startswith("/details.json?"):
            asked = parse_qs(self.path.partition("?")[2], max_num_fields=ASKED).get("run", [])
            self._say(self.source.details(asked))
        elif self.path == "/favicon.ico":
            self._answer(204, "image/x-icon", b"")
        else:
            self._answer(404, "text/plain", b"there are /, /runs.json and /details.json?run=ID\n")

    def _say(self, value: Any) -> None:
        body = json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.headers.get("If-None-Match") == tag:
            self._answer(304, "application/json", b"", tag)
        else:
            self._answer(200, "application/json", body, tag)

    def _answer(self, status: int, kind: str, body: bytes, tag: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Frame-Options", "DENY")  # a page's own policy cannot say that
        self.send_header("Content-Security-Policy", "frame-ancestors 'none'")
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is for what a person must know."""


def server(runs: Path, port: int, differences: Differences | None = None) -> Bounded:
    """A server that is bound and waits for `serve_forever`; port 0 takes any that is free.

    Raises:
        SettingError: the port is taken or may not be used.
    """
    handler = type("Bound", (Handler,), {"source": Source(runs, differences), "hosts": ()})
    try:
        bound = Bounded((LOOPBACK, port), handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingError(
            f"port={port}: {reason}", legal="a free port, or 0 for any", command="python src/report.py serve port=0"
        ) from error
    handler.hosts = (f"{LOOPBACK}:{bound.server_port}", f"localhost:{bound.server_port}")  # type: ignore[attr-defined]
    return bound


def forever(runs: Path, port: int, say: Callable[[str], None], differences: Differences | None = None) -> None:
    """Serve until Ctrl-C."""
    bound = server(runs, port, differences)
    try:
        say(f"report    http://{LOOPBACK}:{bound.server_port}/ (Ctrl-C ends it)")
        bound.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        say("ended")
    finally:
        bound.server_close()
