"use strict";
// Runs chosen by filter, ranges and hand, and the units that are drawn: each a run, or all runs of one experiment but for its seed.

const LABEL = 38; // most letters of a label
const HIGHLIGHTED = 6; // units with a colour of their own, where nothing is pinned
const SPLITS = ["test", "validation", "train"];
const NONE = Object.freeze({ name: "result", better: "higher", unit: "", share: false }); // where no run has a metric
const WIDE = 50; // times the least: from there on an axis is logarithmic
const OWN = new Set(["run", "experiment", "created", "weights"]); // of a run, never of a group

function indexed(table) {
  const columns = new Map(table.columns.map((column) => [column.name, column]));
  const count = table.curves.length;
  const metrics = new Map(table.metrics.map((metric) => [metric.name, metric]));
  const value = (name, row) => columns.get(name)?.values[row] ?? null;
  for (const column of table.columns) { const metric = metrics.get(column.metric); column.inPercent = metric?.unit === "%" && !metric.share; }
  const data = { ...table, columns, count, metrics, axes: new Map(), measured: new Map(), value };
  data.varying = varying(data, Array.from({ length: count }, (_, row) => row));
  data.mixed = new Set(columns.get("program")?.values).size > 1;
  data.short = abbreviations(table.columns.filter((column) => column.config).map((column) => column.name));
  return data;
}

// Settings with more than one value among these runs; a run whose program has no such setting does not count.
function varying(data, rows) {
  const several = (column) => new Set(rows.map((row) => column.values[row]).filter((value) => value !== null)).size > 1;
  return [...data.columns.values()].filter((column) => column.config && several(column)).map((column) => column.name);
}

// The same of the runs that have a number of the metric.
function settingsFor(data, view, goal) {
  const { name } = goal.metric;
  if (!data.measured.has(name)) data.measured.set(name, varying(data, Array.from({ length: data.count }, (_, row) => row).filter((row) => measures(data, goal, row))));
  return data.measured.get(name).filter((each) => !(view.grouped && each === "seed"));
}

// Initials, or first letters of a long word, where these tell the names apart.
function abbreviations(names) {
  const brief = (name) => { const parts = name.split(/[_.]/).filter(Boolean); return parts.length > 1 ? parts.map((part) => part[0]).join("") : name.length > 5 ? name.slice(0, 3) : name; };
  const all = names.map(brief);
  return new Map(names.map((name, i) => [name, all.filter((each) => each === all[i]).length > 1 ? name : all[i]]));
}

// The chosen metric, and the columns that have its numbers.
function goalOf(data, view) {
  const metric = data.metrics.get(view.metric) ?? data.metrics.values().next().value ?? NONE;
  const [score, validation, train] = SPLITS.map((split) => `${split}_${metric.name}`);
  return { metric, score, validation, train, gain: metric.better === "lower" ? (value) => -value : (value) => value };
}

const metricOf = (data, name) => data.metrics.get(data.columns.get(name)?.metric);
const words = (name) => name.replace(/_/g, " ");

// Whether a run has any number of the metric.
const measures = (data, goal, row) => [goal.score, goal.validation, goal.train].some((name) => data.value(name, row) !== null);

// A column as a scale from 0 to 1: linear, logarithmic where it spans much, or one place for each word.
function axisOf(data, name) {
  if (data.axes.has(name)) return data.axes.get(name);
  const column = data.columns.get(name), known = column.values.filter((value) => value !== null && value !== undefined);
  let axis;
  if (column.kind === "number" && known.length) {
    const low = known.reduce((a, b) => Math.min(a, b)), high = known.reduce((a, b) => Math.max(a, b));
    const log = low > 0 && high / low >= WIDE, at = log ? Math.log : (x) => x, back = log ? Math.exp : (x) => x;
    const turned = metricOf(data, name)?.better === "lower" ? (y) => 1 - y : (y) => y; // the best at the top
    const place = (value) => (value === null ? null : high === low ? 0.5 : turned((at(value) - at(low)) / (at(high) - at(low))));
    axis = { name, words: null, low, high, place, invert: (y) => back(at(low) + turned(y) * (at(high) - at(low))), amount: (value) => value, ends: [[low, turned(0)], [high, turned(1)]] };
  } else {
    const words = [...new Set(known.map(String))].sort();
    const amount = (value) => (value === null ? null : words.indexOf(String(value))), last = Math.max(1, words.length - 1);
    axis = { name, words, low: 0, high: words.length - 1, place: (value) => (value === null ? null : words.length < 2 ? 0.5 : amount(value) / last), invert: (y) => y * last, amount };
  }
  data.axes.set(name, axis);
  return axis;
}

function chosen(data, view, passes) {
  const hidden = new Set(view.hidden), ranges = Object.entries(view.brush).filter(([name]) => data.columns.has(name));
  const rows = [], outside = [];
  for (let row = 0; row < data.count; row++) {
    if (hidden.has(data.value("run", row)) || !passes(row)) continue;
    const inside = ranges.every(([name, [low, high]]) => { const x = axisOf(data, name).amount(data.value(name, row)); return x !== null && x >= low && x <= high; });
    (inside ? rows : outside).push(row);
  }
  return { rows, outside };
}

function unitsOf(data, view, rows) {
  const members = new Map();
  for (const row of rows) {
    const key = view.grouped ? data.value("group", row) : data.value("run", row);
    if (!members.has(key)) members.set(key, []);
    members.get(key).push(row);
  }
  const pinned = new Set(view.pinned);
  const units = [...members].map(([key, own]) => ({ key, rows: own, pinned: own.some((row) => pinned.has(data.value("run", row))), best: false, color: null, label: "" }));
  return ordered(data, view, units);
}

// Mark the unit with the best mean on the test set; of equals the first.
function markBest(data, goal, units) {
  let best = null, most = -Infinity;
  for (const unit of units) {
    const value = mean(data, unit, goal.score);
    if (value !== null && goal.gain(value) > most) { best = unit; most = goal.gain(value); }
  }
  if (best) best.best = true;
}

function mean(data, unit, name) {
  if (unit.rows.length === 1) return data.value(name, unit.rows[0]);
  let sum = 0, count = 0;
  for (const row of unit.rows) { const value = data.value(name, row); if (typeof value === "number") { sum += value; count++; } }
  return count ? sum / count : null;
}

// Sample standard deviation; null of fewer than two.
function spread(data, unit, name) {
  if (unit.rows.length < 2) return null;
  const known = unit.rows.map((row) => data.value(name, row)).filter((value) => typeof value === "number");
  return deviation(known);
}

function deviation(known) {
  if (known.length < 2) return null;
  if (known.every((value) => value === known[0])) return 0; // not what rounding makes of it
  const middle = known.reduce((a, b) => a + b, 0) / known.length;
  return Math.sqrt(known.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (known.length - 1));
}

// By which column the units are ordered: unless a person says otherwise, the best come first.
function orderOf(data, view) {
  if (view.sort) return { name: view.sort, down: view.down };
  const { metric, score } = goalOf(data, view);
  return data.columns.has(score) ? { name: score, down: metric.better === "higher" } : { name: "run", down: true };
}

function ordered(data, view, units) {
  const { name, down } = orderOf(data, view), column = data.columns.get(name);
  if (!column) return units;
  const number = column.kind === "number";
  const keyed = units.map((unit) => [number ? mean(data, unit, column.name) : data.value(column.name, unit.rows[0]), unit]);
  const turn = down ? -1 : 1;
  keyed.sort(([a, one], [b, other]) => {
    if (a === null || b === null) return (a === null) - (b === null) || (one.key < other.key ? -1 : 1); // the unknown last
    const order = number ? a - b : a < b ? -1 : a > b ? 1 : 0;
    return turn * order || (one.key < other.key ? -1 : 1);
  });
  return keyed.map(([, unit]) => unit);
}

// The settings that tell a unit from others.
const settingsOf = (data, view, unit) => data.varying.filter((name) => !(view.grouped && name === "seed") && data.value(name, unit.rows[0]) !== null);

function label(data, view, unit) {
  const first = unit.rows[0], names = settingsOf(data, view, unit), program = data.mixed ? [data.value("program", first)] : [];
  for (const briefly of names.length > 2 ? [true] : [false, true]) {
    const said = [...program, ...names.map((name) => `${briefly ? data.short.get(name) : name} ${shown(data.value(name, first))}`)].join(" · ");
    if (names.length && said.length <= LABEL) return said;
  }
  if (view.grouped) return `group ${unit.key}`;
  const [, month, day, hour, minute, second, id] = /^\d{4}(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-(\w{4})/.exec(unit.key) ?? [];
  return id ? `${month}-${day} ${hour}:${minute}:${second} ${id}` : unit.key;
}

// The pinned ones, then the first of the order, get a colour.
function highlight(data, view, goal, units, palette) {
  const pinned = units.filter((unit) => unit.pinned);
  const chosen = pinned.length ? pinned.slice(0, palette.length) : units.filter((unit) => unit.rows.some((row) => measures(data, goal, row))).slice(0, HIGHLIGHTED);
  chosen.forEach((unit, i) => { unit.color = palette[i]; unit.label = label(data, view, unit); });
  return chosen;
}

// What must be known before a number is believed: [word, class] for each.
function marks(data, unit) {
  const some = (name, value) => unit.rows.some((row) => data.value(name, row) === value);
  const found = unit.best ? [["best", "good"]] : [];
  if (some("replayed", true)) found.push(["replayed: identical", "good"]);
  for (const verdict of ["identical", "equivalent", "different"]) if (some("verdict", verdict)) found.push([`replay: ${verdict}`, verdict === "different" ? "bad" : "good"]);
  if (some("status", "failed")) found.push(["failed", "bad"]);
  if (some("status", "pruned")) found.push(["pruned", "warn"]);
  if (some("status", "running")) found.push(["running", ""]);
  if (some("sample", true)) found.push(["sample data", "warn"]);
  if (some("dirty", true)) found.push(["dirty", "warn"]);
  return found;
}

// A number of a metric, for people: a share in percent, any other with its unit, or without where that stands elsewhere.
function formatted(metric, value, unit = true) {
  if (value === null || value === undefined || !metric) return shown(value);
  return metric.share ? `${(100 * value).toFixed(2)} %` : `${shown(value)}${unit && metric.unit ? ` ${metric.unit}` : ""}`;
}

// What a person types for a number: 0.85 or 85 %; of numbers that are in percent themselves 85 or 85 %.
const amountOf = (text, inPercent) => { const [, number, percent] = /^([^%]*?)\s*(%?)$/.exec(text.trim()) ?? []; return number ? Number(number) / (percent && !inPercent ? 100 : 1) : NaN; };

function shown(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size >= 100 ? value.toFixed(1) : size >= 0.001 ? String(Number(value.toPrecision(4))) : value.toExponential(1);
}
