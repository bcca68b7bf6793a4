"""The report's server under bad readers and bad runs, and a page that no run's text can break."""

import json
import socket
import threading
import time

import pytest

from harness.report import connections, page, rows, serve, values


@pytest.fixture
def served(tmp_path):
    bound = serve.server(tmp_path, 0)
    thread = threading.Thread(target=bound.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield bound
    bound.shutdown()
    bound.server_close()


def ask(bound, path="/runs.json", begin=b""):
    with socket.create_connection(("127.0.0.1", bound.server_port), timeout=10) as connection:
        host = f"Host: 127.0.0.1:{bound.server_port}\r\n"
        connection.sendall(begin or f"GET {path} HTTP/1.0\r\n{host}\r\n".encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


def test_the_page_may_not_be_framed(served):
    head = ask(served, "/").partition(b"\r\n\r\n")[0]
    assert b"X-Frame-Options: DENY" in head and b"Content-Security-Policy: frame-ancestors 'none'" in head


def test_slow_clients_make_room_for_others(served):
    before = threading.active_count()
    slow = [socket.create_connection(("127.0.0.1", served.server_port)) for _ in range(100)]
    for each in slow:
        each.sendall(b"GET / HT")
    assert b" 200 " in ask(served)[:20]
    time.sleep(0.5)
    assert threading.active_count() - before <= connections.MOST + 1
    for each in slow:
        each.close()


def test_a_client_that_lasts_too_long_is_let_go(served, monkeypatch):
    monkeypatch.setattr(connections, "LONGEST", 0.2)
    began = time.monotonic()
    assert ask(served, begin=b"GET / HT") == b""
    assert time.monotonic() - began < 5


def test_where_no_descriptor_is_left_the_oldest_client_goes_and_no_core_is_taken(served, monkeypatch):
    oldest = socket.create_connection(("127.0.0.1", served.server_port), timeout=5)
    oldest.sendall(b"GET / HT")
    time.sleep(0.3)
    accepted, refused = served.socket, []

    class Exhausted:
        def __getattr__(self, name):
            return getattr(accepted, name)

        def accept(self):
            if len(refused) < 3:
                refused.append(time.monotonic())
                raise OSError(24, "Too many open files")
            return accepted.accept()

    monkeypatch.setattr(served, "socket", Exhausted())
    assert b" 200 " in ask(served)[:20]
    assert len(refused) == 3 and refused[2] - refused[0] >= 0.2
    assert oldest.recv(10) == b""
    oldest.close()


def test_a_failure_is_one_answers_own(served, monkeypatch):
    monkeypatch.setattr(served.RequestHandlerClass.source, "table", lambda: 1 / 0)
    assert b" 500 " in ask(served)[:20]
    monkeypatch.undo()
    assert b" 200 " in ask(served)[:20]


def test_whatever_is_wrong_with_a_run_it_is_named_and_hides_none(tmp_path, monkeypatch, served):
    (tmp_path / "20260101T000000Z-bad00000").mkdir()
    (tmp_path / "20260101T000000Z-bad00000" / "plan.json").write_text("[" * 100_000)
    (tmp_path / ".20260101T000000Z-bad00000.7.part").mkdir()
    (tmp_path / ".20260101T000000Z-bad00000.7.part" / "plan.json").write_text("{}")
    table = json.loads(ask(served).partition(b"\r\n\r\n")[2])
    assert len(table["unreadable"]) == 1 and "bad00000" in table["unreadable"][0]

    def surprise(run):
        raise MemoryError("a surprise")

    monkeypatch.setattr(rows.stored, "read", surprise)
    (tmp_path / "20260101T000000Z-bad00000" / "plan.json").write_text("{}")
    assert "MemoryError: a surprise" in ask(served).decode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, None])
def test_what_json_cannot_say_is_unknown(value):
    assert values.bounded(value) is None and values.number(value) is None


def test_a_huge_value_is_cut():
    assert len(values.bounded("x" * 10**6)) == values.TEXT
    assert len(values.bounded(["x"] * 100_000)) <= values.TEXT
    assert values.bounded(True) is True and values.bounded(5) == 5 and values.bounded("a") == "a"


def test_a_value_that_looks_like_a_place_of_the_template_stays_what_it_is():
    table = {"columns": [], "curves": [], "x": "{{PLOTLY}}{{SCRIPT}}{{STYLE}}"}
    html = page.assemble(table, live=False)
    assert html.count("{{PLOTLY}}{{SCRIPT}}{{STYLE}}") == 1
    assert html.count("<script") == page.assemble({"columns": [], "curves": []}, live=False).count("<script")
