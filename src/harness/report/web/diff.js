"use strict";
// Two texts, line by line: Myers, An O(ND) Difference Algorithm and Its Variations (1986).

const FARTHEST = 1500; // edits that are looked for; beyond that everything in between counts as changed
const AROUND = 3; // equal lines that are shown about a change

// [[" " | "-" | "+", line]] from one list of lines to another.
function edits(old, recent) {
  let start = 0, end = 0;
  while (start < old.length && start < recent.length && old[start] === recent[start]) start++;
  while (end < old.length - start && end < recent.length - start && old[old.length - 1 - end] === recent[recent.length - 1 - end]) end++;
  const a = old.slice(start, old.length - end), b = recent.slice(start, recent.length - end), same = (lines) => lines.map((line) => [" ", line]);
  return [...same(old.slice(0, start)), ...between(a, b), ...same(old.slice(old.length - end))];
}

function between(a, b) {
  const most = Math.min(a.length + b.length, FARTHEST), reach = new Int32Array(2 * most + 3), kept = [], middle = most + 1;
  for (let d = 0; d <= most; d++) {
    kept.push(reach.slice(middle - d - 1, middle + d + 2));
    for (let k = -d; k <= d; k += 2) {
      let x = k === -d || (k !== d && reach[middle + k - 1] < reach[middle + k + 1]) ? reach[middle + k + 1] : reach[middle + k - 1] + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach[middle + k] = x;
      if (x >= a.length && x - k >= b.length) return traced(a, b, kept);
    }
  }
  return [...a.map((line) => ["-", line]), ...b.map((line) => ["+", line])];
}

function traced(a, b, kept) {
  const found = [];
  let x = a.length, y = b.length;
  for (let d = kept.length - 1; d >= 0; d--) {
    const at = (k) => kept[d][k + d + 1], k = x - y;
    const before = k === -d || (k !== d && at(k - 1) < at(k + 1)) ? k + 1 : k - 1, fromX = d ? at(before) : 0, fromY = d ? fromX - before : 0;
    while (x > fromX && y > fromY) { found.push([" ", a[--x]]); y--; }
    if (d) { if (x === fromX) found.push(["+", b[--y]]); else found.push(["-", a[--x]]); }
  }
  return found.reverse();
}

// The lines of a unified diff, without names; none where the texts are equal.
function unified(old, recent) {
  const list = edits(...[old, recent].map((text) => (text === undefined ? [] : text.replace(/\n$/, "").split("\n")))), shown = new Set(), lines = [];
  list.forEach(([sign], i) => { if (sign !== " ") for (let j = i - AROUND; j <= i + AROUND; j++) shown.add(j); });
  let before = -2, x = 0, y = 0;
  list.forEach(([sign, line], i) => {
    if (sign !== "+") x++;
    if (sign !== "-") y++;
    if (!shown.has(i)) return;
    if (before !== i - 1) lines.push(["@", `@@ line ${x} -> ${y} @@`]);
    before = i;
    lines.push([sign, sign + line]);
  });
  return lines;
}
