"""The report as people use it: ticked runs, a run's own page, a baseline, files and links that leave the page."""

import base64
import csv
import http.client
import io
import json
import re
import threading
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import pytest

from benchmarks import generated_runs
from benchmarks.generated_runs import one
from harness.contract import bundle, serial
from harness.contract.plan import Promise
from harness.contract.record import Bill
from harness.report import details, gather, page, serve
from harness.runs.run_folder import RunFolder
from tests.support.browser import until
from tests.support.planted import planted

pytestmark = pytest.mark.slow  # a minute together

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="20" height="10" fill="red"/></svg>'
BEFORE = "".join(f"line {number}\n" for number in range(30))
AFTER = BEFORE.replace("line 7\n", "line seven\n").replace("line 20\n", "")
BILL = Bill("job-1", "us-east-1", "Completed", 1, 100, 40, 0.6, 1.25)
PROMISES = [Promise("replay", "proven", "e" * 64, "three trainings gave the same bits")]


def change(run: RunFolder, path: str, value: Any) -> None:
    """Set a field of plan and record, by its path."""
    for file in (run.plan, run.record):
        content = json.loads(file.read_text())
        *parents, name = path.split(".")
        place = content
        for parent in parents:
            place = place[parent]
        place[name] = value
        file.write_text(json.dumps(content))


def evidence(runs: Path) -> list[RunFolder]:
    """Three runs with all that a run leaves; the second differs in its code, and the third replays the first."""
    made = [
        one(runs, number, {"train_loss": 0.5 - number / 10, "test_accuracy": 0.5 + number / 10}, seed=number)
        for number in range(3)
    ]
    for number, run in enumerate(made):
        (run.code / "programs").mkdir(parents=True)
        (run.code / "programs" / "step.py").write_text(AFTER if number == 1 else BEFORE)
        (run.code / "programs" / "same.py").write_text("equal = True\n")
        (run.code / bundle.LOCK).write_text(f"numpy==2.{number}\n" if number < 2 else "numpy==2.0\n")
        run.log.write_text(f"epoch=1 of run {number}\n")
        change(run, "experiment.code", ("d" if number == 1 else "c") * 64)
        change(run, "provenance.git.remote", "git@example.org:team/project.git")
        change(run, "provenance.promises", serial.to_json(PROMISES))
        record = json.loads(run.record.read_text())
        record |= {"environment": {"cpu": f"model {number}", "threads": 2}, "bill": serial.to_json(BILL)}
        run.record.write_text(json.dumps(record))
    (made[0].path / "learning_curve.svg").write_text(SVG)
    change(made[2], "provenance.replays", made[0].path.name)
    verdict = {"original": made[0].path.name, "verdict": "identical", "reasons": ["weights: equal to the last bit"]}
    made[2].verdict.write_text(json.dumps(verdict))
    return made


def written(folder: Path, names: tuple[str, ...] = ()) -> Path:
    (folder / "scratch").mkdir(exist_ok=True)
    target = folder / "report.html"
    page.write(target, page.assemble(gather.table(folder / "runs", list(names), folder / "scratch"), live=False))
    return target


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("told")
    ids = [run.path.name for run in evidence(folder / "runs")]
    return written(folder), ids


def tick(shown: Any, *ids: str) -> None:
    for each in ids:
        shown.locator(f'[data-do="tick"][data-key="{each}"]').check()


@pytest.mark.browser
def test_two_ticked_runs_show_what_differs_code_included(opened: Any, told: tuple[Path, list[str]]) -> None:
    path, ids = told
    shown = opened(path)
    tick(shown, ids[0])
    assert not shown.is_visible("#compared") and not shown.is_visible("#differ")
    tick(shown, ids[1])
    shown.get_by_text("environment", exact=True).wait_for()
    rows = [row.split("\t") for row in shown.inner_text("#compared tbody").splitlines()]
    fields = {row[0]: row[1:] for row in rows}
    assert fields["seed"][:2] == ["0", "1"] and fields["test_accuracy"] == ["50.00 %", "60.00 %", "+10.00 %"]
    assert fields["train_loss"] == ["0.5 nats", "0.4 nats", "-0.1 nats (lower is better)"]
    assert fields["cpu"][:2] == ["model 0", "model 1"]
    assert not {"momentum", "threads", "dataset", "lock"} & fields.keys()
    shown.locator("#codes pre >> nth=0").wait_for()
    assert shown.locator("#codes summary").all_inner_texts() == [
        "programs/step.py +1 -2",
        "requirements-train.lock +1 -1",
    ]
    text = shown.inner_text("#codes pre >> nth=0")
    assert "-numpy==2.0\n+numpy==2.1" in shown.inner_text("#codes pre >> nth=1")
    assert "-line 7\n+line seven\n" in text and "-line 20\n" in text and " line 4\n" in text and "line 12" not in text
    shown.click("#differ")
    assert shown.evaluate("document.activeElement.id") == "compared"
    shown.reload()
    shown.locator("#codes pre >> nth=0").wait_for()
    tick(shown, ids[2])
    shown.get_by_text(f"Code, {ids[1]} → {ids[2]}").wait_for()
    shown.get_by_role("button", name="Untick all 3 runs").click()
    assert not shown.is_visible("#compared") and "ticked" not in shown.url


@pytest.mark.browser
def test_code_that_is_equal_is_said_to_be(opened: Any, told: tuple[Path, list[str]]) -> None:
    path, ids = told
    shown = opened(f"{path.as_uri()}#ticked={ids[0]},{ids[2]}")
    shown.get_by_text("The same code").wait_for()
    assert shown.locator("#codes pre").count() == 0


@pytest.mark.browser
def test_a_run_has_a_page_of_its_own(opened: Any, told: tuple[Path, list[str]]) -> None:
    path, ids = told
    shown = opened(f"{path.as_uri()}#filter=seed+%3E+0")
    shown.get_by_role("link", name=ids[2]).click()
    shown.get_by_text("against").wait_for()
    assert (
        shown.title() == ids[2]
        and not shown.is_visible("#charts")
        and shown.evaluate("document.activeElement.textContent") == ids[2]
    )
    text = shown.inner_text("#own")
    for words in (
        "identical",
        "weights: equal to the last bit",
        "replay: proven",
        "three trainings gave the same bits",
        "epoch=1 of run 2",
        "1.25 USD",
        "seconds billed\n40",
        "record.json",
        "test accuracy\n70.00 %",
    ):
        assert words in text, words
    repository = shown.get_by_role("link", name="git@example.org:team/project.git")
    assert repository.get_attribute("href") == "https://example.org/team/project"
    commit = shown.locator("#own a[href*='/commit/']")
    assert commit.get_attribute("href") == f"https://example.org/team/project/commit/{'0' * 40}"
    assert "job-1" in shown.locator("#own a[href*='console.aws.amazon.com']").get_attribute("href")
    assert shown.evaluate("document.getElementById('own-curve').data.map((each) => each.name)") == ["train loss"]
    shown.click("#own summary:text('plan.json')")
    assert '"run_id"' in shown.inner_text("#own details:has-text('plan.json') pre")
    shown.locator("#own").get_by_role("link", name=ids[0]).first.click()
    shown.get_by_role("heading", name=ids[0]).wait_for()
    shown.locator("#own img").wait_for()
    assert shown.evaluate("document.querySelector('#own img').naturalWidth") == 20
    assert shown.locator("#own dt:text('replayed by') + dd a").inner_text() == ids[2]
    shown.go_back()
    shown.get_by_role("heading", name=ids[2]).wait_for()
    shown.click("text=All runs")
    assert shown.inner_text("#count") == "2 of 3 runs" and "run=" not in shown.url and shown.title() == "Runs"
    until(shown, "seen.has('bars') && !stale.has('bars')")
    assert shown.evaluate("document.getElementById('bars').data[0].x.length") == 2


@pytest.mark.browser
def test_nothing_moves_when_a_chart_without_numbers_comes_into_sight(opened: Any, tmp_path: Path) -> None:
    one(tmp_path / "runs", 0, {"test_accuracy": 0.5})
    shown = opened(written(tmp_path))
    where = "document.getElementById('table').getBoundingClientRect().top + scrollY"
    before = shown.evaluate(where)
    shown.evaluate("scrollTo(0, document.body.scrollHeight)")
    until(shown, "stale.size === 0")
    assert shown.evaluate(where) == before


@pytest.mark.browser
def test_differences_are_shown_against_a_pinned_baseline(opened: Any, tmp_path: Path) -> None:
    for number, (accuracy, loss) in enumerate([(0.5, 0.9), (0.6, 0.7), (0.45, 1.0)]):
        one(tmp_path / "runs", number, {"test_accuracy": accuracy, "test_loss": loss}, momentum=0.8 + number / 100)
    shown = opened(written(tmp_path))
    ids = shown.evaluate("data.columns.get('run').values")
    shown.get_by_role("button", name=f"Base {ids[0]}").click()

    def changes() -> dict[str, list[str]]:
        return {each: shown.locator(f'#table tr[data-key="{each}"] .change').all_inner_texts() for each in ids}

    assert changes() == {ids[0]: [], ids[1]: ["+10.00"], ids[2]: ["-5.00"]}
    kinds = [shown.locator(f'#table tr[data-key="{each}"] .change').get_attribute("class") for each in ids[1:]]
    assert kinds == ["change good", "change bad"]
    shown.select_option("#metric", "loss")
    assert changes()[ids[1]] == ["-0.2"] and "good" in (
        shown.locator(f'#table tr[data-key="{ids[1]}"] .change').get_attribute("class")
    )
    shown.locator("#bars").scroll_into_view_if_needed()
    until(shown, "!stale.has('bars')")
    lines = shown.evaluate("document.getElementById('bars').layout.shapes.map((each) => each.x0)")
    assert lines == [0.9] and "dashed: the baseline" in shown.inner_text("#n-bars")
    assert [row.split("\t")[0] for row in shown.inner_text("#noise tbody").splitlines()] == ["momentum 0.8"] * 4
    shown.fill("#filter", "momentum > 0.8")  # the baseline itself is filtered out
    assert changes()[ids[1]] == ["-0.2"] and "baseline=" in shown.url
    assert [row.split("\t")[0] for row in shown.inner_text("#noise tbody").splitlines()] == ["momentum 0.8"] * 4
    shown.check("#grouped")
    assert shown.locator("#table .change").all_inner_texts() == ["-0.2", "+0.1"]
    shown.uncheck("#grouped")
    shown.get_by_role("button", name=f"No longer show differences against {ids[0]}").click()
    assert shown.locator("#table .change").count() == 0 and "baseline" not in shown.url


# What the page gives to the browser to save. Chromium takes up a download when it has nothing else to do: on a busy
# machine that was a minute.
GIVEN = """() => {
  window.saved = [];
  URL.createObjectURL = (blob) => { window.blob = blob; return "blob:saved"; };
  HTMLAnchorElement.prototype.click = function () { saved.push([this.getAttribute("href"), this.download, blob]); };
}"""


def saved_by(shown: Any, button: str) -> tuple[str, str]:
    """Name and content of the one file that a button saves."""
    shown.evaluate(GIVEN)
    shown.press(button, "Enter")
    until(shown, "saved.length > 0")
    address, name, text = shown.evaluate(
        "async () => { const [[address, name, blob]] = saved; return [address, name, await blob.text()]; }"
    )
    assert address == "blob:saved" and shown.evaluate("saved.length") == 1
    return name, text


@pytest.mark.browser
def test_the_visible_table_is_saved_as_csv(opened: Any, tmp_path: Path) -> None:
    for number in range(3):
        one(
            tmp_path / "runs",
            number,
            {"test_accuracy": 0.5 + number / 10, "validation_loss": 0.123456789 / (number + 1)},
            seed=number,
            note=f'=1+1,"{number}"',
        )
    shown = opened(written(tmp_path))
    shown.fill("#filter", "seed > 0")

    def saved() -> list[dict[str, str]]:
        name, text = saved_by(shown, "#csv")
        assert name == "runs.csv"
        return list(csv.DictReader(io.StringIO(text)))

    rows = saved()
    assert [float(row["test_accuracy"]) for row in rows] == [0.7, 0.6]
    assert [row["run"] for row in rows] == shown.evaluate("context.units.map((unit) => unit.key)")
    assert rows[0]["note"] == '\'=1+1,"2"'  # no spreadsheet computes it
    assert list(rows[0]) == ["run", *shown.evaluate("tableColumns(data, view)")]
    shown.check("#all-columns")
    assert float(saved()[0]["validation_loss"]) == 0.123456789 / 3 and "commit" in saved()[0]
    shown.fill("#filter", "")
    shown.uncheck("#all-columns")
    shown.evaluate("change({grouped: true})")
    assert {"experiment", "runs", "test_accuracy", "test_accuracy sd"} <= saved()[0].keys()


@pytest.mark.browser
def test_each_chart_is_saved_as_svg(opened: Any, told: tuple[Path, list[str]]) -> None:
    shown = opened(told[0])
    for chart in ("curves", "bars", "parallel", "time", "cost"):
        shown.locator(f"#{chart}").scroll_into_view_if_needed()
        until(shown, f"!stale.has('{chart}')")
        name, text = saved_by(shown, f'[data-save="{chart}"]')
        assert name == f"{chart}.svg"
        root = xml.etree.ElementTree.fromstring(text)
        assert root.tag.endswith("svg") and len(list(root.iter())) > 20


@pytest.mark.browser
def test_the_link_brings_the_view_along(opened: Any, told: tuple[Path, list[str]]) -> None:
    path, ids = told
    options = {"permissions": ["clipboard-read", "clipboard-write"]}
    shown = opened(path, **options)
    shown.fill("#filter", "seed < 2")
    tick(shown, ids[0])
    shown.click("#copy")
    shown.get_by_role("button", name="Copied").wait_for()
    copied = shown.evaluate("navigator.clipboard.readText()")
    other = opened(copied)
    assert other.inner_text("#count") == "2 of 3 runs" and other.evaluate("view.ticked") == [ids[0]]


@pytest.mark.browser
@pytest.mark.parametrize("view", ["ticked", "run"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened: Any, told: tuple[Path, list[str]], view: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    path, ids = told
    which = f"ticked={ids[0]},{ids[1]}&baseline={ids[0]}" if view == "ticked" else f"run={ids[2]}"
    shown = opened(f"{path.as_uri()}#{which}", color_scheme=scheme)
    shown.locator("#codes pre >> nth=0" if view == "ticked" else "#own pre >> nth=0").wait_for()
    violations = Axe().run(shown).response["violations"]
    assert [each["id"] for each in violations if each["impact"] in ("serious", "critical")] == []


@pytest.mark.browser
@pytest.mark.parametrize("view", ["", "ticked", "run"])
def test_nothing_is_wider_than_400_pixels(opened: Any, told: tuple[Path, list[str]], view: str) -> None:
    path, ids = told
    which = {"": "", "ticked": f"ticked={ids[0]},{ids[1]}", "run": f"run={ids[2]}"}[view]
    shown = opened(f"{path.as_uri()}#{which}", width=400)
    if view:
        shown.locator("#codes pre >> nth=0" if view == "ticked" else "#own pre >> nth=0").wait_for()
    assert shown.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.browser
def test_everything_works_by_the_keyboard(opened: Any, told: tuple[Path, list[str]]) -> None:
    path, ids = told
    shown = opened(path)

    def press(selector: str, key: str) -> None:
        shown.focus(selector)
        shown.keyboard.press(key)

    for each in ids[:2]:
        press(f'[data-do="tick"][data-key="{each}"]', "Space")
        assert shown.evaluate("document.activeElement.dataset.key") == each
    press("#differ", "Enter")
    assert shown.evaluate("document.activeElement.id") == "compared"
    press(f'[data-do="base"][data-key="{ids[0]}"]', "Enter")
    assert shown.evaluate("[view.baseline, document.activeElement.dataset.key]") == [ids[0], ids[0]]
    press(f'tr[data-key="{ids[1]}"] a', "Enter")
    shown.get_by_role("heading", name=ids[1]).wait_for()
    press('[data-do="close"]', "Enter")
    assert shown.is_visible("#charts")


@pytest.mark.browser
def test_a_runs_page_is_printed_whole(opened: Any, told: tuple[Path, list[str]]) -> None:
    path, ids = told
    shown = opened(f"{path.as_uri()}#run={ids[2]}", color_scheme="dark")
    shown.locator("#own pre >> nth=0").wait_for()
    shown.emulate_media(media="print")
    until(shown, "printing")
    assert shown.evaluate("getComputedStyle(document.querySelector('#own pre')).maxHeight") == "none"
    assert (
        not shown.is_visible('[data-do="close"]')
        and shown.evaluate("document.documentElement.dataset.theme") == "light"
    )


@pytest.mark.browser
def test_a_large_report_is_compressed_and_shows_the_same(opened: Any, tmp_path: Path, monkeypatch: Any) -> None:
    ids = [run.path.name for run in evidence(tmp_path / "runs")]
    plain = written(tmp_path).read_text()
    monkeypatch.setattr(page, "PACKED", 0)
    packed = written(tmp_path)
    assert packed.stat().st_size < len(plain) / 2
    shown = opened(f"{packed.as_uri()}#ticked={ids[0]},{ids[1]}")
    assert shown.inner_text("#count") == "3 of 3 runs"
    shown.locator("#codes pre >> nth=0").wait_for()
    shown.fill("#filter", "seed == 1")
    assert shown.inner_text("#count") == "1 of 3 runs"


@pytest.mark.browser
def test_a_served_report_asks_for_the_details(opened: Any, tmp_path: Path) -> None:
    ids = [run.path.name for run in evidence(tmp_path / "runs")]
    bound = serve.server(tmp_path / "runs", 0)
    thread = threading.Thread(target=bound.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        shown = opened(f"http://127.0.0.1:{bound.server_port}/#ticked={ids[0]},{ids[1]}")
        shown.locator("#codes pre >> nth=0").wait_for()
        shown.get_by_role("link", name=ids[2]).click()
        shown.get_by_text("epoch=1 of run 2").wait_for()
        shown.close()
        connection = http.client.HTTPConnection("127.0.0.1", bound.server_port, timeout=20)
        for asked, known in (("../runs", set()), (ids[1], {ids[1]}), ("", set())):
            connection.request("GET", f"/details.json?run={asked}")
            assert json.loads(connection.getresponse().read())["runs"].keys() == known
    finally:
        bound.shutdown()
        thread.join()
        bound.server_close()


@pytest.mark.browser
@pytest.mark.parametrize("seed", range(3))
def test_a_difference_of_lines_makes_one_text_of_the_other(browser: Any, seed: int) -> None:
    import random

    chance = random.Random(seed)
    context = browser.new_context()
    shown = context.new_page()
    shown.add_script_tag(content=(page.WEB / "diff.js").read_text())
    for _ in range(60):
        old = [str(chance.randrange(6)) for _ in range(chance.randrange(40))]
        new = list(old)
        for _ in range(chance.randrange(12)):
            at = chance.randrange(len(new) + 1)
            if chance.random() < 0.5:
                new.insert(at, str(chance.randrange(6)))
            else:
                del new[at : at + 1]
        found = shown.evaluate("([a, b]) => edits(a, b)", [old, new])
        assert [line for sign, line in found if sign != "+"] == old
        assert [line for sign, line in found if sign != "-"] == new
        changed = sum(sign != " " for sign, _ in found)
        assert changed == len(old) + len(new) - 2 * common(old, new)  # the shortest
    context.close()


def common(old: list[str], new: list[str]) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(new) + 1)
    for line in old:
        before, row = row, [0]
        for at, other in enumerate(new):
            row.append(before[at] + 1 if line == other else max(row[at], before[at + 1]))
    return row[-1]


def test_no_secret_is_in_the_details(tmp_path: Path) -> None:
    runs = evidence(tmp_path / "runs")
    line, secret = planted("GitLab")
    runs[0].log.write_text(f'{line}\npassword = "Vq8sKd02LmXz9PqR"\n')
    (runs[1].code / "programs" / "step.py").write_text(f"# {line}\n")
    (runs[0].path / "learning_curve.svg").write_text(SVG.replace("<rect", f"<title>{line}</title><rect"))
    change(runs[2], "placement.reason", line)
    (tmp_path / "scratch").mkdir()
    found = gather.table(tmp_path / "runs", [], tmp_path / "scratch")["details"]
    assert secret not in json.dumps(found)
    assert "Vq8sKd02" not in json.dumps(found)
    (plot,) = found["runs"][runs[0].path.name]["plots"].values()
    assert secret not in base64.b64decode(plot.partition(",")[2]).decode()
    assert len(found["codes"]) == 2 and len(found["texts"]) == 5


def test_details_stop_where_a_page_is_full_and_links_are_not_followed(tmp_path: Path, monkeypatch: Any) -> None:
    runs = evidence(tmp_path / "runs")
    (tmp_path / "mine").write_text("mine")
    runs[2].log.unlink()
    runs[2].log.symlink_to(tmp_path / "mine")
    (runs[2].path / "a.png").symlink_to(tmp_path / "mine")
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(details, "SIZE", 2 * runs[0].plan.stat().st_size + 2 * runs[0].record.stat().st_size + 1000)
    found = gather.table(tmp_path / "runs", [], tmp_path / "scratch")["details"]
    assert list(found["runs"]) == [run.path.name for run in runs[:0:-1]]  # the newest two
    assert found["runs"][runs[2].path.name]["log"] == "" and not found["runs"][runs[2].path.name]["plots"]
    assert "mine" not in json.dumps(found)


def test_generated_runs_have_one_code_which_is_not_kept(tmp_path: Path) -> None:
    generated_runs.leave(tmp_path / "runs", 3, epochs=1)
    (tmp_path / "scratch").mkdir()
    found = gather.table(tmp_path / "runs", [], tmp_path / "scratch")["details"]
    assert len(found["runs"]) == 3 and not found["codes"] and not found["texts"]
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{8}", next(iter(found["runs"])))
