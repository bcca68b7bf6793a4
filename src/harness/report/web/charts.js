"use strict";
// The charts. Each is {id, draw(context)}, drawn when it is on the screen and something has changed.

const LIGHT = ["#0b62b5", "#c2410c", "#18794e", "#8e3bb0", "#a16207", "#0e7c86", "#be185d", "#4b5563"];
const DARK = ["#6cb2ff", "#ff9a5c", "#5fd39a", "#d09bf0", "#e3c04d", "#55cdd6", "#ff8fbb", "#b4bdc8"];
const SCALE = { light: ["#b9cfe4", "#86b1d8", "#4f8ec9", "#1f68ae", "#0b3f78"], dark: ["#2c4a68", "#3a6a98", "#4f8ec9", "#83b8ee", "#cfe4fb"] };
const CURVES = 100, BARS = 24, AXES = 8; // most that are drawn
const MANY = 300, TALL = 250; // units from which on what lies on one another is drawn once; places on an axis
const LONG = 4; // times the median: a longer bar is cut, lest one run hides the others

// Text of a run for Plotly, which reads a little HTML.
const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function style(dark) {
  const css = getComputedStyle(document.documentElement), of = (name) => css.getPropertyValue(name).trim();
  return { dark, ground: of("--ground"), ink: of("--ink"), quiet: of("--quiet"), line: of("--line"), accent: of("--accent"), muted: dark ? "#4a545f" : "#c3cad2", palette: dark ? DARK : LIGHT, scale: dark ? SCALE.dark : SCALE.light };
}

function layout(look, more) {
  const axis = { gridcolor: look.line, linecolor: look.line, zerolinecolor: look.line, tickcolor: look.line, automargin: false };
  return { font: { family: "system-ui, DejaVu Sans, sans-serif", size: 12, color: look.ink }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 66, r: 14, t: 12, b: 44 },
    hoverlabel: { bgcolor: look.ground, bordercolor: look.line, font: { color: look.ink }, align: "left" }, hovermode: "closest", showlegend: false, uirevision: "kept", ...more, xaxis: { ...axis, ...more.xaxis }, yaxis: { ...axis, ...more.yaxis } };
}

function put(id, traces, arranged, width) {
  const node = document.getElementById(id);
  if (!traces.length) {
    if (node._fullLayout) Plotly.purge(node);
    node.classList.add("empty");
    return undefined;
  }
  node.classList.remove("empty");
  return Plotly.react(node, traces, width ? { ...arranged, width } : arranged, { displayModeBar: false, responsive: true, doubleClick: "reset" });
}

// An axis for numbers of a metric; of a metric that spans much, and of no share, logarithmic.
function axisFor(metric, title, values) {
  const wide = !metric?.share && values.length && values[0] > 0 && values[1] / values[0] >= WIDE;
  const unit = metric?.unit && !metric.share ? ` (${metric.unit})` : "";
  return { title: { text: plain(`${words(title)}${unit}`), standoff: 6 }, type: wide ? "log" : "linear", ...(metric?.share ? { tickformat: ".3~%" } : {}) };
}

const hovered = (metric, axis) => `%{${axis}:${metric?.share ? ".2%" : ".4~r"}}${metric?.unit && !metric.share ? ` ${plain(metric.unit)}` : ""}`;

// [least, most] of the known numbers; empty where there is none.
function extent(values) {
  const known = values.filter((value) => value !== null);
  return known.length ? [known.reduce((a, b) => Math.min(a, b)), known.reduce((a, b) => Math.max(a, b))] : [];
}

const note = (id, text) => { document.getElementById(id).textContent = text; };
const evenly = (list, most) => (list.length <= most ? list : Array.from({ length: most }, (_, i) => list[Math.floor((i * list.length) / most)]));

function hover(data, unit) {
  const lines = [unit.rows.length > 1 ? `<b>${unit.rows.length} runs</b>` : `<b>${plain(data.value("run", unit.rows[0]))}</b>`];
  const names = data.varying.filter((name) => (unit.rows.length === 1 || name !== "seed") && data.value(name, unit.rows[0]) !== null).slice(0, 8);
  if (data.mixed) lines.push(plain(data.value("program", unit.rows[0])));
  if (names.length) lines.push(names.map((name) => `${name} ${plain(shown(data.value(name, unit.rows[0])))}`).join("<br>"));
  const told = marks(data, unit);
  if (told.length) lines.push(plain(told.map(([word]) => word).join(", ")));
  return lines.join("<br>");
}

// Of a unit's runs by epoch: mean and standard deviation.
function curve(data, unit, metric) {
  const found = unit.rows.map((row) => data.curves[row]).filter((each) => each && each[metric]);
  if (found.length < 2) return found.length ? { x: found[0].epoch, y: found[0][metric], sd: null } : null;
  const at = new Map();
  for (const each of found) each.epoch.forEach((epoch, i) => { if (each[metric][i] !== null) { if (!at.has(epoch)) at.set(epoch, []); at.get(epoch).push(each[metric][i]); } });
  const x = [...at.keys()].sort((a, b) => a - b);
  return { x, y: x.map((epoch) => at.get(epoch).reduce((a, b) => a + b, 0) / at.get(epoch).length), sd: x.map((epoch) => deviation(at.get(epoch)) ?? 0) };
}

function drawCurves({ data, view, goal, units, highlighted, look, width }) {
  const own = [goal.validation, goal.train].filter((name) => data.drawn.includes(name)), wanted = view.curve ? [view.curve] : own;
  const metric = metricOf(data, wanted[0]), drawnOf = (unit) => unit.rows.some((row) => data.curves[row]?.[wanted[0]]);
  const traces = [], rest = units.filter((unit) => !unit.color && drawnOf(unit)), grey = evenly(rest, CURVES);
  const x = [], y = [];
  for (const unit of grey) {
    const line = curve(data, unit, wanted[0]);
    if (line) { x.push(...line.x, null); y.push(...line.y, null); }
  }
  if (x.length) traces.push({ type: "scatter", mode: "lines", x, y, line: { color: look.muted, width: 1 }, hoverinfo: "skip" });
  for (const unit of highlighted) for (const [which, column] of wanted.entries()) {
    const line = curve(data, unit, column);
    if (!line) continue;
    if (line.sd && which === 0) {
      const up = line.y.map((value, i) => value + line.sd[i]), down = line.y.map((value, i) => (value > 0 ? Math.max(value - line.sd[i], value / 10) : value - line.sd[i])); // a logarithm needs more than 0
      traces.push({ type: "scatter", mode: "lines", x: [...line.x, ...line.x.slice().reverse()], y: [...up, ...down.reverse()], fill: "toself", fillcolor: unit.color + "2e", line: { width: 0 }, hoverinfo: "skip" });
    }
    traces.push({ type: "scatter", mode: line.x.length > 12 || which ? "lines" : "lines+markers", x: line.x, y: line.y, line: { color: unit.color, width: 2, dash: which ? "dot" : "solid" }, marker: { size: 4 },
      hovertemplate: `${plain(unit.label)}<br>${plain(words(column))} ${hovered(metric, "y")}, epoch %{x}<extra></extra>` });
  }
  const last = Math.max(1, ...units.filter(drawnOf).slice(0, CURVES).flatMap((unit) => unit.rows.map((row) => data.curves[row]?.epoch.at(-1) ?? 0)));
  const others = rest.length > grey.length ? `${grey.length} of the ${rest.length} others` : `${rest.length} others`;
  const notes = [wanted.length > 1 ? "solid: validation, dotted: training" : words(wanted[0] ?? ""), rest.length ? `grey: ${others}` : "", view.grouped ? "band: ± 1 sd" : ""];
  note("n-curves", traces.length ? notes.filter(Boolean).join("; ") : "");
  return put("curves", traces, layout(look, { xaxis: { title: { text: "epoch", standoff: 6 }, tickformat: "d", ...(last <= 8 ? { dtick: 1 } : {}) }, uirevision: wanted.join(), yaxis: axisFor(metric, view.curve || goal.metric.name, extent(traces.flatMap((trace) => trace.y))) }), width);
}

function drawBars({ data, view, goal, units, look, width }) {
  const { metric, score } = goal, known = units.filter((unit) => mean(data, unit, score) !== null);
  const first = new Set(known.slice(0, BARS)), kept = [...known.filter((unit) => unit.pinned && !first.has(unit)), ...first].slice(0, BARS);
  const place = new Map(known.map((unit, i) => [unit, i]));
  kept.sort((a, b) => place.get(a) - place.get(b));
  const values = kept.map((unit) => mean(data, unit, score)), sizes = values.map(Math.abs).sort((a, b) => a - b), at = kept.map((_, i) => kept.length - 1 - i);
  const limit = metric.share ? 1 : LONG * sizes[sizes.length >> 1], cut = values.filter((value) => limit && Math.abs(value) > limit).length;
  const lengths = values.map((value) => (cut && Math.abs(value) > limit ? Math.sign(value) * limit : value)), [least, most] = extent([...lengths, 0]);
  const text = kept.map((unit, i) => `${formatted(metric, values[i], false)}${lengths[i] === values[i] ? "" : " …"}${unit.best ? " · best" : ""}`);
  const traces = kept.length ? [{ type: "bar", orientation: "h", x: lengths, y: at, customdata: kept.map((unit) => unit.key), text, textposition: "auto", insidetextanchor: view.grouped ? "start" : "end", textangle: 0, constraintext: "none", outsidetextfont: { color: look.ink, size: 11 }, cliponaxis: false,
    insidetextfont: { color: kept.map((unit) => (unit.color ? (look.dark ? "#10151a" : "#ffffff") : look.ink)), size: 11 },
    marker: { color: kept.map((unit) => unit.color ?? look.muted), pattern: { shape: kept.map((unit) => (data.value("sample", unit.rows[0]) ? "/" : "")), fillmode: "overlay", size: 7, solidity: 0.2, fgcolor: look.ground, fgopacity: 0.45 } }, width: 0.78,
    error_x: view.grouped ? { type: "data", array: kept.map((unit, i) => (lengths[i] === values[i] ? spread(data, unit, score) ?? 0 : 0)), color: look.ink, thickness: 1.2, width: 3 } : undefined,
    hovertext: kept.map((unit, i) => `${hover(data, unit)}<br>${plain(`${words(score)} ${formatted(metric, values[i])}`)}`), hovertemplate: "%{hovertext}<extra></extra>" }] : [];
  const names = kept.map((unit) => label(data, view, unit)), base = baselineOf(data, view), against = base && mean(data, base, score);
  const shapes = traces.length && Number.isFinite(against) ? [{ type: "line", x0: against, x1: against, y0: 0, y1: 1, yref: "paper", line: { color: look.ink, width: 1.5, dash: "dash" } }] : [];
  const order = known.length > kept.length ? `the first ${kept.length} of ${known.length} in the table's order` : "in the table's order";
  note("n-bars", kept.length ? `on the test set${metric.unit && !metric.share ? ` (${metric.unit})` : ""}; ${metric.better} is better; ${order}${cut ? `; ${cut} cut (…)` : ""}${view.grouped ? "; whisker: ± 1 sd" : ""}${kept.some((unit) => data.value("sample", unit.rows[0])) ? "; hatched: sample data" : ""}${shapes.length ? "; dashed: the baseline" : ""}` : "");
  return put("bars", traces, layout(look, { shapes, yaxis: { tickvals: at, ticktext: names.map(plain), showgrid: false, tickfont: { size: 11 }, range: [-0.6, Math.max(kept.length, 5) - 0.4], fixedrange: true },
    xaxis: { range: metric.share ? [0, Math.min(1.02, Math.max(most, 0.01) * 1.05)] : [least * 1.05, most * 1.05 || (least ? 0 : 1)], fixedrange: true, ...(metric.share ? { tickformat: ".3~%" } : {}) }, margin: { l: Math.min(250, 14 + 6.3 * Math.max(...names.map((name) => name.length), 1)), r: 14, t: 4, b: 30 } }), width);
}

function axesOf(data, view) {
  const goal = goalOf(data, view), settings = settingsFor(data, view, goal);
  const useful = [...settings.filter((name) => name !== "seed"), ...settings.filter((name) => name === "seed")].slice(0, AXES - 1);
  return [...useful, goal.score].filter((each) => data.columns.has(each)).map((each) => axisOf(data, each));
}

function drawParallel({ data, view, goal, units: all, outside, look, width }) {
  const axes = axesOf(data, view), measured = (unit) => unit.rows.some((row) => measures(data, goal, row)), units = all.filter(measured);
  const line = (unit) => axes.map((axis) => axis.place(axis.words ? data.value(axis.name, unit.rows[0]) : mean(data, unit, axis.name)));
  const joined = (some) => {
    const x = [], y = [], places = new Set(), at = (place) => Math.round(place * TALL);
    for (const unit of some) {
      const found = line(unit);
      if (all.length <= MANY) { x.push(...axes.keys(), null); y.push(...found, null); continue; }
      for (let i = 1; i < found.length; i++) {
        const [from, to] = [found[i - 1], found[i]], place = (i * (TALL + 1) + at(from)) * (TALL + 1) + at(to);
        if (from !== null && to !== null && !places.has(place)) { places.add(place); x.push(i - 1, i, null); y.push(from, to, null); }
      }
    }
    return { x, y };
  };
  const traces = [], better = (unit) => { const value = mean(data, unit, goal.score); return value === null ? null : goal.gain(value); };
  const faint = unitsOf(data, view, outside).filter(measured);
  if (faint.length) traces.push({ type: "scatter", mode: "lines", ...joined(faint), line: { color: look.muted, width: 0.6 }, opacity: 0.6, hoverinfo: "skip" });
  const bins = look.scale.map(() => []);
  const known = units.map(better).filter((value) => value !== null).sort((a, b) => a - b);
  const cuts = look.scale.slice(1).map((_, i) => known[Math.floor((known.length * (i + 1)) / look.scale.length)]);
  for (const unit of units) { const value = better(unit); bins[value === null ? 0 : cuts.filter((cut) => value >= cut).length].push(unit); }
  bins.forEach((some, i) => { if (some.length) traces.push({ type: "scatter", mode: "lines", ...joined(some), line: { color: look.scale[i], width: units.length > 200 ? 0.8 : 1.6 }, hoverinfo: "skip" }); });
  const pinned = units.filter((unit) => unit.pinned && unit.color);
  for (const unit of pinned) traces.push({ type: "scatter", mode: "lines", ...joined([unit]), line: { color: unit.color, width: 3 }, hoverinfo: "skip" });
  const shapes = axes.map((_, i) => ({ type: "line", x0: i, x1: i, y0: 0, y1: 1, line: { color: look.quiet, width: 1 }, layer: "above" }));
  const notes = [];
  axes.forEach((axis, i) => {
    const range = view.brush[axis.name];
    if (range) shapes.push({ type: "rect", x0: i - 0.04, x1: i + 0.04, y0: clamp(axis.words ? range[0] / Math.max(1, axis.high) : axis.place(Math.max(range[0], axis.low))), y1: clamp(axis.words ? range[1] / Math.max(1, axis.high) : axis.place(Math.min(range[1], axis.high))), fillcolor: look.accent, opacity: 0.35, line: { width: 1, color: look.accent } });
    const ends = axis.words ? axis.words.map((word) => [word, axis.place(word)]).filter((_, j) => axis.words.length <= 6 || j === 0 || j === axis.words.length - 1) : axis.ends.map(([value, y]) => [formatted(metricOf(data, axis.name), value, false), y]);
    for (const [word, y] of ends) notes.push({ x: i, y, text: plain(word), showarrow: false, xanchor: i === axes.length - 1 ? "right" : "left", xshift: i === axes.length - 1 ? -5 : 5, yshift: y === 0 ? -9 : y === 1 ? 9 : 0, font: { size: 11, color: look.ink }, bgcolor: look.ground, opacity: 0.9, borderpad: 0 });
  });
  const narrow = document.getElementById("parallel").clientWidth < 600;
  note("n-parallel", units.length ? `${look.dark ? "lighter" : "darker"} means better; ${goal.metric.better === "lower" ? `the lowest ${words(goal.score)} is at the top; ` : ""}drag along an axis to keep a range` : "");
  return put("parallel", units.length || faint.length ? traces : [], layout(look, { dragmode: "select", selectdirection: "any", selections: [], shapes, annotations: notes, hovermode: false, uirevision: undefined, margin: { l: 30, r: 34, t: narrow ? 64 : 40, b: 24 },
    xaxis: { tickvals: [...axes.keys()], ticktext: axes.map((axis) => plain(narrow ? data.short.get(axis.name) ?? words(goal.metric.name) : axis.name)), side: "top", showgrid: false, zeroline: false, range: [-0.12, axes.length - 0.88], fixedrange: true, linecolor: "rgba(0,0,0,0)", tickangle: narrow ? -35 : 0, ticks: "" },
    yaxis: { visible: false, range: [-0.08, 1.08], fixedrange: true } }), width);
}

const clamp = (y) => Math.min(1, Math.max(0, y));

// A box drawn with the mouse: the range of each axis that it covers.
function ranges(data, view, box) {
  const found = {};
  axesOf(data, view).forEach((axis, i) => {
    if (i < Math.min(...box.x) - 0.25 || i > Math.max(...box.x) + 0.25) return;
    const [low, high] = [Math.min(...box.y), Math.max(...box.y)].map((y) => axis.invert(clamp(y)));
    found[axis.name] = [Math.min(low, high), Math.max(low, high)].map((value) => Number(value.toPrecision(4)));
  });
  return found;
}

// Of units that would lie on one another, the first: a picture has no more places than that.
function apart(units, at) {
  if (units.length <= MANY) return units;
  const places = units.map(at), low = [0, 1].map((i) => places.reduce((least, place) => Math.min(least, place[i]), Infinity));
  const size = [0, 1].map((i) => (places.reduce((most, place) => Math.max(most, place[i]), -Infinity) - low[i]) / [90, 45][i] || 1), taken = new Set();
  return units.filter((_, i) => {
    const cell = Math.round((places[i][0] - low[0]) / size[0]) * 1000 + Math.round((places[i][1] - low[1]) / size[1]);
    return !taken.has(cell) && taken.add(cell);
  });
}

function drawScatter(id, name, axis, { data, view, goal, units, look, width }) {
  const { metric, score } = goal, scored = units.filter((unit) => mean(data, unit, score) !== null);
  const known = scored.filter((unit) => mean(data, unit, name) !== null), missing = scored.length - known.length;
  note(`n-${id}`, known.length ? [known.some((unit) => data.value("sample", unit.rows[0])) ? "open: sample data" : "", missing ? `${missing} without a known ${axis.what}` : "", view.grouped ? "bars: ± 1 sd" : ""].filter(Boolean).join("; ") : `no run here has a known ${axis.what}${name === "usd" ? "; jobs in the cloud have one" : ""}`);
  const grey = apart(known.filter((unit) => !unit.color), (unit) => [mean(data, unit, name), mean(data, unit, score)]);
  const traces = [grey, known.filter((unit) => unit.color)].filter((some) => some.length).map((some) => ({ type: "scatter", mode: "markers", x: some.map((unit) => mean(data, unit, name)), y: some.map((unit) => mean(data, unit, score)), customdata: some.map((unit) => unit.key),
    marker: { color: some.map((unit) => unit.color ?? look.quiet), size: some[0].color ? 11 : known.length > 300 ? 5 : 7, symbol: some.map((unit) => (data.value("sample", unit.rows[0]) ? "circle-open" : "circle")), opacity: some[0].color ? 1 : known.length > 300 ? 0.45 : 0.75, line: { width: some[0].color ? 1.5 : known.length > 300 ? 0 : 1, color: some.map((unit) => unit.color ?? look.quiet) } },
    error_y: view.grouped ? { type: "data", array: some.map((unit) => spread(data, unit, score) ?? 0), thickness: 1, width: 2, color: look.quiet } : undefined,
    hovertext: known.length > 300 && !some[0].color ? some.map((unit) => plain(unit.key)) : some.map((unit) => hover(data, unit)), hovertemplate: `%{hovertext}<br>${plain(words(score))} ${hovered(metric, "y")}, ${axis.unit} %{x:.3~g}<extra></extra>` }));
  const values = known.map((unit) => mean(data, unit, name)).filter((value) => value > 0);
  const log = values.length > 1 && Math.max(...values) / Math.min(...values) >= WIDE;
  return put(id, traces, layout(look, { uirevision: score, xaxis: { title: { text: axis.title, standoff: 6 }, type: log ? "log" : "linear", rangemode: "tozero" }, yaxis: axisFor(metric, score, extent(known.map((unit) => mean(data, unit, score)))) }), width);
}

// `needs`: what some unit must have besides its score, else the chart takes no place. That is known before it is drawn, lest
// what lies below it moves when it comes into sight.
const nothingFor = (chart, { data, goal, units }) => chart.needs && !units.some((unit) => [goal.score, ...chart.needs].every((name) => mean(data, unit, name) !== null));

const CHARTS = [
  { id: "curves", draw: drawCurves },
  { id: "bars", needs: [], draw: drawBars },
  { id: "parallel", draw: drawParallel },
  { id: "time", needs: ["minutes"], draw: (context) => drawScatter("time", "minutes", { what: "training time", title: "minutes of training", unit: "minutes" }, context) },
  { id: "cost", needs: ["usd"], draw: (context) => drawScatter("cost", "usd", { what: "cost", title: "USD", unit: "USD" }, context) },
];
