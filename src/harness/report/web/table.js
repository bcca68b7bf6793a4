"use strict";
// The table of units, the chips above it, and the data sets below.

const ROWS = 60; // shown at first
const LAST = ["minutes", "usd", "sweep"];

function make(tag, text, more = {}) {
  const node = document.createElement(tag);
  if (text !== undefined && text !== null) node.textContent = text;
  for (const [name, value] of Object.entries(more)) if (value !== undefined) node.setAttribute(name, value);
  return node;
}

function tableColumns(data, view) {
  const known = (name) => data.columns.get(name)?.values.some((value) => value !== null);
  if (view.all) return [...data.columns.keys()].filter((name) => name !== "run" && name !== "replayed");
  const goal = goalOf(data, view), results = [goal.score, goal.validation, goal.train].filter(known).slice(0, 2);
  return [...results, ...(data.mixed ? ["program"] : []), ...settingsFor(data, view, goal), ...LAST.filter(known)];
}

// The unit against which differences are shown, filtered out or not.
function baselineOf(data, view) {
  const row = view.baseline ? rowOf(data, view.baseline) : undefined;
  if (row === undefined) return null;
  const group = data.value("group", row), rows = view.grouped ? Array.from({ length: data.count }, (_, each) => each).filter((each) => data.value("group", each) === group) : [row];
  return { key: view.grouped ? group : view.baseline, rows, pinned: false, best: false, color: null, label: "" };
}

// A change of a metric, signed.
const by = (metric, change) => `${change > 0 ? "+" : ""}${formatted(metric, change)}${metric.better === "lower" ? " (lower is better)" : ""}`;

// How a number stands against the baseline's: what the table shows of it, and whether that is good.
function against(data, base, unit, name) {
  const metric = metricOf(data, name), own = mean(data, unit, name), other = base && unit.key !== base.key && metric ? mean(data, base, name) : null;
  if (own === null || other === null) return null;
  const change = own - other, sign = change > 0 ? "+" : "", better = metric.better === "lower" ? change < 0 : change > 0;
  return [`${sign}${metric.share ? (100 * change).toFixed(2) : shown(Number(change.toPrecision(4)))}`, change ? (better ? "good" : "bad") : ""];
}

function cell(data, unit, name, base) {
  const compared = (whole) => { const told = against(data, base, unit, name); if (told) whole.append(" ", make("span", told[0], { class: `change ${told[1]}` })); return whole; };
  const column = data.columns.get(name), metric = metricOf(data, name), node = make("td", undefined, { class: column.kind === "number" ? "number" : undefined });
  if (unit.rows.length > 1 && column.kind === "number") {
    const sd = spread(data, unit, name);
    node.textContent = formatted(metric, mean(data, unit, name), false);
    if (sd) node.append(make("span", ` ± ${Number((metric?.share ? 100 * sd : sd).toPrecision(2))}`, { class: "sd" }));
    return compared(node);
  }
  const values = [...new Set(unit.rows.map((row) => data.value(name, row)))];
  node.textContent = values.length > 1 ? (OWN.has(name) ? "" : `${values.length} values`) : formatted(metric, values[0], false);
  return compared(node);
}

function tool(word, what, key, label, pressed) {
  return make("button", word, { type: "button", class: "tool", "data-do": what, "data-key": key, "aria-pressed": pressed, "aria-label": `${word} ${label}` });
}

function fillTable({ data, view, units }, all) {
  const names = tableColumns(data, view), order = orderOf(data, view), table = document.querySelector("#table table"), base = baselineOf(data, view);
  const head = make("tr");
  head.append(make("td", "", { "aria-hidden": "true" }));
  for (const name of ["run", ...names].filter((each) => data.columns.has(each))) {
    const number = data.columns.get(name).kind === "number", sorted = order.name === name, metric = metricOf(data, name);
    const th = make("th", undefined, { scope: "col", class: number ? "number" : undefined, "aria-sort": sorted ? (order.down ? "descending" : "ascending") : "none" });
    th.append(make("button", `${name === "run" && view.grouped ? "experiment" : name}${sorted ? (order.down ? " ↓" : " ↑") : ""}`, { type: "button", "data-sort": name }));
    if (metric?.unit && !metric.share) th.append(make("span", ` ${metric.unit}`, { class: "unit" }));
    head.append(th);
  }
  table.tHead.replaceChildren(head);
  const body = document.createDocumentFragment();
  for (const unit of all ? units : units.slice(0, ROWS)) {
    const row = make("tr", undefined, { class: unit.pinned ? "pinned" : undefined, "data-key": unit.key });
    const name = view.grouped ? `${label(data, view, unit)} (${unit.rows.length} ${unit.rows.length === 1 ? "run" : "runs"})` : unit.key;
    const tools = make("td"), head = make("th", undefined, { scope: "row" }), swatch = make("span", "", { class: "swatch" });
    const first = data.value("run", unit.rows[0]), ticked = make("input", undefined, { type: "checkbox", "data-do": "tick", "data-key": first, "aria-label": `Tick ${name}`, title: "tick two or more to see what differs" });
    ticked.checked = view.ticked.includes(first);
    tools.append(ticked, tool("Pin", "pin", unit.key, name, unit.pinned), tool("Hide", "hide", unit.key, name), tool("Base", "base", first, name, base?.key === unit.key));
    if (unit.color) swatch.style.background = unit.color;
    head.append(swatch, unit.rows.length > 1 || view.grouped ? name : make("a", name, { href: `#${writeView({ ...view, run: unit.key })}` }), " ");
    if (base?.key === unit.key) head.append(make("span", "baseline", { class: "mark" }));
    for (const [word, kind] of marks(data, unit)) head.append(make("span", word, { class: `mark ${kind}`, title: kind === "bad" ? data.value("reason", unit.rows[0]) ?? undefined : undefined }));
    row.append(tools, head);
    for (const name of names) row.append(cell(data, unit, name, base));
    body.append(row);
  }
  table.tBodies[0].replaceChildren(body);
  const more = document.getElementById("more");
  more.hidden = all || units.length <= ROWS;
  more.textContent = `Show all ${units.length}`;
}

function fillChips({ data, view }) {
  const chips = document.getElementById("chips"), items = [];
  const chip = (text, what, key, label) => { const item = make("li"); item.append(make("button", `${text} ×`, { type: "button", "data-do": what, "data-key": key, "aria-label": label })); items.push(item); };
  for (const [name, [low, high]] of Object.entries(view.brush)) {
    if (!data.columns.has(name)) continue;
    const axis = axisOf(data, name), chosen = axis.words?.filter((_, i) => i >= low && i <= high);
    const metric = metricOf(data, name), range = chosen ? chosen.join(", ") || "none" : `${formatted(metric, low)} to ${formatted(metric, high)}`;
    chip(`${name}: ${range}`, "unbrush", name, `Remove the range of ${name}: ${range}`);
  }
  for (const run of view.hidden.slice(0, 5)) chip(`hidden ${run}`, "show", run, `Show ${run} again`);
  if (view.hidden.length > 1) chip(`all ${view.hidden.length} hidden`, "show-all", "", `Show all ${view.hidden.length} hidden runs again`);
  if (rowOf(data, view.baseline) !== undefined) chip(`against ${view.baseline}`, "base", view.baseline, `No longer show differences against ${view.baseline}`);
  if (view.ticked.length) chip(`${view.ticked.length} ticked`, "untick-all", "", `Untick all ${view.ticked.length} runs`);
  if (view.pinned.length) chip(`${view.pinned.length} pinned`, "unpin-all", "", `Unpin all ${view.pinned.length} runs`);
  chips.replaceChildren(...items);
}

function fillVersions(data) {
  const table = document.querySelector("#versions table"), head = make("tr"), body = [];
  for (const word of ["data set", "version", "MB", "runs", "first used"]) head.append(make("th", word, { scope: "col" }));
  const lines = [];
  for (const version of data.versions) {
    const row = make("tr"), name = make("th", `${version.name} `, { scope: "row" });
    if (version.sample) name.append(make("span", "sample data", { class: "mark warn" }));
    row.append(name, make("td", version.hash), make("td", (version.size / 1e6).toFixed(1)), make("td", version.runs), make("td", String(version.first).slice(0, 16).replace("T", " ")));
    body.push(row);
    if (version.lines.length) {
      const list = make("ul");
      list.append(...version.lines.map((line) => make("li", line)));
      lines.push(make("h3", `${version.name} ${version.hash.slice(0, 12)}, against the version before it`), list);
    }
  }
  table.tHead.replaceChildren(head);
  table.tBodies[0].replaceChildren(...body);
  document.getElementById("differences").replaceChildren(...lines);
  const left = document.getElementById("unreadable");
  left.hidden = !data.unreadable.length;
  left.querySelector("ul").replaceChildren(...data.unreadable.map((line) => make("li", line)));
}
