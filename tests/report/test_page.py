import http.client
import json
import re
import signal
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import generated_runs
from benchmarks.generated_runs import CLASSIFIER, COUNTER, LANGUAGE, one
from harness.contract import record, serial
from harness.contract.errors import NotReady, SettingError
from harness.contract.metrics import Metric
from harness.evidence import baseline, noise
from harness.report import gather, page, serve
from harness.report import table as tables
from harness.report.rows import row_of
from harness.runs import stored
from harness.sharing import run_archive
from tests.support.browser import until
from tests.support.planted import planted

pytestmark = pytest.mark.slow  # a minute together

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 8e6  # bytes
NASTY = '</script><script>window.broken=1</script><img src=x onerror="window.broken=1">'


def table_of(runs, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return gather.table(runs, [], scratch)


def written(folder):
    """The report on the runs of a folder, as a file."""
    page.write(folder / "report.html", page.assemble(table_of(folder / "runs", folder), live=False))
    return folder / "report.html"


def column(table, name):
    return next(each["values"] for each in table["columns"] if each["name"] == name)


def rewrite(run, **changes):
    """The same run with a record that says otherwise."""
    planned = run.planned()
    run.record.write_text(serial.dumps(record.of(planned, **{"status": "completed", **changes})))


def verdict(run, original, word):
    run.verdict.write_text(json.dumps({"schema": 1, "original": original, "replay": run.path.name, "verdict": word}))


def test_no_text_of_a_run_brings_a_secret_into_the_page(tmp_path):
    (run,) = generated_runs.leave(tmp_path / "runs", 1, epochs=2)
    line, secret = planted("GitLab")
    content = json.loads(run.plan.read_text())
    content["description"]["about"] = f"a model, {line}"
    content["provenance"]["sweep"] = secret
    run.plan.write_text(json.dumps(content))
    table = table_of(tmp_path / "runs", tmp_path)
    text = json.dumps(table) + page.assemble(table, live=False)
    assert secret not in text
    assert column(table, "about") == ["a model, [secret]"] and column(table, "sweep") == ["[secret]"]


def test_a_run_becomes_settings_results_time_and_marks(tmp_path):
    for run in generated_runs.leave(tmp_path / "runs", 3, epochs=4):
        past = stored.read(run)
    cells = row_of(past).cells
    assert cells["test_accuracy"] == past.record.value("test")
    assert cells["train_loss"] == past.record.results.metrics["train_loss"]
    assert (cells["program"], cells["about"]) == ("classifier", "a generated classifier")
    assert cells["minutes"] == pytest.approx(past.record.seconds["train"] / 60, abs=1e-4)
    assert cells["usd"] == past.record.bill.usd and cells["resnet_size"] == past.plan.experiment.config["resnet_size"]
    assert (cells["sample"], cells["dirty"], cells["status"], cells["epochs_done"]) == (False, False, "completed", 4)


def test_runs_that_differ_in_their_seed_alone_are_one_group(tmp_path):
    generated_runs.leave(tmp_path / "runs", 6, epochs=1)
    groups = column(table_of(tmp_path / "runs", tmp_path), "group")
    assert len(set(groups[:3])) == 1 and len(set(groups[3:])) == 1 and groups[0] != groups[3]


def test_an_original_is_marked_only_by_a_replay_that_was_identical(tmp_path):
    first, second, third, fourth = (one(tmp_path / "runs", number) for number in range(4))
    verdict(third, first.path.name, "identical")
    verdict(fourth, second.path.name, "different")
    table = table_of(tmp_path / "runs", tmp_path)
    assert column(table, "replayed") == [True, False, False, False]
    assert column(table, "verdict") == [None, None, "identical", "different"]


def test_what_a_run_cannot_say_is_unknown_and_never_nan(tmp_path):
    run = one(tmp_path / "runs", 0, status=None)
    run.metrics.write_text("epoch,train_loss,validation_loss\n1,nan,inf\n2,0.5,\n".replace("2,0.5,\n", "2,0.5,1\n"))
    table = table_of(tmp_path / "runs", tmp_path)
    assert column(table, "status") == ["running"] and column(table, "test_accuracy") == [None]
    assert table["curves"][0]["train_loss"] == [None, 0.5]
    json.dumps(table, allow_nan=False)


def test_curves_are_thinned_to_their_ends_and_an_even_choice(tmp_path, monkeypatch):
    generated_runs.leave(tmp_path / "runs", 2, epochs=200)
    monkeypatch.setattr(tables, "NUMBERS", 200)  # five columns of two runs
    epochs = table_of(tmp_path / "runs", tmp_path)["curves"][0]["epoch"]
    assert len(epochs) == 20 and (epochs[0], epochs[-1]) == (1, 200)


def test_metrics_come_from_the_runs_and_those_of_the_most_frequent_program_first(tmp_path):
    for number, kind in enumerate((CLASSIFIER, LANGUAGE, COUNTER, LANGUAGE)):
        generated_runs.leave(tmp_path / "runs", 1, epochs=3, kind=kind, first=number)
    table = table_of(tmp_path / "runs", tmp_path)
    assert table["metrics"] == [
        {"name": "perplexity", "better": "lower", "unit": "per word", "share": False},
        {"name": "accuracy", "better": "higher", "unit": "", "share": True},
        {"name": "loss", "better": "lower", "unit": "nats", "share": False},
        {"name": "error", "better": "lower", "unit": "", "share": True},
    ]
    columns = {each["name"]: each for each in table["columns"]}
    assert columns["program"]["values"] == ["classifier", "language", "counter", "language"]
    assert [value is not None for value in columns["test_perplexity"]["values"]] == [False, True, False, True]
    assert [value is not None for value in columns["width"]["values"]] == [False, False, True, False]
    assert (columns["test_error"]["metric"], columns["minutes"]["metric"]) == ("error", None)
    assert not {"accuracy", "validation_resnet_size"} & columns.keys()


def test_every_column_of_the_curve_that_is_a_split_is_drawn_whatever_its_name(tmp_path):
    one(tmp_path / "runs", 0, {"train_perplexity": 3.0, "train_norm": 0.5, "validation_bits": 2.0}, LANGUAGE)
    table = table_of(tmp_path / "runs", tmp_path)
    assert table["drawn"] == ["train_perplexity", "train_norm", "validation_bits"]
    assert table["curves"] == [{"epoch": [1], "train_perplexity": [3], "train_norm": [0.5], "validation_bits": [2]}]
    assert column(table, "train_norm") == [0.5] and column(table, "validation_perplexity") == [None]


def test_one_name_of_two_meanings_is_two_metrics(tmp_path):
    risen = replace(CLASSIFIER, name="risen", metrics=(Metric("score", "higher"),))
    fallen = replace(CLASSIFIER, name="fallen", metrics=(Metric("score", "lower"),))
    for number, kind in enumerate((fallen, risen, risen)):
        one(tmp_path / "runs", number, {"train_score": 1.0, "test_score": float(number)}, kind)
    table = table_of(tmp_path / "runs", tmp_path)
    assert [(each["name"], each["better"]) for each in table["metrics"]] == [
        ("score", "higher"),
        ("score.fallen", "lower"),
    ]
    assert column(table, "test_score") == [None, 1.0, 2.0] and column(table, "test_score.fallen") == [0.0, None, None]
    assert [sorted(curves) for curves in table["curves"]] == [
        ["epoch", "train_score.fallen"],
        ["epoch", "train_score"],
        ["epoch", "train_score"],
    ]


def test_a_setting_whose_name_the_report_uses_itself_keeps_its_values(tmp_path):
    one(tmp_path / "runs", 0, minutes=7, seed=3)
    table = table_of(tmp_path / "runs", tmp_path)
    assert (column(table, "config.minutes"), column(table, "minutes"), column(table, "seed")) == ([7], [None], [3])


A, B, C = (f"{letter * 32}.dir" for letter in "abc")


def test_data_sets_are_listed_and_a_function_says_how_they_differ(tmp_path):
    for number, (kind, digest) in enumerate([(CLASSIFIER, A), (LANGUAGE, C), (CLASSIFIER, B), (CLASSIFIER, B)]):
        one(tmp_path / "runs", number, kind=kind, dataset=replace(generated_runs.DATASET, hash=digest))
    every = [row_of(run) for run in stored.everything(tmp_path / "runs")[0]]
    versions = tables.build(every, [], lambda *which: [" ".join(which)])["versions"]
    assert [(each["hash"], each["runs"], each["lines"]) for each in versions] == [
        (A, 1, []),
        (C, 1, []),
        (B, 2, [f"classifier {A} {B}"]),
    ]


def test_the_file_fetches_nothing_and_forbids_it(tmp_path):
    generated_runs.leave(tmp_path / "runs", 3, epochs=2)
    html = page.assemble(table_of(tmp_path / "runs", tmp_path), live=False)
    assert "connect-src 'none'" in html and "default-src 'none'" in html
    assert not re.search(r"<(link|script|img|iframe)\b[^>]*\b(src|href)=", html.split("<script>")[0])
    assert "{{" not in html.split('<script type="application/json"')[0]


def test_of_the_chart_library_only_what_is_drawn_is_started():
    from plotly.offline import get_plotlyjs

    found = page.REGISTERED.findall(get_plotlyjs())
    assert len(found) == 1 and page.starting(get_plotlyjs()).count(found[0]) == 1
    assert page.REGISTERED.search(page.starting(get_plotlyjs())) is None


def test_nothing_that_a_run_says_ends_its_script(tmp_path):
    rewrite(one(tmp_path / "runs", 0), reason=NASTY, status="failed")
    html = page.assemble(table_of(tmp_path / "runs", tmp_path), live=False)
    data = re.search(r'id="data">(.*?)</script>', html, re.S).group(1)
    assert "<" not in data and NASTY in column(json.loads(data), "reason")


def test_a_secret_of_the_environment_is_not_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("COMET_API_KEY", "q" * 25)
    rewrite(one(tmp_path / "runs", 0), reason=f"refused {'q' * 25}", status="failed")
    assert "q" * 25 not in page.assemble(table_of(tmp_path / "runs", tmp_path), live=False)


def test_a_thousand_runs_stay_under_8_mb(many):
    assert many.stat().st_size < LIMIT


def test_named_runs_folders_and_archives_come_together_once_each(tmp_path):
    first, second = one(tmp_path / "runs", 0), one(tmp_path / "runs", 5)
    other = one(tmp_path / "other", 9)
    archive = tmp_path / "run.zip"
    archive.write_bytes(run_archive.pack(stored.read(other), ROOT, False, ""))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    named = [str(tmp_path / "runs"), first.path.name, str(archive)]
    table = gather.table(tmp_path / "runs", named, scratch)
    assert column(table, "run") == [first.path.name, second.path.name, other.path.name]


def comet_archive(path, run):
    """As Comet's offline mode lays a run's files down."""
    names = ("plan.json", "record.json", "metrics.csv")
    with zipfile.ZipFile(path, "w") as archive:
        messages = [
            {"type": "file_upload", "payload": {"file_path": f"/x/{name}.bin", "additional_params": {"fileName": name}}}
            for name in names
        ]
        archive.writestr("messages.json", "\n".join(json.dumps(message) for message in messages))
        for name in names:
            archive.writestr(f"{name}.bin", (run.path / name).read_bytes())


def test_comets_offline_archive_counts_as_its_run(tmp_path):
    run = one(tmp_path / "elsewhere", 0, {"train_loss": 0.5})
    comet_archive(tmp_path / "key.zip", run)
    (tmp_path / "scratch").mkdir()
    table = gather.table(tmp_path / "runs", [str(tmp_path / "key.zip")], tmp_path / "scratch")
    assert column(table, "run") == [run.path.name] and table["curves"][0]["train_loss"] == [0.5]


def type_in(*arguments, **options):
    command = [sys.executable, str(ROOT / "src" / "report.py"), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False, **options)


def test_the_verb_writes_the_file_and_tells_what_it_left_out(tmp_path):
    one(tmp_path / "runs", 0)
    broken = one(tmp_path / "runs", 5)
    broken.record.write_text("{")
    done = type_in(f"runs_folder={tmp_path / 'runs'}")
    assert done.returncode == 0, done.stderr
    assert f"left out  {broken.path}" in done.stdout and "1 runs" in done.stdout
    assert [path.name for path in (tmp_path / "runs").glob("*report*")] == ["report.html"]


@pytest.mark.parametrize(
    ("arguments", "words"), [(("nowhere",), "no such run"), (("serve", "port=x"), "a number"), (("serv",), "legal")]
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, arguments, words):
    done = type_in(*arguments, f"runs_folder={tmp_path}")
    assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(NotReady, match="cannot be written"):
        page.write(tmp_path / "report.html", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.fixture
def served(tmp_path):
    one(tmp_path / "runs", 0, status=None)
    made = serve.server(tmp_path / "runs", 0)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def ask(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.getheader("ETag"), body


def test_the_server_says_what_is_new_and_nothing_twice(served, tmp_path):
    port = served.server_port
    status, tag, body = ask(port, "/runs.json")
    assert status == 200 and column(json.loads(body), "status") == ["running"]
    assert ask(port, "/runs.json", **{"If-None-Match": tag})[0] == 304
    one(tmp_path / "runs", 5)
    status, _, body = ask(port, "/runs.json", **{"If-None-Match": tag})
    assert status == 200 and column(json.loads(body), "status") == ["running", "completed"]
    assert ask(port, "/")[0] == 200 and ask(port, "/../plan.json")[0] == 404


def test_the_server_is_on_loopback_and_refuses_another_name(served):
    assert served.server_address[0] == "127.0.0.1"
    assert ask(served.server_port, "/runs.json", Host=f"evil.example:{served.server_port}")[0] == 403
    assert ask(served.server_port, "/", Host="127.0.0.1")[0] == 403
    with pytest.raises(SettingError, match="in use"):
        serve.server(Path(), served.server_port)


def test_ctrl_c_ends_serving_in_order(tmp_path):
    command = [sys.executable, "src/report.py", "serve", "port=0", f"runs_folder={tmp_path}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=20)
    assert (process.returncode, said, errors) == (0, "ended\n", "")


# In Chromium.

REAL = 10


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """The report on 1,000 generated runs and 10 left as runs leave them, one of them with words that could break it."""
    folder = tmp_path_factory.mktemp("many")
    generated_runs.leave(folder / "runs", 1000)
    left = [one(folder / "runs", 2000 + number, seed=number) for number in range(REAL)]
    rewrite(left[0], reason=NASTY, status="failed")
    verdict(left[1], "20260301T000000Z", "identical")
    return written(folder)


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    folder = tmp_path_factory.mktemp("few")
    generated_runs.leave(folder / "runs", 60, epochs=6)
    return written(folder)


def count(shown):
    return shown.inner_text("#count")


def drawn(shown, chart):
    """How many points a chart has, over all of its traces."""
    shown.locator(f"#{chart}").scroll_into_view_if_needed()
    until(shown, f"seen.has('{chart}') && !stale.has('{chart}')")
    return shown.evaluate(f"(document.getElementById('{chart}').data ?? []).reduce((n, t) => n + t.x.length, 0)")


@pytest.mark.browser
def test_a_filter_that_is_typed_acts_on_every_chart_and_the_table(opened, few):
    shown = opened(few)
    before = {chart: drawn(shown, chart) for chart in ("curves", "bars", "parallel", "time", "cost")}
    shown.click("#filter")
    shown.keyboard.type("test_accuracy > 80 % and resnet_size == 50")
    wanted = shown.evaluate(
        "data.columns.get('test_accuracy').values"
        ".filter((a, i) => a > 0.8 && data.value('resnet_size', i) === 50).length"
    )
    assert 0 < wanted < 60 and count(shown) == f"{wanted} of 60 runs"
    assert shown.locator("#table tbody tr").count() == wanted
    after = {chart: drawn(shown, chart) for chart in before}
    assert after["bars"] == after["time"] == wanted and all(after[chart] < before[chart] for chart in before)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("text", "rows_", "complaint"),
    [
        ("a > 1 and t == 'x'", [1], None),
        ("a > 1 or b", [0, 1, 2, 3], None),
        ("not b", [1], None),
        ("not (a < 2 or a >= 3)", [1, 3], None),
        ("1 < a < 3", [1], None),
        ("a in (1, 3)", [0, 2], None),
        ("a not in [1, 3]", [1, 3], None),
        ("a == null", [3], None),
        ("t ~ 'X' && !b", [1], None),
        ("-1 < a and (a) <= 1e0", [0], None),
        ("b = True", [0, 2, 3], None),
        ("", [0, 1, 2, 3], None),
        ("a <= 200%", [0, 1], None),
        ("p <= 7 % and p > .07", [1], None),
        ("accuray > 1", None, "did you mean accuracy?"),
        ("loss > 1", None, "did you mean test_loss?"),
        ("a > 'x'", None, "cannot be compared"),
        ("a", None, "compare it"),
        ("t == x", None, "no column x"),
        ("a > ", None, "missing before the end"),
        ("(a > 1", None, "“)” is missing"),
        ("a > 1 b", None, "not expected"),
        ("t == 'x", None, "not closed"),
        ("a > 1; alert(1)", None, "“;” at 6"),
        ("constructor == 1", None, "no column constructor"),
        ("t > null", None, "only be compared"),
        ("(" * 99 + "a > 1" + ")" * 99, [1, 2], None),
        ("(" * 4000 + "a > 1", None, "nested more than 100 deep"),
        ("not " * 2000 + "b", None, "nested more than 100 deep"),
        ("(" * 100_000, None, "10000 characters at most"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_the_filters_language(opened_blank, text, rows_, complaint):
    found = opened_blank.evaluate(
        """(text) => {
          const columns = new Map(Object.entries({
            a: {kind: "number", values: [1, 2, 3, null]}, accuracy: {kind: "number", values: []},
            test_loss: {kind: "number", values: []}, p: {kind: "number", values: [0.07, 7, 8, null], inPercent: true},
            b: {kind: "bool", values: [true, false, true, true]}, t: {kind: "text", values: ["y", "x", "z", null]}}));
          try { const test = parseFilter(text, columns); return [0, 1, 2, 3].filter(test); } catch (error) {
            if (!(error instanceof FilterError)) throw error; return error.message; } }""",
        text,
    )
    if rows_ is None:
        assert complaint in found
    else:
        assert found == rows_


@pytest.fixture(scope="module")
def opened_blank(browser):
    context = browser.new_context()
    made = context.new_page()
    made.add_script_tag(content=(page.WEB / "filter.js").read_text() + "\nwindow.FilterError = FilterError;")
    yield made
    context.close()


@pytest.mark.browser
def test_a_mistake_in_the_filter_is_told_and_the_last_good_one_stays(opened, few):
    shown = opened(few)
    shown.fill("#filter", "resnet_size < 20")
    good = count(shown)
    shown.fill("#filter", "resnet_siz < 20")
    shown.get_by_text("did you mean resnet_size?").wait_for()
    assert count(shown) == good and shown.get_attribute("#filter", "aria-invalid") == "true"
    shown.fill("#filter", "")
    assert shown.inner_text("#complaint") == "" and count(shown) == "60 of 60 runs"


@pytest.mark.browser
def test_a_box_drawn_on_an_axis_keeps_a_range_and_the_address_shows_it_all_again(opened, few):
    shown = opened(few)
    shown.fill("#filter", "status == 'completed'")
    drawn(shown, "parallel")
    at = shown.evaluate(
        """() => { const n = document.getElementById('parallel');
        const b = n.querySelector('.nsewdrag').getBoundingClientRect();
        const axes = axesOf(data, view).length, x = n._fullLayout.xaxis, y = n._fullLayout.yaxis;
        return {x: b.left + x.l2p(axes - 1), top: b.top + y.l2p(1.04), middle: b.top + y.l2p(0.5)}; }"""
    )
    shown.mouse.move(at["x"] - 8, at["top"])
    shown.mouse.down()
    shown.mouse.move(at["x"], at["middle"] - 20, steps=4)
    shown.mouse.move(at["x"] + 8, at["middle"], steps=4)
    shown.mouse.up()
    chip = shown.locator("#chips button")
    chip.wait_for()
    assert chip.inner_text().startswith("test_accuracy: ")
    kept = int(count(shown).split()[0])
    assert 0 < kept < 58 and shown.locator("#table tbody tr").count() == kept
    shown.select_option("#metric", "loss")
    shown.select_option("#curve", "train_loss")
    shown.click("text=Pin >> nth=2")
    shown.click("text=Hide >> nth=0")
    shown.click('[data-sort="minutes"]')
    shown.check("#grouped")
    before = shown.evaluate("[document.getElementById('count').innerText, writeView(view)]")
    assert all(
        word in before[1]
        for word in ("filter", "brush=test_accuracy", "metric=loss", "curve=train_loss", "pinned", "hidden", "grouped")
    )
    table = shown.inner_text("#table tbody")
    shown.reload()
    until(shown, "performance.getEntriesByName('first-chart').length")
    assert [count(shown), shown.evaluate("writeView(view)")] == before
    assert shown.inner_text("#table tbody") == table and shown.input_value("#curve") == "train_loss"
    shown.click("text=Reset view")
    assert count(shown) == "60 of 60 runs" and "#" not in shown.url


@pytest.mark.browser
def test_hidden_runs_leave_every_chart_and_come_back(opened, few):
    shown = opened(few)
    bars = drawn(shown, "time")
    name = shown.locator("#table tbody tr").first.get_attribute("data-key")
    shown.locator("#table tbody").get_by_role("button", name=f"Hide {name}").click()
    assert count(shown) == "59 of 60 runs" and drawn(shown, "time") == bars - 1
    shown.get_by_role("button", name=f"Show {name} again").click()
    assert count(shown) == "60 of 60 runs" and drawn(shown, "time") == bars


@pytest.mark.browser
def test_a_pinned_run_has_a_colour_in_every_chart(opened, few):
    shown = opened(few)
    shown.locator("#table tbody tr").nth(40).get_by_role("button", name="Pin").click()
    key = shown.evaluate("view.pinned[0]")
    for chart in ("bars", "time"):
        drawn(shown, chart)
        colors = shown.evaluate(
            f"document.getElementById('{chart}').data.flatMap(t => t.customdata.map((k, i) => [k, t.marker.color[i]]))"
        )
        assert {color for run, color in colors if run == key} == {shown.evaluate("LIGHT[0]")}
    assert shown.evaluate("document.getElementById('curves').data.filter(t => t.line.color === LIGHT[0]).length") == 2


@pytest.mark.browser
def test_a_click_on_a_header_sorts_and_says_so(opened, few):
    shown = opened(few)
    for direction, turn in (("descending", True), ("ascending", False)):
        shown.click('[data-sort="resnet_size"]')
        assert (
            shown.locator("th", has=shown.locator('[data-sort="resnet_size"]')).get_attribute("aria-sort") == direction
        )
        place = shown.evaluate("tableColumns(data, view).indexOf('resnet_size') + 2")
        sizes = [int(text) for text in shown.locator(f"#table tbody tr > :nth-child({place + 1})").all_inner_texts()]
        assert sizes == sorted(sizes, reverse=turn)


@pytest.mark.browser
def test_seeds_are_grouped_with_mean_and_standard_deviation(opened, few):
    shown = opened(few)
    shown.check("#grouped")
    groups = shown.evaluate("new Set(data.columns.get('group').values).size")
    assert 15 < groups <= 20 and count(shown) == f"60 of 60 runs in {groups} experiments"
    mean, sd = shown.evaluate(
        "(u => [mean(data, u, 'test_accuracy'), spread(data, u, 'test_accuracy')])(context.units[0])"
    )
    values = shown.evaluate("context.units[0].rows.map(row => data.value('test_accuracy', row)).filter(Number)")
    middle = sum(values) / len(values)
    assert mean == pytest.approx(middle)
    assert sd == pytest.approx((sum((value - middle) ** 2 for value in values) / (len(values) - 1)) ** 0.5)
    assert "±" in shown.locator("#table tbody tr").first.inner_text()


SEEDS = {  # values of two experiments over their seeds, and the spread that the program declares
    "two and two": ([0.5, 0.6], [0.7, 0.8], None),
    "an odd number": ([0.5, 0.6, 0.55], [0.7, 0.8], 0.2),
    "one and one": ([0.5], [0.58], 0.02),
    "nobody knows": ([0.5], [0.6], None),
    "no change": ([0.5, 0.7], [0.6], None),
    "many": ([0.1 * number for number in range(30)], [0.1 * number + 0.3 for number in range(25)], None),
}


@pytest.mark.browser
def test_the_page_judges_noise_as_compare_does(opened, few):
    shown = opened(few)
    for name, (old, new, declared) in SEEDS.items():
        expected = noise.judge(Metric("loss", "lower", spread=declared), old, new)
        found = shown.evaluate("([a, b, spread]) => judgeNoise(a, b, spread)", [old, new, declared])
        for field in ("change", "spread", "limit"):
            value = getattr(expected, field)
            assert found[field] == (value if value is None else pytest.approx(value, rel=1e-6, abs=1e-12)), name
        assert (found["larger"], found["seeds"]) == (expected.larger, expected.seeds), name


def differences(shown):
    """The cells of the table of differences."""
    return [row.split("\t") for row in shown.inner_text("#noise tbody").splitlines()]


@pytest.mark.browser
def test_a_difference_is_held_against_the_spread_over_seeds_for_each_metric(opened, tmp_path):
    measured = replace(
        LANGUAGE, metrics=(Metric("perplexity", "lower", unit="per word", spread=0.5), Metric("bits", "lower"))
    )
    for number, (layers, seed, value) in enumerate(
        [(2, 0, 9.0), (2, 1, 9.4), (2, 2, 9.2), (4, 0, 9.1), (4, 1, 8.9), (6, 0, 7.0)]
    ):
        numbers = {"test_perplexity": value, "test_bits": value / 3}
        one(tmp_path / "runs", number, numbers, measured, layers=layers, seed=seed)
    other = replace(generated_runs.DATASET, hash=A)
    one(tmp_path / "runs", 9, {"test_perplexity": 20.0, "test_bits": 4.0}, measured, dataset=other, layers=2)
    every = stored.everything(tmp_path / "runs")[0]
    shown = opened(written(tmp_path))
    shown.check("#grouped")
    rows = differences(shown)
    assert [row[:3] for row in rows[:4]] == [
        ["layers 4", "layers 6", "perplexity"],
        ["layers 4", "layers 6", "bits"],
        ["layers 2", "layers 6", "perplexity"],
        ["layers 2", "layers 6", "bits"],
    ]
    assert rows[4][5] == "they saw different data"
    by_layers = {run.plan.experiment.config["layers"]: run for run in every[:6]}
    for row, judged in zip(
        rows[:4],
        [*(baseline.noise(every, by_layers[4], by_layers[6])), *(baseline.noise(every, by_layers[2], by_layers[6]))],
        strict=True,
    ):
        assert row[5] == ("larger than the noise" if judged.larger else "inside the noise")
        assert row[7] == str(judged.seeds) and f"{judged.counts[0]} and {judged.counts[1]} seeds" in row[6]
        assert float(row[4].split()[1]) == pytest.approx(judged.limit, rel=1e-3)
    # the pinned ones, whatever their order; one seed of each, and a spread that only one of the metrics declares
    shown.fill("#filter", "layers == 6 or (layers == 2 and seed == 1)")
    assert [row[5] for row in differences(shown)[:2]] == [row[5] for row in rows[2:4]]
    shown.fill("#filter", "")
    for layers in (2, 4):
        shown.locator("#table tbody tr", has_text=f"layers {layers} (").first.get_by_role("button", name="Pin").click()
    pinned = differences(shown)
    assert {tuple(row[:2]) for row in pinned} == {("layers 2", "layers 4")} and "pinned" in shown.inner_text("#n-noise")
    assert pinned[0][3] == "-0.2 per word (lower is better)"


@pytest.mark.browser
def test_everything_can_be_done_with_the_keyboard(opened, few):
    shown = opened(few)
    shown.keyboard.press("Tab")
    assert shown.evaluate("document.activeElement.id") == "skip"
    shown.focus("#filter")
    shown.keyboard.type("resnet_size == 8")
    shown.focus("#range-low")
    shown.keyboard.type("0.5")
    shown.keyboard.press("Tab")
    shown.keyboard.type("90 %")
    shown.keyboard.press("Enter")
    assert "test_accuracy: 50.00 % to 90.00 %" in shown.inner_text("#chips")
    shown.focus("#table tbody tr:nth-child(2) .tool")
    shown.keyboard.press("Space")
    assert shown.evaluate("[view.pinned.length, document.activeElement.getAttribute('aria-pressed')]") == [1, "true"]
    shown.focus("#chips button")
    shown.keyboard.press("Enter")
    assert shown.evaluate("[Object.keys(view.brush).length, document.activeElement.id]") == [0, "filter"]


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(opened, few, scheme):
    from axe_playwright_python.sync_playwright import Axe

    shown = opened(few, color_scheme=scheme, bypass_csp=True)
    for chart in ("curves", "bars", "parallel", "time", "cost"):
        drawn(shown, chart)
    shown.check("#grouped")
    shown.fill("#filter", "test_accuracy >")
    shown.wait_for_timeout(600)  # until it complains
    found = Axe().run(shown).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []


@pytest.mark.browser
def test_dark_follows_the_system_and_the_button(opened, few):
    shown = opened(few, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = shown.evaluate(ground)
    assert shown.evaluate("document.getElementById('curves')._fullLayout.font.color") == "#e4e8ec"
    shown.click("#theme")
    assert shown.evaluate(ground) == "rgb(255, 255, 255)" != dark


@pytest.mark.browser
def test_400_pixels_are_enough(opened, few):
    shown = opened(few, width=400, height=800)
    for chart in ("curves", "bars", "parallel", "time", "cost"):
        drawn(shown, chart)
        assert shown.evaluate(f"document.getElementById('{chart}').getBoundingClientRect().right") <= 400
    assert shown.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.browser
def test_print_shows_every_chart_in_light_and_no_controls(opened, few):
    shown = opened(few, height=500, color_scheme="dark")
    shown.emulate_media(media="print")
    until(shown, "printing && CHARTS.every((chart) => !stale.has(chart.id))")
    assert shown.evaluate("document.documentElement.dataset.theme") == "light"
    assert not shown.is_visible("#controls") and not shown.is_visible(".tool >> nth=0")
    assert shown.evaluate("CHARTS.every((c) => document.getElementById(c.id)._fullLayout.width <= 680)")
    assert shown.pdf()[:5] == b"%PDF-"


@pytest.mark.browser
def test_a_thousand_runs_and_ten_are_filtered_counted_and_not_broken_by_words(opened, many):
    shown = opened(many)
    assert count(shown) == "1010 of 1010 runs"
    shown.fill("#filter", "status == 'failed' and reason ~ 'script'")
    assert count(shown) == "1 of 1010 runs"
    shown.check("#all-columns")
    assert NASTY in shown.inner_text("#table tbody") and shown.evaluate("window.broken") is None
    shown.fill("#filter", "dataset == 'generated' and test_accuracy >= 0.75")
    values = shown.evaluate("data.columns.get('test_accuracy').values")
    assert count(shown) == f"{sum(value is not None and value >= 0.75 for value in values)} of 1010 runs"


@pytest.mark.browser
def test_a_live_report_shows_a_run_that_begins(opened, served, tmp_path):
    shown = opened(f"http://127.0.0.1:{served.server_port}/")
    assert count(shown) == "1 of 1 runs" and "running" in shown.inner_text("#table tbody")
    one(tmp_path / "runs", 7)
    shown.get_by_text("2 of 2 runs").wait_for()


COUNTERS, LANGUAGES, CLASSIFIERS = 30, 12, 6


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """The report on runs of three programs; the most frequent one counts errors, one measures no validation."""
    folder, first = tmp_path_factory.mktemp("mixed"), 0
    for count_, kind in ((CLASSIFIERS, CLASSIFIER), (COUNTERS, COUNTER), (LANGUAGES, LANGUAGE)):
        generated_runs.leave(folder / "runs", count_, epochs=6, kind=kind, first=100 + first)
        first += count_
    return written(folder)


def known(shown, name):
    """The values of a column, sorted, of the runs that have one."""
    return sorted(value for value in shown.evaluate(f"data.columns.get('{name}').values") if value is not None)


def bars(shown):
    """The bars from the top: their lengths, their texts."""
    drawn(shown, "bars")
    trace = "document.getElementById('bars').data[0]"
    return shown.evaluate(f"Array.from({trace}.x)"), shown.evaluate(f"Array.from({trace}.text)")


@pytest.mark.browser
def test_a_falling_error_is_shown_with_the_least_as_the_best(opened, mixed):
    shown = opened(mixed)
    errors = known(shown, "test_error")
    assert shown.input_value("#metric") == "error" and count(shown) == "48 of 48 runs"
    assert shown.inner_text("#h-bars").lower() == "test error"
    lengths, texts = bars(shown)
    assert lengths == errors[: len(lengths)] and texts[0] == f"{100 * errors[0]:.2f} % · best"
    assert not any("best" in text for text in texts[1:])
    assert "lower is better" in shown.inner_text("#n-bars")
    row = shown.locator("#table tbody tr").first
    assert "best" in row.inner_text() and f"{100 * errors[0]:.2f} %" in row.inner_text()
    assert shown.locator("#table .mark", has_text="best").count() == 1
    header = shown.locator("th", has=shown.locator('[data-sort="test_error"]'))
    assert header.get_attribute("aria-sort") == "ascending"
    axis = "axisOf(data, 'test_error')"
    assert shown.evaluate(f"[{axis}.place({errors[0]}), {axis}.place({errors[-1]})]") == [1, 0]
    assert shown.evaluate(f"{axis}.invert({axis}.place({errors[3]}))") == pytest.approx(errors[3])
    darkest = shown.evaluate("context.units.filter(u => u.best)[0].rows[0]")
    assert shown.evaluate(f"data.value('test_error', {darkest})") == errors[0]


@pytest.mark.browser
def test_the_lines_of_better_runs_are_darker_also_where_less_is_better(opened, mixed):
    shown = opened(mixed)
    drawn(shown, "parallel")
    at_the_end = shown.evaluate(
        """SCALE.light.map((color) => document.getElementById('parallel').data.filter((t) => t.line.color === color))
        .map(([t]) => t.y.filter((y, i) => t.x[i] === axesOf(data, view).length - 1 && y !== null))
        .map((ys) => ys.reduce((a, b) => a + b, 0) / ys.length)"""
    )
    assert at_the_end == sorted(at_the_end)  # from light to dark, from the bottom to the top


@pytest.mark.browser
def test_another_metric_shows_the_runs_that_have_it_in_every_chart(opened, mixed):
    shown = opened(mixed)
    shown.select_option("#metric", "perplexity")
    perplexities = known(shown, "test_perplexity")
    lengths, texts = bars(shown)
    assert lengths == perplexities and texts[0].endswith(" · best")
    assert drawn(shown, "time") == len(perplexities)
    assert shown.inner_text("#n-curves") == "train perplexity; grey: 6 others"
    dashes = shown.evaluate("document.getElementById('curves').data.map((trace) => trace.line.dash)")
    assert set(dashes) <= {"solid", None}
    assert shown.evaluate("axesOf(data, view).map((axis) => axis.name)") == [
        "learning_rate",
        "layers",
        "seed",
        "test_perplexity",
    ]
    first = shown.locator("#table tbody tr").first.inner_text()
    assert "best" in first and "%" not in first
    assert shown.locator("th", has=shown.locator('[data-sort="test_perplexity"]')).inner_text().endswith("per word")
    has_one = "data.value('program', u.rows[0]) === 'language' && measures(data, context.goal, u.rows[0])"
    lines = shown.evaluate(f"context.units.filter((u) => {has_one}).length")
    assert drawn(shown, "parallel") == lines * 5  # four axes, and a gap
    assert "metric=perplexity" in shown.url
    shown.fill("#filter", f"test_perplexity > {perplexities[-1] * 0.99}")
    assert count(shown) == "1 of 48 runs"


@pytest.mark.browser
def test_a_click_on_a_falling_metric_sorts_the_least_first(opened, mixed):
    shown = opened(mixed)
    shown.select_option("#metric", "loss")
    shown.click('[data-sort="validation_loss"]')
    header = shown.locator("th", has=shown.locator('[data-sort="validation_loss"]'))
    assert header.get_attribute("aria-sort") == "ascending"
    shown.click('[data-sort="validation_loss"]')
    assert header.get_attribute("aria-sort") == "descending"


@pytest.mark.browser
def test_a_run_that_ran_away_does_not_hide_the_others(opened, tmp_path):
    for number, value in enumerate((3.0, 4.0, 5.0, 1e9)):
        one(tmp_path / "runs", number, {"train_perplexity": value, "test_perplexity": value}, LANGUAGE)
    shown = opened(written(tmp_path))
    lengths, texts = bars(shown)
    assert lengths == [3, 4, 5, 20] and texts[3] == "1000000000 …"
    assert "1 cut (…)" in shown.inner_text("#n-bars")


@pytest.mark.browser
def test_a_metric_in_percent_is_no_share(opened, tmp_path):
    kind = replace(COUNTER, metrics=(Metric("error", "lower", unit="%"),))
    for number, value in enumerate((7.0, 12.0, 40.0)):
        one(tmp_path / "runs", number, {"train_error": value, "test_error": value}, kind)
    shown = opened(written(tmp_path))
    assert bars(shown) == ([7, 12, 40], ["7 · best", "12", "40"])
    shown.fill("#filter", "test_error < 12 %")
    assert count(shown) == "1 of 3 runs"
    shown.fill("#filter", "")
    shown.fill("#range-high", "12 %")
    shown.click("text=Limit")
    assert count(shown) == "2 of 3 runs" and "test_error: 7 % to 12 %" in shown.inner_text("#chips")


@pytest.mark.browser
def test_an_address_that_names_what_is_not_there_shows_everything(opened, mixed):
    shown = opened(f"{mixed.as_uri()}#sort=-accuracy&metric=train_loss&curve=x&brush=accuracy=0.5..0.9")
    assert count(shown) == "48 of 48 runs" and shown.input_value("#metric") == "error"
    assert bars(shown)[0] == known(shown, "test_error")[:24]


@pytest.mark.browser
def test_no_run_is_no_error(opened, tmp_path):
    (tmp_path / "runs").mkdir()
    shown = opened(written(tmp_path))
    assert count(shown) == "0 of 0 runs"
