"use strict";
// What differs between ticked runs: from the table, from their details where these are here, and in their code.

const TICKED = 6; // most that stand side by side
const PARTS = [
  ["settings", (data) => ["program", ...[...data.columns.values()].filter((column) => column.config).map((column) => column.name)]],
  ["data", () => ["dataset", "dataset_hash", "sample"]],
  ["code", () => ["commit", "dirty", "code", "lock", "replay proven", "resume proven"]],
  ["where", () => ["mode", "runner", "instance_type", "instances", "threads"]],
  ["results", (data) => ["status", ...[...data.metrics.keys()].flatMap((name) => SPLITS.map((split) => `${split}_${name}`)), "minutes", "usd", "weights"]],
];

// {runs, codes, texts} about these runs, as far as they are known here.
async function detailsOf(data, ids) {
  const nothing = { runs: {}, codes: {}, texts: [] };
  try {
    if (!data.live) {
      const text = document.getElementById("details").textContent.trim();
      if (!data.embedded) data.embedded = JSON.parse((window.unpackedData && text ? await unpacked("details") : text) || "null") ?? nothing;
      return data.embedded;
    }
    const address = `details.json?${ids.map((id) => `run=${encodeURIComponent(id)}`).join("&")}`;
    const answer = await fetch(address, { cache: "no-store" });
    return answer.ok ? await answer.json() : nothing;
  } catch { return nothing; }
}

// A nested value as [name, text]: what is inside a mapping under its own name.
function flat(value, prefix = "") {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [[prefix, Array.isArray(value) ? value.join(" ") : shown(value)]];
  return Object.entries(value).flatMap(([name, inner]) => flat(inner, prefix && typeof inner === "object" && inner && !Array.isArray(inner) ? `${prefix}.${name}` : name));
}

const rowOf = (data, id) => { if (!data.rows) data.rows = new Map((data.columns.get("run")?.values ?? []).map((run, row) => [run, row])); return data.rows.get(id); };

function fillCompared({ data, view }) {
  const section = document.getElementById("compared"), jump = document.getElementById("differ"), ids = view.ticked.filter((id) => rowOf(data, id) !== undefined).slice(0, TICKED);
  section.hidden = jump.hidden = ids.length < 2;
  if (ids.length < 2) { delete section.dataset.runs; return; }
  jump.textContent = `What differs between the ${ids.length} ticked runs`;
  const wanted = ids.join();
  if (section.dataset.runs === wanted && section.told === data) return; // it stands there
  if (section.dataset.runs !== wanted) document.getElementById("codes").replaceChildren();
  section.dataset.runs = wanted;
  section.told = data;
  const rows = ids.map((id) => rowOf(data, id)), body = [];
  let equal = 0;
  const part = (title, fields) => {
    const lines = [];
    for (const [name, values, change] of fields) {
      if (values.every((value) => value === values[0])) { equal++; continue; }
      const line = make("tr");
      line.append(make("th", name, { scope: "row" }), ...values.map((value) => make("td", value)), ...(ids.length === 2 ? [make("td", change ?? "")] : []));
      lines.push(line);
    }
    if (!lines.length) return;
    const head = make("tr", undefined, { class: "part" });
    head.append(make("th", title, { scope: "rowgroup", colspan: ids.length + (ids.length === 2 ? 2 : 1) }));
    body.push(head, ...lines);
  };
  for (const [title, names] of PARTS) part(title, names(data).filter((name) => data.columns.has(name)).map((name) => field(data, name, rows)));
  const table = section.querySelector("table"), head = make("tr");
  head.append(make("th", "field", { scope: "col" }), ...ids.map((id) => make("th", id, { scope: "col" })), ...(ids.length === 2 ? [make("th", "change", { scope: "col" })] : []));
  table.tHead.replaceChildren(head);
  const fill = () => { table.tBodies[0].replaceChildren(...body); note("n-compared", `${equal} equal fields are left out.`); };
  fill();
  detailsOf(data, ids).then((details) => {
    if (section.dataset.runs !== wanted || section.told !== data) return; // others were ticked meanwhile
    const environments = ids.map((id) => details.runs[id]?.record?.environment).map((each) => (each ? new Map(flat(each)) : null));
    if (environments.every(Boolean)) {
      const names = [...new Set(environments.flatMap((each) => [...each.keys()]))];
      part("environment", names.map((name) => [name, environments.map((each) => each.get(name) ?? "–"), ""]));
      fill();
    } else note("n-compared", `${equal} equal fields are left out. Of ${environments.filter((each) => !each).length} of these runs no environment is here.`);
    document.getElementById("codes").replaceChildren(...ids.slice(1).flatMap((id, i) => codeBetween(data, details, ids[i], id)));
  });
}

function field(data, name, rows) {
  const metric = metricOf(data, name), values = rows.map((row) => data.value(name, row)), [old, recent] = values;
  const change = values.length === 2 && typeof old === "number" && typeof recent === "number" && metric ? by(metric, recent - old) : "";
  return [name, values.map((value) => formatted(metric, value)), change];
}

// The files of two runs' code that differ, each with its lines.
function codeBetween(data, details, old, recent) {
  const [before, after] = [old, recent].map((id) => `${data.value("code", rowOf(data, id))} ${data.value("lock", rowOf(data, id))}`), title = make("h3", `Code, ${old} → ${recent}`);
  if (before === after) return [title, make("p", `The same code and libraries: sha256 ${before}`)];
  const codes = [details.codes[before], details.codes[after]];
  if (!codes.every(Boolean)) return [title, make("p", `sha256 ${before} → ${after}; not both of them are in this file. Type: python src/compare.py ${old} ${recent}`)];
  const found = [], names = [...new Set(codes.flatMap((code) => Object.keys(code)))].sort();
  for (const name of names) {
    const [from, to] = codes.map((code) => code[name]);
    if (from === to) continue;
    const lines = unified(details.texts[from], details.texts[to]), file = make("details", undefined, { open: "", class: "file" });
    const count = (sign) => lines.filter(([each]) => each === sign).length, text = make("pre", undefined, { tabindex: "0", "aria-label": `What differs in ${name}` });
    for (const [sign, line] of lines) text.append(make("span", `${line}\n`, { class: { "+": "added", "-": "removed", "@": "place" }[sign] }));
    file.append(make("summary", `${name} +${count("+")} -${count("-")}${from === undefined ? ", new" : to === undefined ? ", gone" : ""}`), text);
    found.push(file);
  }
  return [title, ...(found.length ? found : [make("p", "No file of the two differs in what is shown of it.")])];
}
