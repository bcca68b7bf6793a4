"use strict";
// Runs chosen by filter, ranges and hand, and the units that are drawn: each a run, or all runs of one experiment but for its seed.

const HIGHLIGHTED = 6; // units with a colour of their own, where nothing is pinned
const SHORT = { resnet_size: "size", resnet_version: "version", learning_rate: "lr", batch_size: "batch", weight_decay: "wd", momentum: "mom", label_smoothing: "smooth", num_data_batches: "batches", optimizer: "opt" };
const OWN = new Set(["run", "experiment", "created", "weights"]); // of a run, never of a group

function indexed(table) {
  const columns = new Map(table.columns.map((column) => [column.name, column]));
  const count = table.curves.length;
  const varying = table.columns.filter((column) => column.config && new Set(column.values).size > 1).map((column) => column.name);
  return { ...table, columns, count, varying, axes: new Map(), value: (name, row) => columns.get(name)?.values[row] ?? null };
}

// A column as a scale from 0 to 1: linear, logarithmic where it spans much, or one place for each word.
function axisOf(data, name) {
  if (data.axes.has(name)) return data.axes.get(name);
  const column = data.columns.get(name), known = column.values.filter((value) => value !== null && value !== undefined);
  let axis;
  if (column.kind === "number" && known.length) {
    const low = known.reduce((a, b) => Math.min(a, b)), high = known.reduce((a, b) => Math.max(a, b));
    const log = low > 0 && high / low >= 50, at = log ? Math.log : (x) => x, back = log ? Math.exp : (x) => x;
    const place = (value) => (value === null ? null : high === low ? 0.5 : (at(value) - at(low)) / (at(high) - at(low)));
    axis = { name, words: null, low, high, place, invert: (y) => back(at(low) + y * (at(high) - at(low))), amount: (value) => value };
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
  const units = [...members].map(([key, own]) => ({ key, rows: own, pinned: own.some((row) => pinned.has(data.value("run", row))), color: null, label: "" }));
  return ordered(data, view, units);
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
  const middle = known.reduce((a, b) => a + b, 0) / known.length;
  return Math.sqrt(known.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (known.length - 1));
}

function ordered(data, view, units) {
  const column = data.columns.get(view.sort) ?? data.columns.get("run"), number = column.kind === "number";
  const keyed = units.map((unit) => [number ? mean(data, unit, column.name) : data.value(column.name, unit.rows[0]), unit]);
  const turn = view.down ? -1 : 1;
  keyed.sort(([a, one], [b, other]) => {
    if (a === null || b === null) return (a === null) - (b === null) || (one.key < other.key ? -1 : 1); // the unknown last
    const order = number ? a - b : a < b ? -1 : a > b ? 1 : 0;
    return turn * order || (one.key < other.key ? -1 : 1);
  });
  return keyed.map(([, unit]) => unit);
}

function label(data, view, unit) {
  const names = data.varying.filter((name) => !(view.grouped && name === "seed"));
  const said = names.map((name) => `${SHORT[name] ?? name} ${shown(data.value(name, unit.rows[0]))}`).join(" · ");
  if (said && said.length <= 38) return said;
  if (view.grouped) return `group ${unit.key}`;
  const [, month, day, hour, minute, second, id] = /^\d{4}(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-(\w{4})/.exec(unit.key) ?? [];
  return id ? `${month}-${day} ${hour}:${minute}:${second} ${id}` : unit.key;
}

// The pinned ones, then the first of the order, get a colour.
function highlight(data, view, units, palette) {
  const pinned = units.filter((unit) => unit.pinned);
  const chosen = pinned.length ? pinned.slice(0, palette.length) : units.filter((unit) => mean(data, unit, "accuracy") !== null || data.curves[unit.rows[0]]).slice(0, HIGHLIGHTED);
  chosen.forEach((unit, i) => { unit.color = palette[i]; unit.label = label(data, view, unit); });
  return chosen;
}

// What must be known before a number is believed: [word, class] for each.
function marks(data, unit) {
  const some = (name, value) => unit.rows.some((row) => data.value(name, row) === value);
  const found = [];
  if (some("replayed", true)) found.push(["replayed: identical", "good"]);
  for (const verdict of ["identical", "equivalent", "different"]) if (some("verdict", verdict)) found.push([`replay: ${verdict}`, verdict === "different" ? "bad" : "good"]);
  if (some("status", "failed")) found.push(["failed", "bad"]);
  if (some("status", "pruned")) found.push(["pruned", "warn"]);
  if (some("status", "running")) found.push(["running", ""]);
  if (some("sample", true)) found.push(["sample data", "warn"]);
  if (some("dirty", true)) found.push(["dirty", "warn"]);
  return found;
}

function shown(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size >= 100 ? value.toFixed(1) : size >= 0.001 ? String(Number(value.toPrecision(4))) : value.toExponential(1);
}
