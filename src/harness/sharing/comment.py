"""What a branch does to a model, in one comment: against the run in force where it comes from; as JSON and Markdown."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.contract import program
from harness.evidence import baseline, promises, retraining, versions
from harness.evidence.decision import CANNOT_TELL, SAME, Decision
from harness.runs import stored
from harness.runs.stored import StoredRun
from harness.settings.schema import Config, threads
from harness.sharing import changes, markdown
from harness.sharing.changes import Changes

SCHEMA = 1
MARK = "<!-- harness: what this does to the model -->"  # by which a workflow finds the comment that it edits
Say = Callable[[str], None]


@dataclass(frozen=True)
class Value:
    """A metric on each run's own test data; `noise` says whether another seed would change as much, if it is known."""

    metric: str
    old: float | None
    new: float | None
    noise: str | None


@dataclass(frozen=True)
class Summary:
    """All that the comment says. `word` is that of the decision, or "nothing to do"; `why` says it in words.

    `changed` are code, settings, data and libraries, as far as they differ; `settings` has those that do, as (name,
    old, new); `drift` is how the data differ, in the program's words. `curves` holds the deciding metric on the
    validation data by epoch, of both runs. `replayed` is the verdict on a replay of the new run, `promises` what was
    proven of its code. `seconds` and `usd` are what the new run took and cost.
    """

    schema: int
    program: str
    base: str
    changed: tuple[str, ...]
    word: str
    why: str
    old: str | None = None
    new: str | None = None
    decision: Decision | None = None
    values: tuple[Value, ...] = ()
    settings: tuple[tuple[str, str, str], ...] = ()
    drift: tuple[str, ...] = ()
    curves: Mapping[str, tuple[Mapping[int, float], ...]] = field(default_factory=dict)
    replayed: str | None = None
    promises: Mapping[str, str] = field(default_factory=dict)
    seconds: float | None = None
    usd: float | None = None


def make(root: Path, found: Changes, settings: Config, scratch: Path, say: Say) -> Summary:
    """Compare this checkout's run with the one that stands for its base.

    Raises:
        NotReady: what was changed has not been trained yet, or something of the base cannot be had.
        HarnessError: as `retraining.judge`.
    """
    if not found.words:
        why = "code, settings, data and libraries are what they were"
        return Summary(SCHEMA, settings.program, found.base, (), SAME, why)
    runs = root / settings.runs_folder
    known = stored.everything(runs)[0]
    new = changes.own_run(root, known, settings)
    old = changes.base_run(root, known, found, settings.program, scratch)
    if old is not None and old.plan.experiment_id == new.plan.experiment_id:
        why = f"it is the experiment of {old.run_id}, to the bit"
        return Summary(SCHEMA, settings.program, found.base, found.words, SAME, why, old.run_id, new.run_id)
    say(f"old       {old.run_id if old else 'none is known'}")
    say(f"new       {new.run_id}")
    decided, word, why = None, CANNOT_TELL, "no run of the base is known: python src/promote.py RUN puts one in force"
    if old is not None and program.load(settings.program).score is None:
        why = f"{settings.program} has no score of its own, and nobody else can say what each gets right"
    elif old is not None:
        pair = retraining.of(old, new)
        sets = retraining.test_sets(root, pair, settings.data, say)
        decided = retraining.judge(runs, pair, sets, threads(settings.mode))
        word, why = decided.word, decided.why
    seconds = sum(new.record.seconds.values()) if new.record else None
    return Summary(
        SCHEMA,
        settings.program,
        found.base,
        found.words,
        word,
        why,
        old.run_id if old else None,
        new.run_id,
        decided,
        tuple(_values(known, old, new)),
        tuple(_settings(old, new)) if old else (),
        tuple(_drift(root, settings, old, new, say)) if old else (),
        {new.plan.description.objective.name: (_curve(old) if old else {}, _curve(new))},
        _replayed(known, new),
        {name: promises.shown(new.record or new.plan, name) for name in (promises.REPLAY, promises.RESUME)},
        seconds,
        new.record.bill.usd if new.record and new.record.bill else None,
    )


def _values(known: Sequence[StoredRun], old: StoredRun | None, new: StoredRun) -> Iterator[Value]:
    noises = {each.metric.name: str(each) for each in baseline.noise(known, old, new)} if old else {}
    for metric in new.plan.description.metrics:
        name = f"test_{metric.name}"
        values = [
            run.record.results.metrics.get(name) if run and run.record and run.record.results else None
            for run in (old, new)
        ]
        if values[1] is not None:
            yield Value(name, values[0], values[1], noises.get(metric.name))


def _settings(old: StoredRun, new: StoredRun) -> Iterator[tuple[str, str, str]]:
    before, after = (run.plan.experiment.config for run in (old, new))
    for name in sorted(before.keys() | after.keys()):
        values = [str(each.get(name, "not set")) for each in (before, after)]
        if values[0] != values[1]:
            yield name, values[0], values[1]


def _drift(root: Path, settings: Config, old: StoredRun, new: StoredRun, say: Say) -> list[str]:
    before, after = (run.plan.experiment.dataset.hash for run in (old, new))
    if before == after:
        return []
    return versions.lines(root, settings.data.pin, settings.program, before, after, say, fetch=True)


def _curve(run: StoredRun) -> dict[int, float]:
    """The deciding metric on the validation data, else on the training data, by epoch."""
    name = run.plan.description.objective.name
    for split in ("validation", "train"):
        values = {int(row["epoch"]): row.get(f"{split}_{name}") for row in run.epochs}
        found = {epoch: value for epoch, value in values.items() if isinstance(value, float)}
        if found:
            return found
    return {}


def _replayed(known: Sequence[StoredRun], run: StoredRun) -> str | None:
    """The newest verdict on a replay of a run, in words."""
    for each in reversed(known):
        if each.plan.provenance.replays == run.run_id:
            with contextlib.suppress(OSError, ValueError):
                found = baseline.read_verdict(each.folder)
                return f"{found.verdict} ({each.run_id}): {'; '.join(found.reasons[:3])}"
    return None


def text(summary: Summary) -> str:
    """The comment."""
    quoted = markdown.text
    lines = [MARK, f"### {quoted(summary.program)}: {quoted(summary.word)}", "", f"{quoted(summary.why)}.", ""]
    if summary.new is None or summary.word == SAME:
        return "\n".join(lines)
    lines += [f"Against {quoted(summary.old or 'nothing')}; changed: {quoted(', '.join(summary.changed))}.", ""]
    if summary.decision:
        lines += [*markdown.claims(summary.decision), ""]
    rows = [(each.metric, *map(_number, (each.old, each.new)), each.noise or "") for each in summary.values]
    lines += [*markdown.table(("on its own test data", "old", "new", "another seed"), rows), ""]
    if summary.settings:
        lines += [*markdown.table(("setting", "old", "new"), summary.settings), ""]
    if summary.drift:
        lines += ["**The data**", "", *(f"- {quoted(line)}" for line in summary.drift), ""]
    lines += [f"**Replay**: {quoted(summary.replayed or 'not replayed: python src/replay.py ' + summary.new)}", ""]
    proven = ", ".join(f"{name} {status}" for name, status in summary.promises.items())
    lines += [f"**Promises of the code**: {quoted(proven)}", ""]
    for name, (old, new) in summary.curves.items():
        lines += ["Grey: old, blue: new.", "", *markdown.curves(name, old, new), ""]
    took = f"{summary.seconds:.0f} s" if summary.seconds is not None else "unknown"
    cost = f", {summary.usd:.2f} dollars" if summary.usd is not None else " on this machine"
    return "\n".join([*lines, f"**Cost**: {took}{cost}", ""])


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.6g}"
