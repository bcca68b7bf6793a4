"""What an index says is what the folders say, whatever happened to either; and what has not changed is not read."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.generated_runs import one
from harness.evidence import baseline
from harness.report import gather, rows
from harness.report.rows import Row
from harness.runs import catalog, entries, index, run_folder, stored
from harness.runs.index import Index, Kind
from harness.sharing import find
from harness.tracking import key

ROOT = Path(__file__).resolve().parents[2]
FILES = ("plan.json", "record.json")


def texts(path: Path) -> list[str] | str:
    content = [(path / name).read_text() if (path / name).exists() else "" for name in FILES]
    return "it is broken" if "broken" in content[0] else content


def counted(read: list[str]) -> Kind[list[str]]:
    def reads(path: Path) -> list[str] | str:
        read.append(path.name)
        return texts(path)

    return Kind("texts", FILES, reads, list, list, ("contract",))


def leave(runs: Path, name: str, plan: str = "{}", record: str = "{}") -> None:
    (runs / name).mkdir(parents=True, exist_ok=True)
    (runs / name / "plan.json").write_text(plan)
    (runs / name / "record.json").write_text(record)


def truth(runs: Path) -> dict[str, list[str] | str]:
    return {name: texts(runs / name) for name in run_folder.ids(runs)}


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as old as soon as they are written; the tests change their sizes."""
    monkeypatch.setattr(index, "FRESH", -3600 * 10**9)


@pytest.mark.usefixtures("settled")
def test_another_program_reads_only_what_has_changed(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        leave(tmp_path, name)
    read: list[str] = []
    kind = counted(read)
    assert Index(tmp_path, kind).facts() == truth(tmp_path) and read == ["a", "b", "c"]
    assert Index(tmp_path, kind).facts() == truth(tmp_path) and len(read) == 3
    before = (tmp_path / "b" / "record.json").stat()
    (tmp_path / "b" / "record.json").write_text("[]")
    while (tmp_path / "b" / "record.json").stat().st_ctime_ns == before.st_ctime_ns:
        (tmp_path / "b" / "record.json").write_text("[]")
    os.utime(tmp_path / "b" / "record.json", ns=(before.st_atime_ns, before.st_mtime_ns))  # and of equal size
    shutil.rmtree(tmp_path / "c")
    leave(tmp_path, "d")
    looked = Index(tmp_path, kind)
    assert looked.facts() == truth(tmp_path) and read[3:] == ["b", "d"]
    assert list(entries.load(tmp_path / entries.NAME, "texts", index._digest(("contract",)))) == ["a", "b", "d"]
    assert looked.facts() == truth(tmp_path) and len(read) == 5
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [entries.NAME]


def test_what_was_written_a_moment_ago_is_read_again(tmp_path: Path) -> None:
    leave(tmp_path, "a")
    read: list[str] = []
    looked = Index(tmp_path, counted(read))
    for _ in range(2):
        assert looked.facts() == truth(tmp_path)
    assert read == ["a", "a"] and not (tmp_path / entries.NAME).exists()


@pytest.mark.usefixtures("settled")
def test_what_is_wrong_with_a_run_is_asked_each_time(tmp_path: Path) -> None:
    leave(tmp_path, "a", plan="broken")
    read: list[str] = []
    for _ in range(2):
        assert Index(tmp_path, counted(read)).facts() == {"a": "it is broken"}
    assert read == ["a", "a"]


@pytest.mark.usefixtures("settled")
def test_other_code_reads_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    leave(tmp_path, "a")
    read: list[str] = []
    kind = counted(read)
    Index(tmp_path, kind).facts()
    digest = index._digest(("contract",))
    monkeypatch.setattr(index, "_digest", lambda packages: "other")
    Index(tmp_path, kind).facts()
    assert read == ["a", "a"] and not entries.load(tmp_path / entries.NAME, "texts", digest)


def damage(path: Path, chance: random.Random) -> None:
    content = bytearray(path.read_bytes())
    way = chance.randrange(4)
    if way == 0:
        content = content[: chance.randrange(len(content))]
    elif way == 1:
        content = bytearray(b"no database" * 500)
    else:
        for _ in range(chance.randrange(1, 200)):
            content[chance.randrange(len(content))] = chance.randrange(256)
    path.write_bytes(content)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_the_index_says_what_the_folders_say(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    looked = Index(tmp_path, counted([]))
    for step in range(60):
        name = f"run-{chance.randrange(12)}"
        what = chance.choice(("write", "write", "remove", "damage", "other"))
        if what == "write":
            leave(tmp_path, name, plan=chance.choice(("{}", "broken")), record="x" * step)
        elif what == "remove":
            shutil.rmtree(tmp_path / name, ignore_errors=True)
        elif what == "damage" and (tmp_path / entries.NAME).exists():
            damage(tmp_path / entries.NAME, chance)
        if chance.random() < 0.5:
            assert Index(tmp_path, counted([])).facts() == truth(tmp_path)
        assert looked.facts() == truth(tmp_path)
    read: list[str] = []
    leave(tmp_path, "last", record="last")
    assert Index(tmp_path, counted([])).facts() == truth(tmp_path)
    assert Index(tmp_path, counted(read)).facts() == truth(tmp_path)
    assert all("broken" in (tmp_path / name / "plan.json").read_text() for name in read)  # it was made anew


@pytest.mark.usefixtures("settled")
def test_an_entry_that_was_changed_is_not_believed(tmp_path: Path) -> None:
    leave(tmp_path, "a", record="100")
    Index(tmp_path, counted([])).facts()
    with sqlite3.connect(tmp_path / entries.NAME) as file:
        file.execute("UPDATE entries SET value = replace(value, '100', '999')")
    file.close()
    assert Index(tmp_path, counted([])).facts() == truth(tmp_path)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("way", ["folder", "link", "locked", "other tables", "read-only"])
def test_where_it_cannot_be_written_the_folders_are_read(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, stored_at, elsewhere = tmp_path / "runs", tmp_path / "runs" / entries.NAME, tmp_path / "elsewhere"
    leave(runs, "a")
    monkeypatch.setattr(entries, "WAIT", 0.05)
    lock, before = None, b""
    if way == "folder":
        stored_at.mkdir()
    elif way == "link":
        with sqlite3.connect(elsewhere) as file:
            file.execute("CREATE TABLE mine (name TEXT)")
        file.close()
        before = elsewhere.read_bytes()
        stored_at.symlink_to(elsewhere)
    elif way == "locked":
        lock = sqlite3.connect(stored_at, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
    elif way == "other tables":
        with sqlite3.connect(stored_at) as file:
            file.execute("CREATE TABLE entries (name TEXT)")
        file.close()
    elif way == "read-only":
        original = sqlite3.connect
        monkeypatch.setattr(
            entries.sqlite3, "connect", lambda name, **more: original(name.replace("mode=rwc", "mode=ro"), **more)
        )
    for _ in range(2):
        assert Index(runs, counted([])).facts() == truth(runs)
    if lock:
        lock.close()
    if way == "link":
        assert elsewhere.read_bytes() == before and stored_at.is_symlink()
    if way == "other tables":
        assert entries.load(stored_at, "texts", index._digest(("contract",)))


WRITER = """
import sys, time
sys.path[:0] = [{root!r}, {src!r}]
from pathlib import Path
from harness.runs import index
from tests.runs import test_index as shared
index.FRESH = -3600 * 10**9
runs, own = Path({runs!r}), sys.argv[1]
for number in range(25):
    shared.leave(runs, f"{{own}}-{{number:02}}", record=own * number)
    facts = index.Index(runs, shared.counted([])).facts()
    assert all(facts[f"{{own}}-{{each:02}}"] == ["{{}}", own * each] for each in range(number + 1))
"""


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    script = WRITER.format(root=str(ROOT), src=str(ROOT / "src"), runs=str(runs))
    begun = [subprocess.Popen([sys.executable, "-c", script, own], stderr=subprocess.PIPE, text=True) for own in "abc"]
    for each in begun:
        _, said = each.communicate(timeout=120)
        assert each.returncode == 0, said
    read: list[str] = []
    assert Index(runs, counted(read)).facts() == truth(runs) and len(truth(runs)) == 75
    assert Index(runs, counted(read)).facts() == truth(runs)


def test_many_runs_are_read_on_all_cores_and_become_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        one(tmp_path, number, {"train_loss": 0.1234567, "test_accuracy": 0.5})
    (tmp_path / "20260301T000000Z-bad00000").mkdir()
    (tmp_path / "20260301T000000Z-bad00000" / "plan.json").write_text("{")
    alone = Index(tmp_path, rows.KIND).facts()
    monkeypatch.setattr(index, "MANY", 2)
    monkeypatch.setattr(index.threading, "active_count", lambda: 1)
    assert Index(tmp_path, rows.KIND).facts() == alone and len(alone) == 6
    assert sum(isinstance(each, Row) for each in alone.values()) == 5


@pytest.mark.usefixtures("settled")
def test_a_report_from_the_index_is_the_one_from_the_folders(tmp_path: Path) -> None:
    for number in range(4):
        one(tmp_path / "runs", number, {"train_loss": 0.1234567, "test_accuracy": 0.5}, seed=number)
    (tmp_path / "scratch").mkdir()
    first, second = (gather.table(tmp_path / "runs", [], tmp_path / "scratch") for _ in range(2))
    assert first == second and len(first["curves"]) == 4


@pytest.mark.usefixtures("settled")
def test_a_comparison_and_a_search_read_the_runs_that_they_are_about_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    for number in range(6):
        one(runs, number, {"test_accuracy": 0.5 + number / 100}, seed=number % 3, momentum=0.8 + number // 3 / 10)
    every = stored.everything(runs)[0]
    whole = [baseline.seeds(every, run) for run in every]
    catalog.alike(runs)  # the index is there
    read: list[str] = []
    original = stored.read
    monkeypatch.setattr(stored, "read", lambda run: read.append(run.path.name) or original(run))  # type: ignore[func-returns-value]
    for run, expected in zip(every, whole, strict=True):
        assert baseline.seeds(catalog.alike(runs, run.plan.experiment), run) == expected
    assert len(read) == 18
    read.clear()
    (tmp_path / "scratch").mkdir()
    found = find.find(runs, key.experiment_key(every[4].run_id), tmp_path / "scratch")
    assert found.run_id == every[4].run_id and read == [every[4].run_id]
    read.clear()
    (tmp_path / "plan.json").write_bytes(every[2].folder.plan.read_bytes())
    (tmp_path / "other").mkdir()
    assert find.find(runs, str(tmp_path / "plan.json"), tmp_path / "other").record == every[2].record
    assert set(read) == {every[2].run_id}


def test_the_last_of_many_is_found_without_looking_into_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        leave(tmp_path, f"202601{number + 1:02}T000000Z-aaaaaaaa")
    looked: list[str] = []
    original = os.path.lexists
    monkeypatch.setattr(os.path, "lexists", lambda path: looked.append(path) or original(path))  # type: ignore[func-returns-value]
    assert run_folder.last(tmp_path) == "20260130T000000Z-aaaaaaaa" and len(looked) == 1
