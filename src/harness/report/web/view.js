"use strict";
// What is shown, as a plain object, and as the address's hash: only what differs from the defaults is written.

// An empty `run` is the table of all runs, an empty `sort` the best run first, an empty `metric` the first of the most frequent program, an empty `curve` the metric's own.
const DEFAULTS = Object.freeze({ filter: "", sort: "", down: true, metric: "", curve: "", grouped: false, all: false, hidden: [], pinned: [], ticked: [], baseline: "", run: "", brush: {} });

function readView(hash) {
  const view = { ...DEFAULTS, hidden: [], pinned: [], ticked: [], brush: {} };
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  const list = (name) => (asked.get(name) ?? "").split(",").filter(Boolean);
  view.filter = asked.get("filter") ?? "";
  const sort = asked.get("sort");
  if (sort) { view.down = sort.startsWith("-"); view.sort = sort.replace(/^-/, ""); }
  view.metric = asked.get("metric") ?? DEFAULTS.metric;
  view.curve = asked.get("curve") ?? DEFAULTS.curve;
  view.grouped = asked.has("grouped");
  view.all = asked.has("all");
  view.hidden = list("hidden");
  view.pinned = list("pinned");
  view.ticked = list("ticked");
  view.baseline = asked.get("baseline") ?? "";
  view.run = asked.get("run") ?? "";
  for (const part of (asked.get("brush") ?? "").split(";").filter(Boolean)) {
    const [name, range] = part.split("=");
    const [low, high] = (range ?? "").split("..").map(Number);
    if (Number.isFinite(low) && Number.isFinite(high)) view.brush[name] = [low, high];
  }
  return view;
}

function writeView(view) {
  const said = new URLSearchParams();
  if (view.filter.trim()) said.set("filter", view.filter);
  if (view.sort) said.set("sort", (view.down ? "-" : "") + view.sort);
  if (view.metric) said.set("metric", view.metric);
  if (view.curve) said.set("curve", view.curve);
  if (view.grouped) said.set("grouped", "1");
  if (view.all) said.set("all", "1");
  if (view.hidden.length) said.set("hidden", view.hidden.join(","));
  if (view.pinned.length) said.set("pinned", view.pinned.join(","));
  if (view.ticked.length) said.set("ticked", view.ticked.join(","));
  if (view.baseline) said.set("baseline", view.baseline);
  if (view.run) said.set("run", view.run);
  const brush = Object.entries(view.brush).map(([name, [low, high]]) => `${name}=${low}..${high}`);
  if (brush.length) said.set("brush", brush.join(";"));
  return said.toString();
}
