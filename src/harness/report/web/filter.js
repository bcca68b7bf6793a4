"use strict";
// A filter: what a person types, as a function of a row. Read by hand, never evaluated.
//   or := and ("or" and)*   and := not ("and" not)*   not := "not" not | comparison
//   comparison := value ((== = != < <= > >= ~) value)* | value ["not"] "in" (value, …)   value := number | number% | "text" | true | null | column | ( or )

class FilterError extends Error {}

const LONGEST = 10000, DEEPEST = 100; // of a filter that an address brings along: its characters, its brackets and nots

const WORDS = { true: true, True: true, false: false, False: false, null: null, None: null };
const KINDS = { number: "a number", text: "text", bool: "true or false" };

function tokens(text) {
  const found = [];
  const pattern = /\s+|([A-Za-z_][A-Za-z0-9_.]*)|((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(\s*%)?|"([^"]*)"|'([^']*)'|(==|!=|<=|>=|&&|\|\||[=<>~!()[\],-])/y;
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex, match = pattern.exec(text);
    if (!match) {
      const quote = text[at] === '"' || text[at] === "'";
      throw new FilterError(quote ? `the quote at ${at + 1} is not closed` : `“${text[at]}” at ${at + 1} is not understood`);
    }
    const [whole, word, number, percent, double, single, sign] = match;
    if (word !== undefined) {
      const low = word.toLowerCase();
      found.push(["and", "or", "not", "in"].includes(low) ? { kind: "sign", value: low, at } : { kind: "word", value: word, at });
    } else if (number !== undefined) found.push({ kind: "number", value: Number(number), percent: Boolean(percent), at });
    else if (double !== undefined || single !== undefined) found.push({ kind: "text", value: double ?? single, at });
    else if (sign !== undefined) found.push({ kind: "sign", value: { "&&": "and", "||": "or", "!": "not", "=": "==" }[sign] ?? sign, at });
    else if (!whole) break;
  }
  return found;
}

function distance(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (one[i - 1] === other[j - 1] ? 0 : 1));
    row = next;
  }
  return row[other.length];
}

// columns: name -> {kind, values, inPercent: whether 12 % is 12 there and not 0.12}. Returns (row number) => boolean; throws FilterError.
function parseFilter(text, columns) {
  if (text.length > LONGEST) throw new FilterError(`a filter has ${LONGEST} characters at most`);
  const list = tokens(text);
  if (!list.length) return () => true;
  let at = 0, depth = 0;
  const inside = (part) => {
    if (++depth > DEEPEST) throw new FilterError(`it is nested more than ${DEEPEST} deep`);
    const inner = part();
    depth--;
    return inner;
  };
  const peek = (value) => list[at]?.kind === "sign" && list[at].value === value;
  const take = (value) => peek(value) && Boolean(++at);
  const here = () => (list[at] ? `“${list[at].value}” at ${list[at].at + 1}` : "the end");
  const need = (value) => { if (!take(value)) throw new FilterError(`“${value}” is missing before ${here()}`); };

  function either() {
    const parts = [both()];
    while (take("or")) parts.push(both());
    if (parts.length === 1) return parts[0];
    parts.forEach(truth);
    return { kind: "bool", get: (row) => parts.some((part) => part.get(row)) };
  }
  function both() {
    const parts = [negated()];
    while (take("and")) parts.push(negated());
    if (parts.length === 1) return parts[0];
    parts.forEach(truth);
    return { kind: "bool", get: (row) => parts.every((part) => part.get(row)) };
  }
  function negated() {
    if (!take("not")) return comparison();
    const inner = truth(inside(negated));
    return { kind: "bool", get: (row) => !inner.get(row) };
  }
  function truth(part) {
    if (part.kind !== "bool") throw new FilterError(`${part.name} is ${KINDS[part.kind] ?? "null"}: compare it, as in ${part.name} ${part.kind === "text" ? '== "…"' : "> 0"}`);
    return part;
  }
  function comparison() {
    let left = value();
    const links = [];
    for (;;) {
      const sign = ["==", "!=", "<", "<=", ">", ">=", "~"].find(peek);
      if (sign) {
        at++;
        const right = value();
        links.push(compare(sign, left, right));
        left = right;
      } else if (peek("in") || (peek("not") && list[at + 1]?.value === "in" && list[at + 1].kind === "sign")) {
        const not = take("not");
        at++;
        links.push(member(left, not));
      } else break;
    }
    return links.length ? { kind: "bool", get: (row) => links.every((link) => link(row)) } : left;
  }
  function member(left, not) {
    const open = take("(") ? ")" : take("[") ? "]" : null;
    if (!open) throw new FilterError(`“in” needs a list in parentheses before ${here()}`);
    const tests = [];
    while (!peek(open)) {
      tests.push(compare("==", left, value()));
      if (!take(",")) break;
    }
    need(open);
    return (row) => tests.some((test) => test(row)) !== not;
  }
  function compare(sign, left, right) {
    const kinds = [left.kind, right.kind], [a, b] = [[left, right], [right, left]].map(([one, other]) => (other.inPercent && one.percent) || one.get);
    const unknown = kinds.includes("null");
    if (unknown && sign !== "==" && sign !== "!=") throw new FilterError(`null can only be compared by == and !=`);
    if (!unknown && sign === "~" && (kinds[0] !== "text" || kinds[1] !== "text")) throw new FilterError(`~ (contains) is for text, ${left.name} is ${KINDS[left.kind]}`);
    if (!unknown && kinds[0] !== kinds[1]) throw new FilterError(`${left.name} is ${KINDS[left.kind]}, ${right.name} is ${KINDS[right.kind]}: they cannot be compared`);
    if (sign === "==") return (row) => a(row) === b(row);
    if (sign === "!=") return (row) => a(row) !== b(row);
    const order = { "<": (x, y) => x < y, "<=": (x, y) => x <= y, ">": (x, y) => x > y, ">=": (x, y) => x >= y, "~": (x, y) => x.toLowerCase().includes(y.toLowerCase()) }[sign];
    return (row) => { const x = a(row), y = b(row); return x !== null && y !== null && order(x, y); };
  }
  function value() {
    if (take("(")) { const inner = inside(either); need(")"); return inner; }
    const minus = take("-"), token = list[at];
    if (!token || token.kind === "sign") throw new FilterError(`a column or a value is missing before ${here()}`);
    at++;
    if (token.kind === "number") { const number = minus ? -token.value : token.value, share = token.percent ? number / 100 : number; return { kind: "number", name: String(number), get: () => share, percent: token.percent ? () => number : null }; }
    if (minus) throw new FilterError(`“-” stands before a number only`);
    if (token.kind === "text") return { kind: "text", name: `"${token.value}"`, get: () => token.value };
    if (Object.hasOwn(WORDS, token.value)) { const word = WORDS[token.value]; return { kind: word === null ? "null" : "bool", name: token.value, get: () => word }; }
    const column = columns.get(token.value);
    if (!column) {
      const near = [...columns.keys()].map((name) => [distance(name, token.value), name]).sort((x, y) => x[0] - y[0])[0];
      const longer = [...columns.keys()].find((name) => name.endsWith(`_${token.value}`));
      const meant = near && near[0] <= Math.max(2, token.value.length / 3) ? near[1] : longer;
      const hint = meant ? `; did you mean ${meant}?` : "; text needs quotes, column names are listed below";
      throw new FilterError(`there is no column ${token.value}${hint}`);
    }
    return { kind: column.kind, name: token.value, get: (row) => column.values[row] ?? null, inPercent: column.inPercent };
  }
  const whole = truth(either());
  if (at < list.length) throw new FilterError(`${here()} is not expected; join conditions with “and” or “or”`);
  return (row) => whole.get(row) === true;
}
