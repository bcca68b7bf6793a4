"""The rows of all runs as one table of columns and curves, in plain JSON, for the page."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from harness.contract.metrics import Metric
from harness.evidence.verdict import IDENTICAL
from harness.provenance.credentials import redact_all
from harness.report.rows import SPLITS, Row
from harness.report.values import DRAWN, Value, thinned

# In words how two versions of a program's data differ: program, older hash, newer hash.
Differences = Callable[[str, str, str], list[str]]
NUMBERS = 200_000  # of all curves together: about 1.5 MB of JSON
T = TypeVar("T")


def build(rows: Iterable[Row], unreadable: Sequence[str], differences: Differences | None = None) -> dict[str, Any]:
    """All that the page shows, ready for `json.dumps`.

    `metrics` are {name, better, unit, share}, those of the program with the most runs first: the page begins with the
    first of them. The numbers of a metric are in the columns test_, validation_ and train_NAME. `spreads` has, by
    program and metric, the spread over seeds that the program declares, as its newest run has it. `columns` are
    {name, kind: number | text | bool, config: bool, metric: name or null, values}, `curves` of each run {column of
    metrics.csv: numbers} or null, `drawn` the names of those columns, `versions` the data sets with how many runs each
    has and the lines that `differences` says of it and the one before.
    """
    metrics, spreads, every = _distinct(list(rows))
    metric_of = {f"{split}_{name}": name for name in metrics for split in SPLITS}
    settings = {name for row in every for name in row.config}
    replayed = {row.verdict[0] for row in every if row.verdict and row.verdict[1] == IDENTICAL}
    names = dict.fromkeys(name for row in every for name in row.cells)
    values = {name: [row.cells.get(name) for row in every] for name in names}
    values["replayed"] = [row.cells["run"] in replayed for row in every]
    drawn = [name for name in names if name.startswith(DRAWN) and any(name in row.curves for row in every)]
    most = max(4, NUMBERS // max(1, sum(len(row.curves) for row in every)))
    table = {
        "columns": [
            {"name": name, "config": name in settings, "metric": metric_of.get(name)} | _column(column)
            for name, column in values.items()
        ],
        "curves": [thinned(row.curves, most) if row.curves else None for row in every],
        "metrics": [
            {"name": name, "better": metric.better, "unit": metric.unit, "share": metric.share}
            for name, metric in metrics.items()
        ],
        "spreads": spreads,
        "drawn": drawn,
        "unreadable": list(unreadable),
        "versions": _versions(every, differences),
    }
    said = list(dict.fromkeys(_said(table)))
    redacted = {text: clean for text, clean in zip(said, redact_all(said), strict=True) if text != clean}
    return replaced(table, redacted) if redacted else table


def _said(table: Mapping[str, Any]) -> Iterator[str]:
    """Every text of a table; of its columns and curves, which are long, only what can be one is looked through."""
    for column in table["columns"]:
        yield column["name"]
        if column["kind"] == "text":
            yield from {value for value in column["values"] if value is not None}
    yield from {name for curves in table["curves"] for name in curves or ()}
    yield from texts({name: value for name, value in table.items() if name not in ("columns", "curves")})


def texts(value: Any) -> Iterator[str]:
    """Every text of a table: what runs of anybody say, and what they call their settings and metrics."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value:
            if isinstance(each, str):
                yield each
            elif isinstance(each, list | dict):
                yield from texts(each)
        if isinstance(value, dict):
            yield from texts(list(value.values()))


def replaced(value: Any, others: Mapping[str, str]) -> Any:
    """The same with other texts in the place of some."""
    if isinstance(value, str):
        return others.get(value, value)
    if isinstance(value, list):
        return [replaced(each, others) for each in value]
    if isinstance(value, dict):
        return {others.get(name, name): replaced(each, others) for name, each in value.items()}
    return value


def _distinct(rows: Sequence[Row]) -> tuple[dict[str, Metric], dict[str, dict[str, float | None]], list[Row]]:
    """The metrics of all programs by name, those of the program with the most runs first, their spreads, and the rows.

    Where two programs mean different things by one name, that of the rarer one becomes NAME.PROGRAM.
    """
    counts = Counter(row.program for row in rows)
    metrics: dict[str, Metric] = {}
    spreads: dict[str, dict[str, float | None]] = {}
    names: dict[tuple[str, tuple[Metric, ...]], list[str]] = {}  # of what a program's runs describe
    distinct: dict[int, Row] = {}
    for at, row in sorted(enumerate(rows), key=lambda each: -counts[each[1].program]):
        if (row.program, row.metrics) not in names:
            names[row.program, row.metrics] = [_named(metrics, metric, row.program) for metric in row.metrics]
        renamed: dict[str, str] = {}
        for metric, name in zip(row.metrics, names[row.program, row.metrics], strict=True):
            spreads.setdefault(row.program, {})[name] = metric.spread
            if name != metric.name:
                renamed |= {f"{split}_{metric.name}": f"{split}_{name}" for split in SPLITS}
        if renamed:
            row = replace(row, cells=_renamed(row.cells, renamed), curves=_renamed(row.curves, renamed))
        distinct[at] = row
    return metrics, spreads, [distinct[at] for at in range(len(rows))]


def _named(metrics: dict[str, Metric], metric: Metric, program: str) -> str:
    """The name of a metric among all; it is added where it is new."""
    name, meaning = metric.name, replace(metric, spread=None)
    while metrics.setdefault(name, meaning) != meaning:
        name += f".{program}"
    return name


def _renamed(values: dict[str, T], names: dict[str, str]) -> dict[str, T]:
    return {names.get(name, name): value for name, value in values.items()}


def _column(values: list[Value]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, bool) for value in known):
        return {"kind": "bool", "values": values}
    if known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        return {"kind": "number", "values": values}
    return {"kind": "text", "values": [value if value is None else str(value) for value in values]}


def _versions(rows: Sequence[Row], differences: Differences | None) -> list[dict[str, Any]]:
    """Data sets in the order in which runs first used them."""
    versions: dict[str, dict[str, Any]] = {}
    before: dict[str, str] = {}  # the newest version of each program's data, its sample apart
    for row in sorted(rows, key=lambda row: str(row.cells["created"])):
        content, program = str(row.dataset["hash"]), row.program
        if content not in versions:
            versions[content] = {**row.dataset, "runs": 0, "first": row.cells["created"], "lines": []}
            if not row.dataset["sample"]:
                if program in before and differences:
                    versions[content]["lines"] = differences(program, before[program], content)
                before[program] = content
        versions[content]["runs"] += 1
    return list(versions.values())
