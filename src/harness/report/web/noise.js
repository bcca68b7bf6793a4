"use strict";
// Whether two experiments differ by more than another seed would change: as harness/evidence/noise.py has it.

const PAIRS = 3; // most that are judged
const SURE = 1.959963984540054, POWER = 0.8416212335729143; // quantiles of the normal distribution: 0.975 and 0.8

// P(T <= t) of Student's distribution for t >= 0: the finite sums of Abramowitz and Stegun, 26.7.3 and 26.7.4.
function student(t, freedom) {
  const angle = Math.atan2(t, Math.sqrt(freedom)), odd = freedom % 2 === 1;
  let term = odd ? Math.cos(angle) : 1, total = 0;
  for (let k = odd ? 2 : 1; k < freedom; k += 2) { total += term; term *= (k / (k + 1)) * Math.cos(angle) ** 2; }
  return odd ? 0.5 + (angle + Math.sin(angle) * total) / Math.PI : 0.5 + (Math.sin(angle) * total) / 2;
}

function quantile(p, freedom) {
  let low = 0, high = 1000;
  while (high - low > 1e-9) { const middle = (low + high) / 2; if (student(middle, freedom) < p) low = middle; else high = middle; }
  return low;
}

// The change from the values of one experiment to those of another, over their seeds; `declared` is the spread that a program declares.
function judgeNoise(old, recent, declared) {
  const middle = (values) => values.reduce((a, b) => a + b, 0) / values.length, squares = (values) => values.reduce((sum, value) => sum + (value - middle(values)) ** 2, 0);
  const change = middle(recent) - middle(old), freedom = old.length + recent.length - 2;
  const spread = freedom ? Math.sqrt((squares(old) + squares(recent)) / freedom) : declared ?? null;
  if (spread === null) return { change, spread, limit: null, larger: null, seeds: null, measured: false };
  const limit = (freedom ? quantile(0.975, freedom) : SURE) * spread * Math.sqrt(1 / old.length + 1 / recent.length);
  const seeds = change ? Math.max(2, Math.ceil(2 * (((SURE + POWER) * spread) / change) ** 2 + SURE ** 2 / 4)) : null;
  return { change, spread, limit, larger: Math.abs(change) > limit, seeds, measured: freedom > 0 };
}

// The test values of a metric over the seeds of an experiment: of each the newest run that is completed, filtered out or not.
function seedValues(data, group, metric) {
  if (!data.groups) {
    data.groups = new Map();
    for (let row = 0; row < data.count; row++) if (data.value("status", row) === "completed") { const key = data.value("group", row); data.groups.set(key, [...(data.groups.get(key) ?? []), row]); }
  }
  const found = new Map();
  for (const row of data.groups.get(group) ?? []) { const value = data.value(`test_${metric.name}`, row); if (value !== null) found.set(data.value("seed", row), value); }
  return [...found.values()];
}

// [from, to] of what is judged: the first pinned experiment against the other pinned ones, or the first of the table against those after it.
function pairsOf(data, view, goal, units) {
  const distinct = (some) => { const found = new Map(); for (const unit of some) { const key = data.value("group", unit.rows[0]); if (!found.has(key)) found.set(key, unit); } return [...found.values()]; };
  const pinned = distinct(units.filter((unit) => unit.pinned)), base = baselineOf(data, view);
  if (base) {
    const same = (unit) => data.value("group", unit.rows[0]) === data.value("group", base.rows[0]), others = pinned.filter((unit) => !same(unit));
    return { chosen: "base", pairs: (others.length ? others : distinct(units.filter((unit) => !same(unit) && data.value(goal.score, unit.rows[0]) !== null))).slice(0, PAIRS).map((other) => [base, other]) };
  }
  const [first, ...others] = pinned.length > 1 ? pinned : distinct(units.filter((unit) => unit.rows.some((row) => data.value(goal.score, row) !== null)));
  return { chosen: pinned.length > 1, pairs: others.slice(0, PAIRS).map((other) => [other, first]) };
}

function fillNoise({ data, view, goal, units }) {
  const table = document.querySelector("#noise table"), head = make("tr"), body = [], { chosen, pairs } = pairsOf(data, view, goal, units);
  for (const word of ["from", "to", "metric", "change", "noise", "", "spread over seeds", "seeds that would tell"]) head.append(make("th", word, { scope: "col" }));
  for (const [old, recent] of pairs) for (const [cells, kind] of noiseRows(data, old, recent)) {
    const row = make("tr");
    row.append(make("th", label(data, view, old), { scope: "row" }), make("td", label(data, view, recent)), ...cells.map((text) => make("td", text)));
    row.children[5].replaceChildren(make("span", cells[3], { class: `mark ${kind}` }));
    body.push(row);
  }
  table.tHead.replaceChildren(...(body.length ? [head] : []));
  table.tBodies[0].replaceChildren(...body);
  const which = chosen === "base" ? "The baseline against others, the pinned ones where there are some" : chosen ? "The pinned experiments" : "The first experiment of the table; pin two or more to choose";
  note("n-noise", body.length ? `${which}. Noise is what a change of the test value must exceed at so many seeds; so many of each tell it in 8 of 10 attempts.` : "There are no two experiments to compare.");
}

// For each metric of two experiments: [texts of the cells, class of the verdict].
function noiseRows(data, old, recent) {
  const [before, after] = [old, recent].map((unit) => unit.rows[0]), groups = [before, after].map((row) => data.value("group", row));
  if (data.value("dataset_hash", before) !== data.value("dataset_hash", after)) return [[["", "", "", "they saw different data", "", ""], "warn"]];
  const rows = [];
  for (const metric of data.metrics.values()) {
    const values = groups.map((group) => seedValues(data, group, metric));
    if (!values.every((each) => each.length)) continue;
    const { change, spread, limit, larger, seeds, measured } = judgeNoise(...values, data.spreads[data.value("program", before)]?.[metric.name]);
    const counts = `${values[0].length} and ${values[1].length} seeds`;
    if (limit === null) rows.push([[words(metric.name), by(metric, change), "–", "not known", `not known of ${counts}`, "two of one of them begin to tell"], "warn"]);
    else rows.push([[words(metric.name), by(metric, change), `± ${formatted(metric, limit)}`, larger ? "larger than the noise" : "inside the noise", `${formatted(metric, spread)}, ${measured ? "over" : "as its program declares;"} ${counts}`, seeds ?? "no number"], larger ? "good" : "warn"]);
  }
  return rows.length ? rows : [[["", "", "", "they have no metric in common", "", ""], "warn"]];
}
