"use strict";
// Puts it together: one state, one render, and what people do to it.

const $ = (id) => document.getElementById(id);
const raw = JSON.parse(window.unpackedData ?? $("data").textContent);
let data = indexed(raw), view = readView(location.hash), passes = () => true, context = null, allRows = false, printing = false, complaint;
const stale = new Set(), seen = new Set();
const system = matchMedia("(prefers-color-scheme: dark)"), printed = matchMedia("print");
let theme = null; // as the system has it, until a person says otherwise

function dark() { return !printing && (theme ? theme === "dark" : system.matches); }

function compile() {
  try {
    passes = parseFilter(view.filter, data.columns);
    clearTimeout(complaint);
    $("complaint").textContent = "";
    $("filter").removeAttribute("aria-invalid");
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    $("filter").setAttribute("aria-invalid", "true");
    clearTimeout(complaint); // half a word is no mistake yet
    complaint = setTimeout(() => { $("complaint").textContent = error.message; }, 500);
    return false;
  }
  return true;
}

function render() {
  document.documentElement.dataset.theme = dark() ? "dark" : "light";
  $("theme").textContent = dark() ? "Light" : "Dark";
  const { rows, outside } = chosen(data, view, passes), goal = goalOf(data, view), units = unitsOf(data, view, rows), look = style(dark());
  markBest(data, goal, units);
  context = { data, view, goal, units, outside, look, highlighted: highlight(data, view, goal, units, look.palette), width: printing ? 660 : undefined };
  const groups = view.grouped ? ` in ${units.length} ${units.length === 1 ? "experiment" : "experiments"}` : "";
  $("count").textContent = `${rows.length} of ${data.count} runs${groups}`;
  for (const node of document.querySelectorAll(".score")) node.textContent = words(goal.score);
  for (const chart of CHARTS) {
    stale.add(chart.id);
    if (nothingFor(chart, context)) $(chart.id).classList.add("empty");
  }
  fillChips(context);
  drawSeen();
  fillTable(context, allRows);
  fillNoise(context);
  fillCompared(context);
  fillOwn(context);
}

function drawSeen() {
  const first = !performance.getEntriesByName("first-chart").length;
  if (view.run) { if (first) performance.mark("first-chart"); return; } // they are hidden
  for (const chart of CHARTS) {
    if (!stale.has(chart.id) || !(printing || seen.has(chart.id))) continue;
    stale.delete(chart.id);
    const done = chart.draw(context);
    if (first && chart.id === "curves") (done ?? Promise.resolve()).then(() => performance.mark("first-chart"));
    listen($(chart.id), chart.id);
  }
}

function listen(node, id) {
  if (node.heard || !node.on) return;
  node.heard = true;
  if (id === "parallel") node.on("plotly_selected", (event) => { if (event?.range) change({ brush: { ...view.brush, ...ranges(data, view, event.range) } }); });
  else node.on("plotly_click", (event) => { const key = event.points[0]?.customdata; if (key) toggle("pinned", key); });
}

function change(some, filtered = false) {
  view = { ...view, ...some };
  const said = writeView(view);
  history.replaceState(null, "", said ? `#${said}` : location.pathname + location.search);
  if (filtered && !compile()) return; // the last filter that could be read stays
  render();
  performance.mark("rendered");
}

const runsOf = (key) => (view.grouped && rowOf(data, key) === undefined ? context.units.find((unit) => unit.key === key)?.rows.map((row) => data.value("run", row)) ?? [] : [key]);

function toggle(list, key) {
  const runs = runsOf(key), has = runs.some((run) => view[list].includes(run));
  change({ [list]: has ? view[list].filter((run) => !runs.includes(run)) : [...view[list], ...runs] });
}

function refocus(what, key, index) {
  const tools = [...document.querySelectorAll(`[data-do="${what}"]`)];
  (tools.find((each) => each.dataset.key === key) ?? tools[Math.min(index, tools.length - 1)] ?? $("filter")).focus({ preventScroll: true });
}

function fillControls() {
  const names = [...data.columns.keys()];
  $("metric").replaceChildren(...[...data.metrics.keys()].map((name) => make("option", words(name), { value: name })));
  $("curve").replaceChildren(make("option", "of the metric", { value: "" }), ...data.drawn.map((name) => make("option", words(name), { value: name })));
  $("range-column").replaceChildren(...names.filter((name) => data.columns.get(name).kind === "number").map((name) => make("option", name, { value: name })));
  const { metric, score } = goalOf(data, view);
  $("range-column").value = score;
  $("filter").placeholder = $("example").textContent = example(metric, score);
  $("column-names").textContent = names.join(", ");
  $("made").textContent = data.live ? "live" : `as of ${data.created}`;
  fillVersions(data);
}

// A filter that these runs can answer.
function example(metric, score) {
  const known = data.columns.get(score)?.values.filter((value) => value !== null).sort((a, b) => a - b) ?? [];
  return known.length ? `${score} ${metric.better === "lower" ? "<" : ">"} ${Number(known[known.length >> 1].toPrecision(2))}` : 'status == "completed"';
}

// What the address says of columns and metrics that are not here is not said.
function settle() {
  if (!data.columns.has(view.sort)) view.sort = "";
  if (!data.drawn.includes(view.curve)) view.curve = "";
  $("metric").value = goalOf(data, view).metric.name;
  $("curve").value = view.curve;
}

function showView() {
  settle();
  $("filter").value = view.filter;
  $("grouped").checked = view.grouped;
  $("all-columns").checked = view.all;
  if (!compile()) passes = () => true;
}

function replaceData(table) {
  const active = document.activeElement?.dataset?.do, key = document.activeElement?.dataset?.key;
  data = indexed({ ...table, live: true });
  const column = $("range-column").value;
  fillControls();
  if (data.columns.has(column)) $("range-column").value = column;
  settle();
  compile();
  render();
  if (active) refocus(active, key, 0);
}

async function poll(tag) {
  try {
    const answer = await fetch("runs.json", { cache: "no-store", headers: tag ? { "If-None-Match": tag } : {} });
    if (answer.status === 200) { tag = answer.headers.get("ETag"); replaceData(await answer.json()); }
    $("made").textContent = "live";
  } catch { $("made").textContent = "the server is gone; this is what it last said"; }
  setTimeout(poll, 2000, tag);
}

$("filter").addEventListener("input", (event) => { performance.mark("filter"); change({ filter: event.target.value }, true); performance.measure("filtering", "filter"); });
$("metric").addEventListener("change", (event) => { change({ metric: event.target.value, curve: "" }); $("curve").value = ""; $("range-column").value = context.goal.score; });
$("curve").addEventListener("change", (event) => change({ curve: event.target.value }));
$("grouped").addEventListener("change", (event) => change({ grouped: event.target.checked }));
$("all-columns").addEventListener("change", (event) => change({ all: event.target.checked }));
$("reset").addEventListener("click", () => { view = readView(""); showView(); change({}); });
$("theme").addEventListener("click", () => { theme = dark() ? "light" : "dark"; render(); });
$("more").addEventListener("click", () => { allRows = true; fillTable(context, true); document.querySelector("#table .scroll").focus(); });
$("skip").addEventListener("click", (event) => { event.preventDefault(); $("table").focus(); $("table").scrollIntoView(); });
$("differ").addEventListener("click", () => { $("compared").scrollIntoView(); $("compared").focus({ preventScroll: true }); });
$("csv").addEventListener("click", () => download("runs.csv", "text/csv", tableText(context)));
$("copy").addEventListener("click", (event) => copyAddress(event.target));
document.addEventListener("change", ({ target }) => { if (target.dataset.do === "tick") { toggle("ticked", target.dataset.key); refocus("tick", target.dataset.key, 0); } });
$("controls").addEventListener("submit", (event) => event.preventDefault());
$("range").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = $("range-column").value, axis = axisOf(data, name), of = (id, end) => ($(id).value.trim() === "" ? end : amountOf($(id).value, data.columns.get(name).inPercent));
  const low = of("range-low", axis.low), high = of("range-high", axis.high);
  for (const [id, value] of [["range-low", low], ["range-high", high]]) $(id).toggleAttribute("aria-invalid", !Number.isFinite(value));
  if (Number.isFinite(low) && Number.isFinite(high)) change({ brush: { ...view.brush, [name]: [Math.min(low, high), Math.max(low, high)] } });
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.sort) {
    const name = button.dataset.sort, order = orderOf(data, view);
    change({ sort: name, down: order.name === name ? !order.down : data.columns.get(name).kind === "number" && metricOf(data, name)?.better !== "lower" });
    document.querySelector(`[data-sort="${CSS.escape(name)}"]`).focus({ preventScroll: true });
    return;
  }
  if (button?.dataset.save) saveChart(button.dataset.save, context.look);
  const { do: what, key } = button?.dataset ?? {};
  if (!what) return;
  const index = [...document.querySelectorAll(`[data-do="${what}"]`)].indexOf(button);
  if (what === "pin") toggle("pinned", key);
  if (what === "hide") toggle("hidden", key);
  if (what === "show") change({ hidden: view.hidden.filter((run) => run !== key) });
  if (what === "show-all") change({ hidden: [] });
  if (what === "base") change({ baseline: view.baseline === key || baselineOf(data, view)?.rows.some((row) => data.value("run", row) === key) ? "" : key });
  if (what === "untick-all") change({ ticked: [] });
  if (what === "close") { change({ run: "" }); document.querySelector("#table .scroll").focus({ preventScroll: true }); return; }
  if (what === "unpin-all") change({ pinned: [] });
  if (what === "unbrush") { const { [key]: gone, ...brush } = view.brush; change({ brush }); }
  refocus(what, key, index);
});
addEventListener("hashchange", () => { view = readView(location.hash); showView(); render(); });
system.addEventListener("change", render);
const print = (now) => { if (printing !== now) { printing = now; render(); } };
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
printed.addEventListener("change", (event) => print(event.matches));

const watch = new IntersectionObserver((entries) => {
  for (const entry of entries) seen[entry.isIntersecting ? "add" : "delete"](entry.target.id);
  if (context) drawSeen();
}, { rootMargin: "80px" });
fillControls();
showView();
seen.add("curves");
render();
CHARTS.forEach((chart) => watch.observe($(chart.id)));
if (data.live) poll(null);
