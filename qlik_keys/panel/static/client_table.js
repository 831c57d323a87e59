// The table of clients. The rows come as one compressed message; search, filter, order and selection happen here, and
// only the rows in sight are in the page.
const ROW = 56;
const SPARE = 6;
const COLUMNS = [
  { key: "name", title: "Client", width: 250 },
  { key: "auth_methods", title: "Logs in by", width: 125 },
  { key: "scopes", title: "Scopes", width: 125 },
  { key: "current_kid", title: "Current key", width: 160 },
  { key: "key_made", title: "Key made", width: 98 },
  { key: "rotate_by", title: "Rotate by", width: 98 },
  { key: "consent", title: "Consent", width: 90 },
  { key: "findings", title: "Findings", width: 210 },
];
const METHODS = { private_key_jwt: "private key JWT", client_secret: "client secret" };

async function unpack(view) {
  if (!view.byteLength) return null;
  const stream = new Blob([view]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

function make(tag, className = "", words = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (words) made.textContent = words;
  return made;
}

function render({ model, el }) {
  const id = `qk-table-${Math.random().toString(36).slice(2)}`;
  const bar = make("div", "qk-bar");
  const searchField = make("div", "qk-field");
  const searchLabel = make("label", "", "Search");
  const search = make("input");
  const filterField = make("div", "qk-field");
  const filterLabel = make("label", "", "Finding");
  const filter = make("select");
  const caption = make("p", "qk-muted");
  const scroller = make("div", "qk-scroll");
  const table = make("table", "qk-table");
  const head = make("tr");
  const body = make("tbody");
  el.classList.add("qk-clients");
  search.type = "search";
  search.id = searchLabel.htmlFor = `${id}-search`;
  search.autocomplete = "off";
  search.placeholder = "name, id, scope, key, finding …";
  filter.id = filterLabel.htmlFor = `${id}-filter`;
  caption.setAttribute("aria-live", "polite");
  scroller.tabIndex = 0;
  scroller.setAttribute("role", "region");
  scroller.setAttribute("aria-label", "Clients");
  searchField.append(searchLabel, search);
  filterField.append(filterLabel, filter);
  bar.append(searchField, filterField);
  const group = make("colgroup");
  for (const width of [44, ...COLUMNS.map((column) => column.width)]) {
    const column = make("col");
    column.style.width = `${width}px`;
    group.append(column);
  }
  const thead = make("thead");
  thead.append(head);
  table.append(group, thead, body);
  scroller.append(table);
  el.append(bar, caption, scroller);

  let columns = null;
  let texts = [];
  let shown = [];
  let order = { key: "", down: false };
  let selected = new Set(model.get("selected"));
  let focused = 0;
  let drawn = "";

  const count = () => (columns ? columns.client_id.length : 0);
  const say = (value) => (Array.isArray(value) ? value.map((each) => METHODS[each] || each).join(", ") : value);

  // Findings are ordered by their weight, everything else by its words.
  const sortable = (row) => {
    if (order.key !== "findings") return say(columns[order.key][row]).toLowerCase();
    const [first] = columns.findings[row];
    return first ? String(Object.keys(model.get("severities")).indexOf(first)).padStart(3, "0") : "";
  };
  const narrow = () => {
    const wanted = search.value.trim().toLowerCase();
    const finding = model.get("finding");
    shown = [];
    for (let row = 0; row < count(); row += 1) {
      if (finding && !columns.findings[row].includes(finding)) continue;
      if (!wanted || texts[row].includes(wanted)) shown.push(row);
    }
    if (order.key) {
      const values = shown.map(sortable);
      const places = shown.map((_, place) => place);
      const sign = order.down ? -1 : 1;
      // What is missing stands at the end either way.
      places.sort((a, b) => {
        if (!values[a] !== !values[b]) return values[a] ? -1 : 1;
        return values[a] < values[b] ? -sign : values[a] > values[b] ? sign : a - b;
      });
      shown = places.map((place) => shown[place]);
    }
    focused = 0;
    drawn = "";
    draw();
    tell();
  };
  const tell = () => {
    const all = `${count().toLocaleString("en")} client${count() === 1 ? "" : "s"}`;
    const some = shown.length < count() ? `${shown.length.toLocaleString("en")} of ${all}` : all;
    const ticked = selected.size ? ` · ${selected.size.toLocaleString("en")} selected` : "";
    caption.textContent = columns ? `${some}${ticked}` : "Not asked for yet: Refresh.";
    scroller.hidden = bar.hidden = !columns;
  };
  const select = (ids) => {
    selected = new Set(ids);
    model.set("selected", [...selected]);
    model.save_changes();
    drawn = "";
    draw();
    tell();
  };
  const toggle = (clientId) => {
    const next = new Set(selected);
    if (!next.delete(clientId)) next.add(clientId);
    select(next);
  };

  const two = (first, second) => {
    const cell = make("td");
    const one = make("div", "qk-cut qk-first", first);
    const other = make("div", "qk-cut qk-second", second);
    one.title = first;
    other.title = second;
    cell.append(one, other);
    return cell;
  };
  const chips = (names) => {
    const cell = make("td");
    const line = make("div", "qk-chip-line");
    if (!names.length) line.append(make("span", "qk-none", "✓ none"));
    for (const name of names) {
      const severity = model.get("severities")[name] || "low";
      line.append(make("span", `qk-finding qk-severity-${severity}`, `${severity === "low" ? "ℹ" : "⚠"} ${name}`));
    }
    line.title = names.join(", ");
    cell.append(line);
    return cell;
  };
  const rowOf = (row, place) => {
    const clientId = columns.client_id[row];
    const name = columns.name[row];
    const line = make("tr", selected.has(clientId) ? "qk-ticked" : "");
    line.setAttribute("aria-rowindex", place + 2);
    const cell = make("td", "qk-tick-cell");
    const tick = make("input");
    tick.type = "checkbox";
    tick.checked = selected.has(clientId);
    tick.tabIndex = place === focused ? 0 : -1;
    tick.dataset.place = place;
    tick.setAttribute("aria-label", `Select ${name}`);
    tick.addEventListener("change", () => {
      focused = place;
      toggle(clientId);
    });
    cell.append(tick);
    const kid = columns.current_kid[row];
    const keeper = columns.custody[row] === "transit" ? " · in Transit" : "";
    line.append(
      cell,
      two(name, clientId),
      two(say(columns.auth_methods[row]), ""),
      two(columns.scopes[row].join(", "), ""),
      two(kid, [...new Set(columns.algs[row])].join(", ") + (kid ? keeper : "")),
      two(columns.key_made[row], ""),
      two(columns.rotate_by[row], ""),
      two(columns.consent[row], ""),
      chips(columns.findings[row]),
    );
    line.addEventListener("click", (event) => {
      if (event.target === tick || String(getSelection()).trim()) return;
      focused = place;
      select(selected.size === 1 && selected.has(clientId) ? [] : [clientId]);
    });
    return line;
  };
  const spacer = (rows) => {
    const line = make("tr", "qk-spacer");
    line.setAttribute("aria-hidden", "true");
    const cell = make("td");
    cell.colSpan = COLUMNS.length + 1;
    cell.style.height = `${rows * ROW}px`;
    line.append(cell);
    return line;
  };
  const draw = () => {
    if (!columns) return body.replaceChildren();
    const height = scroller.clientHeight || 480;
    const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - SPARE);
    const last = Math.min(shown.length, first + Math.ceil(height / ROW) + 2 * SPARE);
    const now = `${first}-${last}`;
    if (now === drawn) return undefined;
    drawn = now;
    const hadFocus = document.activeElement?.dataset?.place;
    const rows = [];
    if (first > 0) rows.push(spacer(first));
    for (let place = first; place < last; place += 1) rows.push(rowOf(shown[place], place));
    if (last < shown.length) rows.push(spacer(shown.length - last));
    if (!shown.length) {
      const line = make("tr");
      const cell = make("td", "qk-nothing", count() ? "No client has that." : "The tenant has no OAuth client yet.");
      cell.colSpan = COLUMNS.length + 1;
      line.append(cell);
      rows.push(line);
    }
    body.replaceChildren(...rows);
    table.setAttribute("aria-rowcount", shown.length + 1);
    all.checked = shown.length > 0 && shown.every((row) => selected.has(columns.client_id[row]));
    if (hadFocus !== undefined) body.querySelector(`input[data-place="${focused}"]`)?.focus();
    return undefined;
  };
  const drawFilter = () => {
    const counts = new Map();
    if (columns) for (const names of columns.findings) for (const name of names) counts.set(name, (counts.get(name) || 0) + 1);
    const option = (value, words) => {
      const made = make("option", "", words);
      made.value = value;
      return made;
    };
    const names = Object.keys(model.get("severities")).filter((name) => counts.has(name) || name === model.get("finding"));
    filter.replaceChildren(option("", "all clients"), ...names.map((name) => option(name, `${name} (${counts.get(name) || 0})`)));
    filter.value = model.get("finding");
  };
  const moveTo = (place) => {
    if (place < 0 || place >= shown.length) return;
    focused = place;
    const top = place * ROW;
    const header = thead.offsetHeight;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + ROW > scroller.scrollTop + scroller.clientHeight - header)
      scroller.scrollTop = top + ROW - scroller.clientHeight + header;
    drawn = "";
    draw();
    body.querySelector(`input[data-place="${place}"]`)?.focus();
  };

  const all = make("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", "Select all that are shown");
  all.addEventListener("change", () => select(all.checked ? shown.map((row) => columns.client_id[row]) : []));
  const corner = make("th", "qk-tick-cell");
  corner.scope = "col";
  corner.append(all);
  head.append(corner);
  for (const { key, title } of COLUMNS) {
    const cell = make("th");
    const button = make("button", "qk-sort", title);
    cell.scope = "col";
    button.type = "button";
    button.addEventListener("click", () => {
      order = { key, down: order.key === key && !order.down };
      for (const other of head.querySelectorAll("th")) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      scroller.scrollTop = 0;
      narrow();
    });
    cell.append(button);
    head.append(cell);
  }

  const keys = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
  body.addEventListener("keydown", (event) => {
    if (event.target.dataset.place === undefined || !(event.key in keys || event.key === "Home" || event.key === "End")) return;
    event.preventDefault();
    const place = Number(event.target.dataset.place);
    const to = { Home: 0, End: shown.length - 1 }[event.key] ?? place + keys[event.key];
    moveTo(Math.max(0, Math.min(shown.length - 1, to)));
  });
  // JupyterLab's own shortcuts are not meant for what is typed here.
  el.addEventListener("keydown", (event) => event.stopPropagation());
  search.addEventListener("input", () => {
    scroller.scrollTop = 0;
    narrow();
  });
  filter.addEventListener("change", () => {
    model.set("finding", filter.value);
    model.save_changes();
  });
  let frame = 0;
  scroller.addEventListener("scroll", () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  });
  const sized = new ResizeObserver(() => draw());
  sized.observe(scroller);

  const received = async (message, buffers) => {
    if (message.kind !== "rows") return;
    columns = await unpack(buffers[0]);
    texts = [];
    for (let row = 0; row < count(); row += 1) {
      const parts = ["name", "client_id", "auth_methods", "scopes", "current_kid", "algs", "consent", "findings"];
      texts.push(parts.map((key) => say(columns[key][row])).join(" ").toLowerCase());
    }
    drawFilter();
    tell();
    narrow();
  };
  const filtered = () => {
    scroller.scrollTop = 0;
    drawFilter();
    narrow();
  };
  const chosen = () => {
    selected = new Set(model.get("selected"));
    drawn = "";
    draw();
    tell();
  };
  model.on("msg:custom", received);
  model.on("change:finding", filtered);
  model.on("change:selected", chosen);
  tell();
  model.send({ kind: "ready" });
  return () => {
    sized.disconnect();
    model.off("msg:custom", received);
    model.off("change:finding", filtered);
    model.off("change:selected", chosen);
  };
}

export default { render };
