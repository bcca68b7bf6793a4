"""What the report's charts and table draw of given runs, value for value: its scripts in a page without Plotly."""

from collections.abc import Iterator
from typing import Any

import pytest

from harness.report import page

pytestmark = pytest.mark.browser
RUNS = ("a", "b", "c", "d")  # a and b differ in their seed alone; d has no numbers
NUMBERS: dict[str, tuple[float | None, ...]] = {
    "test_accuracy": (0.8, 0.9, 0.5, None),
    "validation_accuracy": (0.7, 0.75, 0.6, None),
    "train_accuracy": (0.85, 0.95, 0.65, None),
    "test_error": (2.0, 1.0, 5.0, None),
    "learning_rate": (0.1, 0.1, 0.3, 0.3),
    "seed": (0, 1, 0, 1),
    "minutes": (1, 2, 3, None),
    "usd": (None, 6, 8, None),
}
WORDS: dict[str, tuple[str | None, ...]] = {
    "run": RUNS,
    "group": ("g", "g", "h", "i"),
    "program": ("mine",) * 4,
    "status": ("completed", "completed", "completed", "failed"),
}
FLAGS = {"sample": (False, False, True, False), "dirty": (False, False, False, True), "replayed": (False,) * 4}
METRICS = {"accuracy": ("higher", True), "error": ("lower", False)}
CHARTS = ("curves", "bars", "parallel", "time", "cost")
BODY = "".join(f'<div id="{name}"></div><p id="n-{name}"></p>' for name in CHARTS) + (
    '<div id="table"><table><thead></thead><tbody></tbody></table></div><button id="more"></button>'
)
STUB = "const Plotly = { react: (node, traces) => { node.traces = traces; }, purge: () => {} };"
# As main.js's render: what is drawn of a table under an address.
DRAW = """([table, hash]) => {
  for (const node of document.querySelectorAll('div')) delete node.traces;
  const data = indexed(table), view = readView(hash), passes = parseFilter(view.filter, data.columns);
  const { rows, outside } = chosen(data, view, passes), goal = goalOf(data, view), units = unitsOf(data, view, rows);
  markBest(data, goal, units);
  const look = style(false), highlighted = highlight(data, view, goal, units, look.palette);
  const context = { data, view, goal, units, outside, look, highlighted };
  for (const chart of CHARTS) chart.draw(context);
  fillTable(context, true);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const names = all('#table thead th').map((th) => th.querySelector('button').dataset.sort);
  const cells = (row) => [...row.children].slice(2).map((td, i) => [names[i + 1], td.textContent]);
  return {
    rows, order: units.map((unit) => unit.key), address: writeView(view), scale: look.scale,
    charts: Object.fromEntries(CHARTS.map(({ id }) => [id, document.getElementById(id).traces ?? []])),
    marks: Object.fromEntries(units.map((unit) => [unit.key, marks(data, unit).map(([word]) => word)])),
    cells: Object.fromEntries(all('#table tbody tr').map((row) => [row.dataset.key, Object.fromEntries(cells(row))])),
  }; }"""


def table() -> dict[str, Any]:
    """Four runs, as the page gets them."""
    metric = {f"{split}_{name}": name for name in METRICS for split in ("test", "validation", "train")}
    kinds: dict[str, dict[str, Any]] = {"number": NUMBERS, "text": WORDS, "bool": FLAGS}
    columns = [
        {"name": name, "kind": kind, "config": name in ("learning_rate", "seed"), "metric": metric.get(name)}
        | {"values": list(values)}
        for kind, some in kinds.items()
        for name, values in some.items()
    ]
    drawn = ("validation_accuracy", "train_accuracy")
    curves = [
        {"epoch": [1, 2], **{name: [NUMBERS[name][at] - 0.5, NUMBERS[name][at]] for name in drawn}} if at < 3 else None  # type: ignore[operator]
        for at in range(4)
    ]
    metrics = [
        {"name": name, "better": better, "unit": "", "share": share} for name, (better, share) in METRICS.items()
    ]
    return {
        "columns": columns,
        "curves": curves,
        "metrics": metrics,
        "drawn": list(drawn),
        "unreadable": [],
        "versions": [],
    }


@pytest.fixture(scope="module")
def draw(browser: Any) -> Iterator[Any]:
    """Draw the table under an address."""
    shown = browser.new_page()
    shown.set_content(BODY)
    scripts = ("filter.js", "view.js", "units.js", "charts.js", "table.js")
    shown.add_script_tag(content="\n".join([STUB, *((page.WEB / name).read_text() for name in scripts)]))
    yield lambda address="": shown.evaluate(DRAW, [table(), address])
    shown.close()


def points(traces: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """Of a chart of points, or of bars, what each unit lies at."""
    return {
        key: (x, y) for trace in traces for key, x, y in zip(trace["customdata"], trace["x"], trace["y"], strict=True)
    }


def close(values: Any) -> Any:
    return pytest.approx(values, abs=1e-9)


def test_points_and_bars_are_at_the_score_on_the_test_set(draw: Any) -> None:
    charts = draw()["charts"]
    assert points(charts["time"]) == {"a": (1, 0.8), "b": (2, 0.9), "c": (3, 0.5)}
    assert points(charts["cost"]) == {"b": (6, 0.9), "c": (8, 0.5)}
    assert {key: x for key, (x, _) in points(charts["bars"]).items()} == {"a": 0.8, "b": 0.9, "c": 0.5}


def test_a_group_is_drawn_with_mean_and_standard_deviation(draw: Any) -> None:
    found = draw("#grouped=1")
    assert points(found["charts"]["time"]) == {"g": close((1.5, 0.85)), "h": (3, 0.5)}
    spread = 0.0707106781
    for chart, error in (("time", "error_y"), ("bars", "error_x")):
        arrays = {
            key: size
            for trace in found["charts"][chart]
            for key, size in zip(trace["customdata"], trace[error]["array"], strict=True)
        }
        assert arrays == {"g": close(spread), "h": 0}
    assert found["cells"]["g"]["test_accuracy"] == "85.00 % ± 7.1"
    assert found["cells"]["h"]["test_accuracy"] == "50.00 %"


def test_a_groups_curve_has_a_band_of_one_standard_deviation(draw: Any) -> None:
    traces = draw("#grouped=1")["charts"]["curves"]
    bands = [trace for trace in traces if trace.get("fill") == "toself"]
    lines = [trace for trace in traces if "fill" not in trace and trace["line"].get("dash") == "solid"]
    assert [trace["y"] for trace in lines] == [close([0.225, 0.725]), close([0.1, 0.6])]
    sd = 0.0353553391
    assert [trace["y"] for trace in bands] == [close([0.225 + sd, 0.725 + sd, 0.725 - sd, 0.225 - sd])]


def test_the_menu_chooses_the_curve(draw: Any) -> None:
    both = draw()["charts"]["curves"]
    assert sorted(trace["line"]["dash"] for trace in both if "dash" in trace["line"]) == ["dot"] * 3 + ["solid"] * 3
    chosen = draw("#curve=train_accuracy")["charts"]["curves"]
    assert sorted(trace["y"][-1] for trace in chosen) == [0.65, 0.85, 0.95]


def test_the_lines_of_the_better_runs_have_the_later_colours(draw: Any) -> None:
    found = draw()
    colours = {
        trace["line"]["color"]: [y for y in trace["y"] if y is not None][-1]  # where it meets the last axis
        for trace in found["charts"]["parallel"]
        if trace["line"].get("color") in found["scale"]
    }
    by_colour = [colours[colour] for colour in found["scale"] if colour in colours]
    assert by_colour == sorted(by_colour) and by_colour[-1] == 1.0 and len(by_colour) == 3


def test_what_must_be_known_before_a_number_is_believed_is_marked(draw: Any) -> None:
    assert draw()["marks"] == {"a": [], "b": ["best"], "c": ["sample data"], "d": ["failed", "dirty"]}
    assert draw("#metric=error")["marks"]["b"] == ["best"]
    assert draw("#grouped=1")["marks"] == {"g": ["best"], "h": ["sample data"], "i": ["failed", "dirty"]}


@pytest.mark.parametrize(
    ("address", "order"),
    [
        ("", "bacd"),
        ("#sort=test_accuracy", "cabd"),
        ("#sort=-test_accuracy", "bacd"),
        ("#sort=-minutes", "cbad"),
        ("#sort=usd", "bcad"),
        ("#metric=error", "bacd"),
        ("#sort=run", "abcd"),
    ],
)
def test_units_are_ordered_with_the_unknown_last_and_the_address_says_how(draw: Any, address: str, order: str) -> None:
    found = draw(address)
    assert "".join(found["order"]) == order
    assert f"#{found['address']}".rstrip("#") == address


@pytest.mark.parametrize(
    ("low", "high", "rows"), [(0.1, 0.3, [0, 1, 2, 3]), (0.1, 0.2, [0, 1]), (0.2, 0.3, [2, 3]), (0.11, 0.29, [])]
)
def test_a_range_holds_its_ends_and_stays_in_the_address(draw: Any, low: float, high: float, rows: list[int]) -> None:
    found = draw(f"#brush=learning_rate%3D{low}..{high}")
    assert found["rows"] == rows and found["address"] == f"brush=learning_rate%3D{low}..{high}"
