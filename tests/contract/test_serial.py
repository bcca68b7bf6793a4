"""Plans and records through JSON and back: equal where they are ours, and one error where they are not."""

import copy
import dataclasses
import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from harness.contract import legal, plan, record, serial
from harness.contract.rules import in_range
from tests.support.plans import PLAN
from tests.support.records import ENVIRONMENT, RESULTS

QUICK = hypothesis_settings(max_examples=60, deadline=None, derandomize=True)
COMPLETED = record.of(PLAN, status="completed", results=RESULTS, weights="0" * 64, environment=ENVIRONMENT)
PLAIN = st.characters(exclude_categories=("C", "Z"))
SETTINGS = st.dictionaries(
    st.sampled_from(("seed", "learning_rate", "size", "a.b-c", "_", "x" * 100)),
    st.one_of(
        st.booleans(),
        st.integers(-legal.WHOLE, legal.WHOLE),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(PLAIN, max_size=20),
    ),
    max_size=5,
)
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("../../x")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


@dataclasses.dataclass(frozen=True)
class Small:
    """One field of each kind."""

    number: int
    share: float
    word: str
    flag: bool
    open: Any
    time: Annotated[str, legal.TIME]
    count: Annotated[int, in_range(0, 9)]


SMALL: dict[str, Any] = {
    "number": 1,
    "share": 0.5,
    "word": "a",
    "flag": True,
    "open": None,
    "time": "2026-01-02T03:04:05+00:00",
    "count": 9,
}


def small(**changes: Any) -> Small:
    return serial.from_json(Small, {**SMALL, **changes})


@dataclasses.dataclass(frozen=True)
class Grown:
    """A dataclass that a field was added to."""

    first: int
    added: Annotated[int, in_range(0, 9)] = dataclasses.field(default=3, metadata=serial.LATER)


def test_a_field_that_came_later_is_left_out_where_it_says_what_was_so_before() -> None:
    assert serial.to_json(Grown(1)) == {"first": 1} and serial.from_json(Grown, {"first": 1}) == Grown(1)
    assert serial.to_json(Grown(1, 4)) == {"first": 1, "added": 4}
    assert serial.from_json(Grown, {"first": 1, "added": 4}) == Grown(1, 4)
    for wrong in ({"added": 4}, {"first": 1, "other": 4}, {"first": 1, "added": 10}):
        with pytest.raises(ValueError, match="expected"):
            serial.from_json(Grown, wrong)


@QUICK
@given(SETTINGS, st.lists(st.text(PLAIN, max_size=9), max_size=3), st.sampled_from((None, True, False)))
def test_any_plan_is_read_as_it_was_written_with_the_same_id(
    config: dict[str, plan.Scalar], command: list[str], dirty: bool | None
) -> None:
    experiment = dataclasses.replace(PLAN.experiment, config=config)
    assert PLAN.provenance.git is not None
    git = dataclasses.replace(PLAN.provenance.git, dirty=dirty)
    provenance = dataclasses.replace(PLAN.provenance, command=tuple(command), git=git)
    planned = dataclasses.replace(PLAN, experiment=experiment, provenance=provenance)
    text = serial.dumps(planned)
    again = serial.from_json(plan.RunPlan, serial.parse(text))
    assert again == planned and serial.dumps(again) == text
    assert plan.experiment_id(again.experiment) == plan.experiment_id(experiment)


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path to each part of parsed JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


@pytest.mark.parametrize("value", [PLAN, COMPLETED], ids=["plan", "record"])
@QUICK
@given(st.data())
def test_whatever_stands_in_the_place_of_a_part_it_is_read_or_refused(
    value: plan.RunPlan | record.RunRecord, data: st.DataObject
) -> None:
    tree = json.loads(serial.dumps(value))
    place = data.draw(st.sampled_from(places(tree)))
    parts: dict[str, Any] = {"": copy.deepcopy(tree)}
    inner: Any = parts
    for key, following in zip(("", *place), place, strict=False):
        inner = inner[key]
        last = following
    inner[last if place else ""] = data.draw(JUNK)
    try:
        again = serial.from_json(type(value), serial.parse(json.dumps(parts[""])))
    except ValueError:
        return
    assert serial.from_json(type(value), serial.parse(serial.dumps(again))) == again


@QUICK
@given(st.one_of(st.binary(max_size=60), st.text(alphabet='{}[]",:0123456789eE+-.nulltrue \\', max_size=60)))
def test_whatever_is_parsed_is_json_or_one_error(text: str | bytes) -> None:
    try:
        value = serial.parse(text)
    except ValueError:
        return
    json.dumps(value, allow_nan=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"number": True},
        {"number": 1.0},
        {"number": 2**60},
        {"share": 1},
        {"share": "0.5"},
        {"word": 1},
        {"word": "x" * 20_000},
        {"flag": 1},
        {"time": "2026-01-02T03:04:05"},
        {"time": "yesterday"},
        {"count": 10},
        {"count": -1},
        {"count": True},
        {"open": [[1]]},
        {"open": {"a": {"b": {"c": {"d": {"e": 1}}}}}},
        {"open": 2**60},
        {"more": 1},
    ],
    ids=str,
)
def test_a_field_of_another_type_is_refused_by_name(changes: dict[str, Any]) -> None:
    assert small() == Small(**SMALL)
    with pytest.raises(ValueError, match=next(iter(changes))):
        small(**changes)


def test_text_that_acts_is_spelled_out_wherever_it_stands() -> None:
    acts = "a\x1b[2Jb\u202ec\u200bd"
    spelled = r"a\x1b[2Jb\u202ec\u200bd"
    assert small(word=acts).word == spelled
    assert small(open={acts: [acts]}).open == {spelled: [spelled]}


def test_json_is_parsed_within_limits() -> None:
    assert serial.parse('{"a": [1, 2.5]}', largest=15) == {"a": [1, 2.5]}
    for text, complaint in (
        ('{"a": [1, 2.55]}', "at most 15 are read"),
        ("[NaN]", "NaN is no number"),
        ("[-Infinity]", "-Infinity is no number"),
        ("[1e999]", "1e999 is no number"),
    ):
        with pytest.raises(ValueError, match=complaint):
            serial.parse(text, largest=15)
    with pytest.raises(ValueError, match="nested too deeply"):
        serial.parse("[" * 100_000)


def test_a_number_that_json_does_not_know_is_not_written() -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            serial.dumps({"loss": value})
