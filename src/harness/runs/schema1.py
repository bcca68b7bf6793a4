"""Plans and records of schema 1, which knew one program and did not name it: upgraded when they are read.

What that program was stands in schema1.json. An earlier version's worker reads its own schema alone, so a plan that it
is to run is written as it was; records and verdicts are not written in schema 1 any more. Standard library only.
"""

import functools
import json
from pathlib import Path
from typing import Any

from harness.contract.plan import SCHEMA, RunPlan
from harness.contract.serial import to_json

FIRST = 1


def upgrade_plan(raw: Any) -> Any:
    """The JSON of a plan as RunPlan has it; `schema` stays, since it says whose worker runs the plan.

    Raises:
        ValueError: it is of schema 1, and not whole.
    """
    return _described(raw) if _is_first(raw) else raw


def upgrade_record(raw: Any) -> Any:
    """The JSON of a record as RunRecord has it.

    Raises:
        ValueError: it is of schema 1, and not whole.
    """
    if not _is_first(raw):
        return raw
    record = {**_described(raw), "schema": SCHEMA}
    try:
        record["results"] = raw["results"] and _results(raw["results"])
        record["environment"] = raw["environment"] and _environment(raw["environment"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a record of schema {FIRST} without {error}") from error
    return record


def upgrade_verdict(raw: Any) -> Any:
    """The JSON of a verdict as Verdict has it, of which schema 2 names the metric."""
    if not _is_first(raw):
        return raw
    verdict = {**raw, "schema": 2, "metric": _legacy()["description"]["metrics"][0]["name"]}
    if "accuracy_change" in verdict:
        verdict["change"] = verdict.pop("accuracy_change")
    return verdict


def downgrade_plan(plan: RunPlan) -> Any:
    """The JSON of a plan of schema 1 as the worker of that time reads it."""
    raw = to_json(plan)
    del raw["description"], raw["experiment"]["program"], raw["provenance"]["unknown"]
    del raw["provenance"]["promises"]
    if (git := raw["provenance"]["git"]) is not None and git["dirty"] is None:
        git["dirty"] = True  # that version knows no third answer, and took a failure for a clean tree
    return raw


def _is_first(raw: Any) -> bool:
    return isinstance(raw, dict) and raw.get("schema") == FIRST


def _described(raw: Any) -> dict[str, Any]:
    legacy = _legacy()
    try:
        about = legacy["description"]["about"].format_map(raw["experiment"]["config"])
        return {
            **raw,
            "experiment": {**raw["experiment"], "program": legacy["program"]},
            "description": {**legacy["description"], "about": about},
            "provenance": {**raw["provenance"], "unknown": [], "promises": []},
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"a plan of schema {FIRST} without {error}") from error


def _results(old: dict[str, Any]) -> dict[str, Any]:
    new = {name: old[source] for name, source in _legacy()["results"].items()}
    return {**new, "metrics": {name: old[name] for name in _legacy()["measured"]}}


def _environment(old: dict[str, Any]) -> dict[str, Any]:
    package = _legacy()["framework"]
    version = old[package]
    rest = {name: value for name, value in old.items() if name != package}
    return {**rest, "framework": version and f"{package} {version}"}


@functools.cache
def _legacy() -> Any:
    return json.loads(Path(__file__).with_suffix(".json").read_text())
