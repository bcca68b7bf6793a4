"""A file over HTTP, from a real server that misbehaves in the ways that servers do."""

import hashlib
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from harness.data import download
from harness.data.download import Failed, Patience

CONTENT = bytes(index * 7 % 251 for index in range(400_000))
MD5 = hashlib.md5(CONTENT).hexdigest()
QUICK = Patience(connect=1, stall=0.4, attempts=2, pause=0.01, report=0.05)


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `content`; `plan` has a word for each request, the last one for all that follow."""

    content: ClassVar[bytes] = CONTENT
    plan: ClassVar[list[str]] = []
    seen: ClassVar[list[str]] = []
    etag: ClassVar[str] = '"one"'

    def do_GET(self) -> None:
        how = self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]
        self.seen.append(self.headers.get("Range", "whole"))
        if how.isdigit():
            return self.send_error(int(how))
        start = 0
        if "range" in how and self.headers.get("If-Range") == self.etag:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        body = self.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        if "unsized" not in how:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", self.etag)
        self.end_headers()
        if "cut" in how:
            body = body[:100_000]
        if "trickle" in how:
            for byte in body[:40]:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
        elif "stall" in how:
            self.wfile.write(body[:1000])
            time.sleep(1.5)
        else:
            for at in range(0, len(body), 50_000):
                self.wfile.write(body[at : at + 50_000])
                time.sleep(0.03 if "slow" in how else 0)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """Says nothing about a client that hangs up."""

    def handle_error(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.content, Handler.plan, Handler.etag = CONTENT, ["range"], '"one"'
    Handler.seen.clear()
    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/file"
        server.shutdown()


def fetch(url: str, target: Path, said: list[str] | None = None, size: int = len(CONTENT)) -> None:
    download.download(url, target, size, MD5, (said if said is not None else []).append, QUICK)


def whole(target: Path) -> bool:
    return target.read_bytes() == CONTENT and [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_file_arrives_whole_and_says_how_far_it_is(server: str, tmp_path: Path) -> None:
    Handler.plan = ["slow"]
    said: list[str] = []
    fetch(server, tmp_path / "file", said)
    assert whole(tmp_path / "file") and Handler.seen == ["whole"]
    assert said and all("of 0 MB" in line for line in said)


@pytest.mark.parametrize("how", ["cut range", "cut range unsized"])
def test_a_connection_that_is_cut_is_resumed_from_the_byte_that_came(server: str, tmp_path: Path, how: str) -> None:
    Handler.plan = [how]
    fetch(server, tmp_path / "file")
    assert whole(tmp_path / "file")
    assert Handler.seen == ["whole", "bytes=100000-", "bytes=200000-", "bytes=300000-"]


def test_a_server_without_ranges_is_asked_again_from_the_start(server: str, tmp_path: Path) -> None:
    Handler.plan = ["cut", "plain"]
    fetch(server, tmp_path / "file")
    assert whole(tmp_path / "file") and len(Handler.seen) == 2


def test_a_server_that_always_cuts_and_cannot_resume_is_given_up(server: str, tmp_path: Path) -> None:
    Handler.plan = ["cut"]
    with pytest.raises(Failed, match="broke off; 100000 of 400000 bytes are kept"):
        fetch(server, tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_what_an_interrupted_run_received_is_used_by_the_next(server: str, tmp_path: Path) -> None:
    Handler.plan = ["cut", "404"]
    with pytest.raises(Failed, match="404"):
        fetch(server, tmp_path / "file")
    assert (tmp_path / "file.part").stat().st_size == 100_000 and not (tmp_path / "file").exists()
    Handler.plan = ["range"]
    fetch(server, tmp_path / "file")
    assert whole(tmp_path / "file") and Handler.seen[-1] == "bytes=100000-"


def test_a_file_that_changed_meanwhile_is_not_pasted_together(server: str, tmp_path: Path) -> None:
    Handler.content, Handler.plan = CONTENT[::-1], ["cut", "404"]
    with pytest.raises(Failed):
        fetch(server, tmp_path / "file")
    Handler.content, Handler.plan, Handler.etag = CONTENT, ["range"], '"two"'
    fetch(server, tmp_path / "file")
    assert whole(tmp_path / "file") and len(Handler.seen) == 3


def test_a_bad_beginning_under_the_same_tag_is_thrown_away_once(server: str, tmp_path: Path) -> None:
    Handler.plan = ["cut", "404"]
    with pytest.raises(Failed):
        fetch(server, tmp_path / "file")
    (tmp_path / "file.part").write_bytes(b"x" * 100_000)
    Handler.plan = ["range"]
    fetch(server, tmp_path / "file")
    assert whole(tmp_path / "file") and Handler.seen[-2:] == ["bytes=100000-", "whole"]


def test_other_bytes_are_refused_and_not_kept(server: str, tmp_path: Path) -> None:
    Handler.content, Handler.plan = CONTENT[::-1], ["cut range", "range"]
    with pytest.raises(Failed, match=f"other bytes: md5 .* instead of {MD5}"):
        fetch(server, tmp_path / "file")
    assert not list(tmp_path.iterdir()) and Handler.seen == ["whole", "bytes=100000-", "whole"]


@pytest.mark.parametrize(("how", "words"), [("plain", "offers 400001"), ("plain unsized", "more than 400000")])
def test_a_file_of_another_size_is_refused(server: str, tmp_path: Path, how: str, words: str) -> None:
    Handler.content, Handler.plan = CONTENT + b"x", [how]
    with pytest.raises(Failed, match=words):
        fetch(server, tmp_path / "file")
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("how", ["stall", "trickle"])
def test_a_server_that_stalls_is_left_in_time_and_asked_again(server: str, tmp_path: Path, how: str) -> None:
    Handler.plan, start = [how, "plain"], time.monotonic()
    fetch(server, tmp_path / "file")
    assert whole(tmp_path / "file") and time.monotonic() - start < 1.4


def test_an_error_of_the_server_is_tried_again_and_an_absent_file_is_not(server: str, tmp_path: Path) -> None:
    Handler.plan = ["503", "plain"]
    fetch(server, tmp_path / "file")
    assert whole(tmp_path / "file")
    Handler.plan = ["404"]
    with pytest.raises(Failed, match="404 Not Found"):
        fetch(server, tmp_path / "other")
    assert len(Handler.seen) == 3


def test_no_server_and_no_name_fail_at_once(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(Failed, match="cannot be reached"):
        fetch(f"http://127.0.0.1:{port}/file", tmp_path / "file")
    with pytest.raises(Failed, match="not resolved"):
        fetch("http://no-such-host.invalid/file", tmp_path / "file")
    assert time.monotonic() - start < 4 and not list(tmp_path.iterdir())
