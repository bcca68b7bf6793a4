"""What an address may send, and what it never gets."""

import contextlib
import hashlib
import socket
import threading
import time

import pytest

from harness.data import download
from harness.data.download import Failed, Patience

CONTENT = b"content"
MD5 = hashlib.md5(CONTENT).hexdigest()
QUICK = Patience(connect=1, stall=0.5, attempts=1, pause=0.01)


@pytest.fixture
def answering():
    """A server that answers each request with the same bytes, or what a function does with the connection."""
    servers = []

    def serve(answer):
        listening = socket.create_server(("127.0.0.1", 0))
        servers.append(listening)
        seen = []

        def loop():
            while True:
                try:
                    connection = listening.accept()[0]
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):  # the client may leave at any time
                    seen.append(connection.recv(65536))
                    answer(connection) if callable(answer) else connection.sendall(answer)

        threading.Thread(target=loop, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}/", seen

    yield serve
    for each in servers:
        each.shutdown(socket.SHUT_RDWR)
        each.close()


def fetch(url, tmp_path, patience=QUICK):
    download.download(url, tmp_path / "file", len(CONTENT), MD5, lambda line: None, patience)


def test_no_password_of_netrc_goes_anywhere(answering, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("default login me password planted-password\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    url, seen = answering(b"HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\ncontent")
    fetch(url, tmp_path)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert seen and b"authorization" not in seen[0].lower()


def test_a_proxy_of_the_environment_is_still_used(answering, tmp_path, monkeypatch):
    proxy, seen = answering(b"HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\ncontent")
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    fetch("http://data.example/file", tmp_path)
    assert seen[0].startswith(b"GET http://data.example/file ")


@pytest.mark.parametrize("length", ["²", "9" * 5000, "-1", "7x"])
def test_an_odd_length_is_one_line(answering, tmp_path, length):
    url, _ = answering(f"HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\ncontent".encode("latin-1"))
    with pytest.raises(Failed, match="Content-Length") as told:
        fetch(url, tmp_path)
    assert len(str(told.value)) < 400


@pytest.mark.parametrize("place", ["http://[::1", "http://h:99999/", "http://a..b/", "ftp://x/", "http://" + "a" * 300])
def test_an_odd_redirect_is_one_line(answering, tmp_path, place):
    url, _ = answering(f"HTTP/1.0 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode())
    with pytest.raises(Failed) as told:
        fetch(url, tmp_path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("url", ["http://h:99999/", "http://a..b/", "http://[::1", f"http://{'a' * 300}.example/"])
def test_an_odd_address_is_one_line_and_no_threads_traceback(tmp_path, url):
    with pytest.raises(Failed):
        fetch(url, tmp_path)


def test_a_redirect_to_itself_ends(answering, tmp_path):
    url, seen = answering(b"HTTP/1.0 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(Failed, match="TooManyRedirects"):
        fetch(url, tmp_path)
    assert len(seen) <= 12


def test_headers_that_drip_have_an_end(answering, tmp_path):
    def drip(connection):
        connection.sendall(b"HTTP/1.0 200 OK\r\n")
        for number in range(100):
            connection.sendall(f"X-{number}: y\r\n".encode())
            time.sleep(0.1)

    url, _ = answering(drip)
    began = time.monotonic()
    with pytest.raises(Failed):
        fetch(url, tmp_path)
    assert time.monotonic() - began < 6


def test_a_body_that_drips_has_an_end_and_is_kept(answering, tmp_path):
    def drip(connection):
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\n")
        for number in range(6):
            connection.sendall(CONTENT[number : number + 1])
            time.sleep(0.2)

    url, _ = answering(drip)
    with pytest.raises(Failed, match="were not enough; . of 7 bytes are kept"):
        fetch(url, tmp_path, Patience(connect=1, stall=5, attempts=3, pause=0.01, total=0.5))
    assert (tmp_path / "file.part").exists()
