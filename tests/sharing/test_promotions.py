"""Which entry of a history is in force, and what is no history."""

import dataclasses
import json
from pathlib import Path

import pytest

from harness.contract import serial
from harness.contract.errors import NotReady
from harness.sharing import promotions
from harness.sharing.promotions import Entry, History

ENTRY = Entry(
    "A", "e" * 64, "w" * 64, "c" * 40, {"test_accuracy": 0.5}, "R", "identical", None, "not compared", "the first",
    "Ada", "2026-01-02T03:04:05+00:00", False,
)  # fmt: skip


def history(words: str) -> History:
    """A letter promotes the run of that name, `<` takes the one in force back."""
    entries: list[Entry] = []
    for word in words:
        if word == "<":
            entries.append(dataclasses.replace(History(1, "mine", tuple(entries)).standing[-2], back=True))
        else:
            entries.append(dataclasses.replace(ENTRY, run_id=word))
    return History(1, "mine", tuple(entries))


@pytest.mark.parametrize(
    ("words", "run"),
    [("A", "A"), ("AB", "B"), ("AB<", "A"), ("ABC<<", "A"), ("AB<C", "C"), ("AB<C<", "A"), ("ABA<", "B")],
)
def test_a_run_taken_back_leaves_the_one_before_in_force(words: str, run: str) -> None:
    found = history(words)
    assert found.in_force is not None and found.in_force.run_id == run
    assert found.entries[-1].run_id == run  # whoever reads the file alone looks there


def test_nothing_is_in_force_before_the_first() -> None:
    assert history("").in_force is None and "no run of mine" in history("").shown()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "\0", json.dumps({"schema": 9, "program": "mine", "entries": []})]
)
def test_what_is_no_history_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "promoted").mkdir()
    (tmp_path / "promoted" / "mine.json").write_text(text)
    with pytest.raises(NotReady, match=r"promoted/mine\.json cannot be read") as caught:
        promotions.read(tmp_path, "mine")
    assert "\n" not in str(caught.value)


def test_an_entry_that_would_lead_elsewhere_or_act_is_refused(tmp_path: Path) -> None:
    for change in ({"run_id": "../../etc"}, {"who": "Ada\x1b[2J"}, {"decision": "worse"}, {"verdict": "different"}):
        wrong = dataclasses.replace(history("A"), entries=(dataclasses.replace(ENTRY, **change),))  # type: ignore[arg-type]
        with pytest.raises(NotReady):
            promotions.parse(serial.dumps(wrong), "mine")
    with pytest.raises(NotReady, match="that of mine"):
        promotions.parse(serial.dumps(history("A")), "yours")
    assert promotions.parse(serial.dumps(history("AB<")), "mine") == history("AB<")


def test_promoted_means_the_only_program_that_has_a_history_or_the_one_that_is_named(tmp_path: Path) -> None:
    assert promotions.is_name("promoted") and promotions.is_name("promoted/mine")
    assert not any(map(promotions.is_name, ("promoted/", "promoted/../x", "Promoted", "promoted/mine/x", "last")))
    with pytest.raises(NotReady, match="no run is in force"):
        promotions.meant(tmp_path, "promoted")
    (tmp_path / "promoted").mkdir()
    (tmp_path / "promoted" / "mine.json").write_text("{}")
    assert promotions.meant(tmp_path, "promoted") == "mine"
    (tmp_path / "promoted" / "yours.json").write_text("{}")
    with pytest.raises(NotReady, match=r"promoted/mine \| promoted/yours"):
        promotions.meant(tmp_path, "promoted")
    assert promotions.meant(tmp_path, "promoted/yours") == "yours"
