// An answer as a tree, as a table if it is a list, and raw; and the calls that were made. Each comes as one compressed
// message and is not in the model's state, since a path, a query and an answer may hold anything.
const MORE = 100;
const MOST_ROWS = 200;
const MOST_COLUMNS = 30;
const NUMBER = "\0"; // the one member of an object that represents a number which a double cannot represent

async function unpack(view) {
  if (!view.byteLength) return null;
  const stream = new Blob([view]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

const isNumber = (value) => value !== null && typeof value === "object" && typeof value[NUMBER] === "string";
const isBranch = (value) => value !== null && typeof value === "object" && !isNumber(value);
const isEmpty = (value) => isBranch(value) && !Object.keys(value).length;
const isListOfTexts = (value) => Array.isArray(value) && value.every((each) => typeof each === "string");
const written = (value) => {
  if (isNumber(value)) return value[NUMBER];
  if (!isBranch(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
  return `{${Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}:${written(each)}`).join(",")}}`;
};
const cellWords = (value) =>
  value === undefined ? "" : typeof value === "string" ? value : isListOfTexts(value) ? value.join(", ") : written(value);
const kindOf = (value) => (value === null || isEmpty(value) ? "null" : isNumber(value) ? "number" : typeof value);

// The content is built when it is opened: an answer may have ten thousand rows.
function nodeOf(name, value, depth) {
  if (!isBranch(value) || isEmpty(value)) {
    const leaf = make("div", "qk-leaf");
    if (name !== "") leaf.append(make("span", "qk-key", name), ": ");
    leaf.append(make("span", `qk-value qk-is-${kindOf(value)}`, written(value)));
    return leaf;
  }
  const entries = Object.entries(value);
  const branch = make("details", "qk-branch");
  const summary = make("summary");
  const isList = Array.isArray(value);
  const count = `${entries.length.toLocaleString("en")} ${isList ? "item" : "member"}${entries.length === 1 ? "" : "s"}`;
  summary.append(make("span", "qk-key", name === "" ? "the answer" : name), make("span", "qk-muted", ` ${isList ? "[ ]" : "{ }"} ${count}`));
  branch.append(summary);
  let filled = 0;
  const fill = () => {
    const inside = entries.slice(filled, filled + MORE).map(([key, each]) => nodeOf(key, each, depth + 1));
    filled += inside.length;
    branch.append(...inside);
    if (filled < entries.length) {
      const more = make("button", "qk-quiet", `Show more: ${(entries.length - filled).toLocaleString("en")} left`);
      more.type = "button";
      more.addEventListener("click", () => {
        const next = branch.children.length - 1;
        more.remove();
        fill();
        branch.children[next]?.querySelector("summary")?.focus();
      });
      branch.append(more);
    }
  };
  branch.addEventListener("toggle", () => branch.open && !filled && fill());
  if (depth < 1 || (depth < 2 && entries.length <= 12)) {
    branch.open = true;
    fill();
  }
  return branch;
}

function tableOf(rows) {
  const records = rows.slice(0, MOST_ROWS);
  const names = new Set();
  for (const row of records) for (const name of isBranch(row) ? Object.keys(row) : ["value"]) names.add(name);
  const columns = [...names].slice(0, MOST_COLUMNS);
  const region = make("div", "qk-scroll");
  const table = make("table", "qk-differences qk-rows");
  const head = make("tr");
  head.append(...columns.map((name) => Object.assign(make("th", "", name), { scope: "col" })));
  const cellOf = (row, name) => {
    const value = !isBranch(row) ? (name === "value" ? row : undefined) : Object.hasOwn(row, name) ? row[name] : undefined;
    const words = cellWords(value);
    const cell = make("td");
    const cut = make("div", "qk-cut", words);
    cut.title = words.slice(0, 1000);
    cell.append(cut);
    return cell;
  };
  const body = make("tbody");
  for (const row of records) {
    const line = make("tr");
    line.append(...columns.map((name) => cellOf(row, name)));
    body.append(line);
  }
  const thead = make("thead");
  thead.append(head);
  table.append(thead, body);
  region.append(table);
  region.tabIndex = 0;
  region.setAttribute("role", "region");
  region.setAttribute("aria-label", "The answer as a table");
  const shown = make("div");
  const left = [];
  if (rows.length > records.length) left.push(`the first ${MOST_ROWS} of ${rows.length.toLocaleString("en")} rows`);
  if (names.size > columns.length) left.push(`the first ${MOST_COLUMNS} of ${names.size} columns`);
  const all = `${rows.length.toLocaleString("en")} row${rows.length === 1 ? "" : "s"}`;
  shown.append(make("p", "qk-muted", left.length ? `Shown: ${left.join(", ")}. All: panel.last_answer.json()` : all));
  if (rows.length) shown.append(region);
  return shown;
}

function callsOf(calls) {
  const list = make("details", "qk-preview qk-calls");
  list.append(make("summary", "", "Calls, the newest first"));
  const region = make("div", "qk-wide");
  region.tabIndex = 0;
  region.setAttribute("role", "region");
  region.setAttribute("aria-label", "Calls");
  const table = make("table", "qk-differences");
  const head = make("tr");
  const titles = ["Time (UTC)", "As", "Call", "Answer", "Trace id"];
  head.append(...titles.map((title) => Object.assign(make("th", "", title), { scope: "col" })));
  const body = make("tbody");
  for (const call of [...calls].reverse()) {
    const line = make("tr");
    const asked = make("td");
    asked.append(make("code", "", `${call.method} ${call.path}`));
    const again = call.retry_after === null ? "" : `, again in ${Math.round(call.retry_after)} s`;
    const said = `${call.is_good ? "✓" : "✗"} ${call.status ?? "no answer"} · ${Math.round(call.milliseconds)} ms${again}`;
    const trace = make("td");
    if (call.trace_id) trace.append(make("code", "", call.trace_id));
    line.append(make("td", "", call.time), make("td", "", call.client), asked, make("td", call.is_good ? "" : "qk-problem", said), trace);
    body.append(line);
  }
  const thead = make("thead");
  thead.append(head);
  table.append(thead, body);
  region.append(table);
  const all = make("p", "qk-muted", "All calls as a DataFrame, in a cell: ");
  all.append(make("code", "", "panel.history"));
  list.append(region, all);
  return list;
}

function codeOf(text, label) {
  const made = make("div", "qk-code");
  const pre = make("pre");
  pre.tabIndex = 0;
  pre.setAttribute("role", "region");
  pre.setAttribute("aria-label", label);
  pre.append(make("code", "", text));
  const copy = make("button", "qk-quiet qk-copy", "Copy");
  copy.type = "button";
  copy.setAttribute("aria-label", `Copy: ${label}`);
  made.append(pre, copy);
  return made;
}

function render({ model, el }) {
  let answer = null;
  let calls = [];
  let number = 0; // of the answer: it is brought into view once, however often it is drawn
  let chosen = ""; // by a click; by default a list is a table, and everything else a tree
  // Random: every widget loads this module again, so a counter would never exceed one.
  const id = Math.random().toString(36).slice(2);
  el.classList.add("qk-answer-view");

  const rowsOf = () => {
    const document = answer.document;
    const rows = Array.isArray(document) ? document : document?.data;
    return answer.is_json && Array.isArray(rows) ? rows : null;
  };
  const headOf = () => {
    const isGood = !answer.problem;
    const head = make("div", isGood ? "qk-good" : "qk-error");
    head.setAttribute("role", "status");
    head.dataset.answer = `${id}-${number}`;
    const line = make("p", "qk-status");
    line.append(
      make("b", "", `${isGood ? "✓" : "✗"} ${answer.status ?? (answer.sent ? "no answer" : "not sent")}`),
      make("code", "", `${answer.method} ${answer.path}`),
    );
    if (answer.sent) line.append(make("span", "qk-muted", `${Math.round(answer.milliseconds)} ms`));
    if (isGood || answer.size) line.append(make("span", "qk-muted", `${answer.size.toLocaleString("en")} bytes`));
    if (answer.trace_id) {
      const trace = make("span", "qk-muted", "trace id ");
      trace.append(make("code", "", answer.trace_id));
      line.append(trace);
    }
    head.append(line);
    if (answer.problem) head.append(make("p", "", answer.problem));
    if (answer.hint) {
      const hint = make("p");
      hint.append(make("b", "", "What to do: "), answer.hint);
      head.append(hint);
    }
    if (answer.note) head.append(make("p", "qk-muted", answer.note));
    if (answer.redacted) head.append(make("p", "qk-muted", "••• replaces a secret that was redacted; panel.last_answer has it."));
    if (!isGood) {
      head.append(make("p", "qk-muted", answer.error));
    }
    if (!isGood && answer.sent) {
      const doctor = make("button", "qk-quiet", "What is wrong?");
      doctor.type = "button";
      doctor.disabled = model.get("disabled");
      doctor.title = "Checks everything that a login of this client needs";
      doctor.addEventListener("click", () => model.send({ kind: "doctor" }));
      head.append(doctor);
    }
    return head;
  };
  const bodyOf = () => {
    if (!answer.size) return answer.problem ? [] : [make("p", "qk-muted", "The answer has no body.")];
    const rows = rowsOf();
    const views = { Tree: answer.is_json, Table: rows !== null, Raw: true };
    const view = views[chosen] ? chosen : rows?.length ? "Table" : answer.is_json ? "Tree" : "Raw";
    const bar = make("div", "qk-views");
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", "Show the answer as");
    for (const [name, there] of Object.entries(views)) {
      if (!there) continue;
      const button = make("button", "qk-quiet", name);
      button.type = "button";
      button.setAttribute("aria-pressed", name === view ? "true" : "false");
      button.addEventListener("click", () => {
        chosen = name;
        draw();
        [...el.querySelectorAll(".qk-views button")].find((each) => each.textContent === name)?.focus();
      });
      bar.append(button);
    }
    const shown = make("div", "qk-shown");
    if (view === "Tree") shown.append(nodeOf("", answer.document, answer.problem ? -1 : 0));
    else if (view === "Table") shown.append(tableOf(rows));
    else shown.append(codeOf(answer.raw, "the answer unmodified"));
    return [bar, shown];
  };
  const samplesOf = () => {
    if (!answer.samples.length) return [];
    const samples = make("details", "qk-preview qk-samples");
    samples.append(make("summary", "", "The same call by hand"), make("p", "qk-muted", answer.needs));
    for (const [name, code] of answer.samples) samples.append(make("p", "qk-sample", name), codeOf(code, name));
    return [samples];
  };
  const isOpen = {}; // by class: what the user opened stays open for the next answer
  const draw = () => {
    for (const each of el.querySelectorAll("details.qk-preview")) isOpen[each.className] = each.open;
    el.replaceChildren();
    if (answer) el.append(headOf(), ...bodyOf(), ...samplesOf());
    if (calls.length) el.append(callsOf(calls));
    for (const each of el.querySelectorAll("details.qk-preview")) each.open = Boolean(isOpen[each.className]);
  };
  const received = async (message, buffers) => {
    try {
      if (message.kind === "calls") calls = (await unpack(buffers[0])) ?? [];
      else if (message.kind === "answer") {
        answer = await unpack(buffers[0]);
        number += 1;
      } else return;
      draw();
    } catch (error) {
      const words = `This page cannot show it (${error.name}). In a cell: panel.last_answer`;
      el.replaceChildren(Object.assign(make("p", "qk-error", words), { role: "alert" }));
    }
  };
  const disable = () => {
    for (const button of el.querySelectorAll(".qk-error button")) button.disabled = model.get("disabled");
  };
  // Keys that are pressed here are no shortcuts of JupyterLab.
  el.addEventListener("keydown", (event) => event.stopPropagation());
  model.on("msg:custom", received);
  model.on("change:disabled", disable);
  model.send({ kind: "ready" });
  return () => {
    model.off("msg:custom", received);
    model.off("change:disabled", disable);
  };
}

export default { render };
