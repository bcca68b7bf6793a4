"use strict";
// What leaves the page: the visible table as CSV, a chart as SVG, the view as an address.

function download(name, type, content) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  make("a", "", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// A cell of a spreadsheet: a text that would be a formula there begins with an apostrophe.
function quoted(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

// The columns that the table shows, of all units that it would show, in its order; of groups their means and deviations.
function tableText({ data, view, units }) {
  const names = tableColumns(data, view), number = (name) => data.columns.get(name).kind === "number";
  const head = view.grouped ? ["experiment", "runs", ...names.flatMap((name) => (number(name) ? [name, `${name} sd`] : [name]))] : ["run", ...names];
  const lines = units.map((unit) => {
    const cells = names.flatMap((name) => {
      if (view.grouped && number(name)) return [mean(data, unit, name), spread(data, unit, name)];
      const values = [...new Set(unit.rows.map((row) => data.value(name, row)))];
      return [values.length > 1 ? `${values.length} values` : values[0]];
    });
    return view.grouped ? [label(data, view, unit), unit.rows.length, ...cells] : [unit.key, ...cells];
  });
  return `${[head, ...lines].map((line) => line.map(quoted).join(",")).join("\r\n")}\r\n`;
}

async function saveChart(id, look) {
  const node = document.getElementById(id);
  const image = await Plotly.toImage({ data: node.data, layout: { ...node.layout, paper_bgcolor: look.ground } }, { format: "svg", width: node.clientWidth, height: node.clientHeight });
  download(`${id}.svg`, "image/svg+xml", decodeURIComponent(image.slice(image.indexOf(",") + 1)));
}

async function copyAddress(button) {
  const before = "Copy link";
  try { await navigator.clipboard.writeText(location.href); button.textContent = "Copied"; } catch { prompt("The link to this view:", location.href); }
  setTimeout(() => { button.textContent = before; }, 2000);
}
