"""An upload that broke off is not taken for one that was made."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.contract.errors import NotReady
from harness.tracking import sync
from harness.tracking.sync import Pending

STATE = {"archive": "key.zip", "upload": "comet upload key.zip", "url": None, "online": "off: no key"}


@pytest.fixture
def upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Upload the archive; Comet's client is made by hand. What it was told, the states during and after it."""
    folder = tmp_path / "20260101T000000Z-00000000" / "comet"
    folder.mkdir(parents=True)
    (folder / "key.zip").write_bytes(b"zip")
    (folder / "state.json").write_text(json.dumps(STATE))

    def state() -> dict[str, Any]:
        content: dict[str, Any] = json.loads((folder / "state.json").read_text())
        return content

    def do(printed: str, dies: bool = False, **before: str) -> Any:
        during = []

        def run(command: list[str], **options: Any) -> Any:
            during.append((command[-1], state()))
            if dies:
                raise KeyboardInterrupt
            return SimpleNamespace(stdout=printed, returncode=0)

        monkeypatch.setattr(subprocess, "run", run)
        lines: list[str] = []
        done = sync.upload(Pending(folder / "key.zip", {**state(), **before}), lines.append)
        return SimpleNamespace(done=done, how=during[0][0], during=during[0][1], after=state(), lines=lines)

    return do


def said(**answer: Any) -> str:
    return json.dumps({"done": False, "there": False, "why": None, "url": None, **answer})


def test_one_that_arrived_is_delivered(upload: Callable[..., Any]) -> None:
    found = upload(said(done=True, url="https://comet/x"))
    assert found.done and found.how == "once" and found.during == {**STATE, sync.BEGUN: True}
    assert found.after == {**STATE, "online": "delivered", "upload": None, "url": "https://comet/x"}
    assert found.lines == ["uploaded  20260101T000000Z-00000000 https://comet/x"]


def test_one_that_comet_has_already_is_present(upload: Callable[..., Any]) -> None:
    found = upload(said(there=True))
    assert found.done and found.after["online"] == "delivered" and found.lines[0].startswith("present")


@pytest.mark.parametrize("printed", [said(why="no answer"), "Traceback", ""])
def test_one_that_failed_is_still_to_be_uploaded(upload: Callable[..., Any], printed: str) -> None:
    found = upload(printed)
    assert not found.done and found.after["upload"] == STATE["upload"]
    assert found.lines[0].startswith("not uploaded 20260101T000000Z-00000000: ")


def test_one_that_broke_off_may_become_another_experiment_the_next_time(upload: Callable[..., Any]) -> None:
    with pytest.raises(KeyboardInterrupt):
        upload("", dies=True)
    found = upload(said(done=True))
    assert found.how == "force" and sync.BEGUN not in found.after
    assert upload(said(done=True), upload="comet upload --force-reupload key.zip").how == "force"


def test_two_programs_do_not_upload_the_same_runs(tmp_path: Path) -> None:
    with sync.locked(tmp_path), pytest.raises(NotReady, match="another program uploads"), sync.locked(tmp_path):
        pass
    with sync.locked(tmp_path):
        pass
