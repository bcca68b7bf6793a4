"use strict";
// A run's own page: plan, record, verdict, promises, log, plots, cost, links.

const WEB = /^https?:\/\/[\w.-]+(:\d+)?\/[\w./~-]+$/;

// Where people see a repository, of what git calls its remote.
function webOf(remote) {
  const address = String(remote ?? "").replace(/^(?:ssh:\/\/)?git@([\w.-]+)[:/]/, "https://$1/").replace(/\.git$/, "");
  return WEB.test(address) ? address : null;
}

const link = (text, address) => (address ? make("a", text, { href: address, rel: "noopener noreferrer", target: "_blank" }) : document.createTextNode(text));
const linkTo = (view, id) => make("a", id, { href: `#${writeView({ ...view, run: id })}` });

// A description list of [term, text or node], without those that are not known.
function listed(pairs) {
  const list = make("dl");
  for (const [term, value] of pairs) if (value !== null && value !== undefined && value !== "" && value !== "–") { const told = make("dd"); told.append(value); list.append(make("dt", term), told); }
  return list;
}

function titled(title, ...content) {
  const section = make("section"), id = `h-own-${title.replace(/\W/g, "-")}`;
  section.setAttribute("aria-labelledby", id);
  section.append(make("h3", title, { id }), ...content);
  return section;
}

const folded = (title, text) => { const node = make("details"); node.append(make("summary", title), make("pre", text, { tabindex: "0", "aria-label": title })); return node; };

function fillOwn({ data, view, goal, look, width }) {
  const place = document.getElementById("own"), row = rowOf(data, view.run), shownNow = Boolean(view.run);
  place.hidden = !shownNow;
  document.body.classList.toggle("own", shownNow);
  document.title = shownNow ? view.run : "Runs";
  if (!shownNow) { place.replaceChildren(); delete place.dataset.run; return; }
  if (place.dataset.run === `${view.run} ${look.dark} ${width}` && !data.live) return;
  const focused = place.dataset.run?.split(" ")[0] !== view.run;
  place.dataset.run = `${view.run} ${look.dark} ${width}`;
  const back = make("button", "← All runs", { type: "button", "data-do": "close" }), heading = make("h2", view.run, { tabindex: "-1" });
  if (row === undefined) { place.replaceChildren(back, heading, make("p", "No run of this report is called that.")); return; }
  const value = (name) => data.value(name, row), text = (name) => shown(value(name)), unit = { key: view.run, rows: [row], best: false };
  const related = (name) => (rowOf(data, value(name)) !== undefined ? linkTo(view, value(name)) : value(name));
  const replays = (data.columns.get("run")?.values ?? []).filter((_, other) => data.value("replays", other) === view.run), all = make("span");
  replays.forEach((id, i) => all.append(i ? ", " : "", linkTo(view, id)));
  const told = make("p");
  for (const [word, kind] of marks(data, unit)) told.append(make("span", word, { class: `mark ${kind}` }), " ");
  const results = [...data.metrics.keys()].flatMap((name) => SPLITS.map((split) => `${split}_${name}`)).filter((name) => data.columns.has(name) && value(name) !== null);
  const settings = [...data.columns.values()].filter((column) => column.config && value(column.name) !== null).map((column) => [column.name, text(column.name)]);
  const summary = listed([["program", [text("program"), value("about")].filter(Boolean).join(": ")], ["status", text("status")], ["reason", value("reason")], ["made", text("created").slice(0, 16).replace("T", " ")],
    ["data", `${text("dataset")} ${text("dataset_hash")}${value("sample") ? ", sample data" : ""}`], ["target", `${text("mode")}, ${text("runner")}, ${text("instance_type")} × ${text("instances")}`],
    ["minutes", text("minutes")], ["cost", value("usd") === null ? null : `${text("usd")} USD`], ["replays", related("replays")], ["replayed by", replays.length ? all : null], ["resumes", related("resumed")], ["sweep", value("sweep")], ["weights", value("weights")]]);
  const chart = make("div", undefined, { class: "chart", id: "own-curve" }), rest = make("div");
  const type = folded("Commands", [`python src/replay.py ${view.run}`, `python src/export.py ${view.run}`, `python src/compare.py ${view.baseline && view.baseline !== view.run ? view.baseline : "RUN"} ${view.run}`].join("\n"));
  place.replaceChildren(back, heading, told, summary, titled("Results", listed(results.map((name) => [words(name), formatted(metricOf(data, name), value(name))]))), titled("Settings", listed(settings)), titled("Learning curves", chart), rest, type);
  const curves = data.curves[row] ?? {}, columnsOf = (metric) => data.drawn.filter((name) => curves[name] && metricOf(data, name) === metric);
  const metric = [goal.metric, ...data.metrics.values()].find((each) => columnsOf(each).length) ?? goal.metric;
  const traces = columnsOf(metric).map((name, i) => ({ type: "scatter", mode: "lines+markers", name: plain(words(name)), x: curves.epoch, y: curves[name], line: { color: look.palette[i % look.palette.length], width: 2 }, marker: { size: 4 } }));
  put("own-curve", traces, layout(look, { showlegend: true, legend: { orientation: "h" }, xaxis: { title: { text: "epoch" } }, yaxis: axisFor(metric, metric.name, extent(traces.flatMap((trace) => trace.y))) }), width);
  if (focused) heading.focus({ preventScroll: true });
  const id = view.run;
  detailsOf(data, [id]).then((details) => { if (view.run === id && place.dataset.run?.startsWith(`${id} `)) rest.replaceChildren(...evidence(data, view, details.runs[id], id)); });
}

// What is only in a run's details.
function evidence(data, view, details, id) {
  if (!details) return [make("p", `Plan, record and log of this run are not in this file, which has those of the newest ones. Type: python src/report.py ${id} output=${id}.html`, { class: "note" })];
  const { plan, record, verdict } = details, parts = [], git = plan?.provenance?.git, repository = webOf(git?.remote), bill = record?.bill;
  if (git) parts.push(titled("Code", listed([["repository", git.remote ? link(git.remote, repository) : null], ["commit", link(String(git.commit), repository && /^[0-9a-f]+$/.test(git.commit) ? `${repository}/commit/${git.commit}` : null)], ["branch", git.branch], ["uncommitted changes", git.dirty === null ? "not known" : git.dirty ? "yes: changes.patch" : "none"]])));
  const promises = plan?.provenance?.promises ?? [];
  const kept = make("ul");
  kept.append(...promises.map((each) => { const item = make("li"); item.append(make("span", `${each.name}: ${each.status}`, { class: `mark ${each.status === "proven" ? "good" : each.status === "broken" ? "bad" : "warn"}` }), ` ${each.why}`); return item; }));
  parts.push(titled("Promises", promises.length ? kept : make("p", `Nobody has tested this code: python src/prove.py program=${data.value("program", rowOf(data, id))}`)));
  if (verdict) {
    const reasons = make("ul"), word = make("p"), original = String(verdict.original);
    word.append(make("span", String(verdict.verdict), { class: `mark ${verdict.verdict === "different" ? "bad" : "good"}` }), " against ", rowOf(data, original) === undefined ? original : linkTo(view, original));
    reasons.append(...(verdict.reasons ?? []).map((each) => make("li", String(each))));
    parts.push(titled("Verdict", word, reasons));
  }
  if (bill) parts.push(titled("Cost", listed([["job", /^[a-z0-9-]+$/.test(bill.region) ? link(bill.job, `https://${bill.region}.console.aws.amazon.com/sagemaker/home?region=${bill.region}#/jobs/${encodeURIComponent(bill.job)}`) : bill.job], ["region", bill.region], ["instances", shown(bill.instances)], ["seconds of training", shown(bill.training_seconds)], ["seconds billed", shown(bill.billable_seconds)], ["USD", shown(bill.usd)]])));
  const plots = Object.entries(details.plots ?? {});
  if (plots.length) parts.push(titled("Plots", ...plots.map(([name, address]) => make("img", undefined, { src: address, alt: name, loading: "lazy" }))));
  if (details.log) parts.push(titled("Log", make("pre", details.log, { tabindex: "0", "aria-label": "The end of the log" })));
  parts.push(titled("Files", listed((details.files ?? []).map(([name, size]) => [name, size === null ? "a folder" : `${size} bytes`]))));
  for (const [title, value] of [["plan.json", plan], ["record.json", record]]) if (value) parts.push(folded(title, JSON.stringify(value, null, 1)));
  return parts;
}
