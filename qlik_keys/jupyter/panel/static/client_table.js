// The table of clients. The rows come as one compressed message; search, filter, order and selection happen here, and
// only the visible rows are in the page. The search itself is client_search.js, which precedes this.
const SPARE = 6;
const TICK_WIDTH = 44;
const ROW_HEIGHT = 58;
const CARD_HEIGHT = 136;
const CARD_LINE = 20;
const LOW_WINDOW = 640;
const ORDERS = {
  "created-down": "newest first",
  "created-up": "oldest first",
  "name-up": "by name",
  "findings-up": "highest severity first",
  "key_made-up": "oldest keys first",
  "key_made-down": "newest keys first",
  "rotate_by-up": "first to rotate first",
  "last_login-up": "longest unused first",
  "last_login-down": "last used first",
  "logins_30d-down": "most logins first",
};
const HELP =
  "Words in any order, all of which must match: of name, id, key id, scope, login, finding; in quotes, consecutive words. " +
  "2026-11, today and yesterday (UTC) are dates of the row; >2026-10-01, <2026-11 and 2026-10..2026-11 are about the day the client was created. " +
  "For one field only: name:etl, scope:apps, finding:secret, login:secret, created:2026-11, updated:>2026-10, " +
  "key:<2026-06 (when the key was made), rotate:<2026-12, used:<2026-09 (last login, where it is shown), owner:ada, tag:nightly.";

async function unpack(view) {
  if (!view.byteLength) return null;
  const stream = new Blob([view]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

// While its tab is hidden it has no width: it will be as wide as the inside of the panel.
function roomFor(el) {
  const panel = el.closest(".qk-panel");
  if (el.clientWidth || !panel) return el.clientWidth;
  const { paddingLeft, paddingRight } = getComputedStyle(panel);
  return panel.clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight);
}

function render({ model, el }) {
  const id = `qk-table-${Math.random().toString(36).slice(2)}`;
  const field = (words, control, name) => {
    const made = make("div", "qk-field");
    const label = make("label", "", words);
    control.id = label.htmlFor = `${id}-${name}`;
    made.append(label, control);
    return made;
  };
  const search = make("input");
  search.type = "search";
  search.autocomplete = "off";
  search.placeholder = "words and dates: etl >2026-10-01";
  const filter = make("select");
  const orderChoice = make("select");
  const orderField = field("Order", orderChoice, "order");
  const columnChooser = make("details", "qk-columns");
  const columnSummary = make("summary");
  const columnList = make("div", "qk-column-list");
  columnChooser.append(columnSummary, columnList);
  const bar = make("div", "qk-bar");
  bar.append(field("Search", search, "search"), field("Finding", filter, "filter"), orderField, columnChooser);
  const help = make("details", "qk-help qk-muted");
  help.append(make("summary", "", "Search help"), make("p", "", HELP));
  const caption = make("div", "qk-caption qk-muted");
  const captionWords = make("p");
  captionWords.setAttribute("aria-live", "polite");
  const reveal = button("Show the selection", () => {
    search.value = "";
    if (model.get("finding")) {
      model.set("finding", "");
      model.save_changes();
    } else narrow();
  });
  caption.append(captionWords, reveal);
  const scroller = make("div", "qk-scroll");
  scroller.tabIndex = 0;
  scroller.setAttribute("role", "region");
  scroller.setAttribute("aria-label", "Clients");
  const table = make("table", "qk-table");
  const group = make("colgroup");
  const head = make("tr");
  const thead = make("thead");
  const body = make("tbody");
  thead.append(head);
  table.append(group, thead, body);
  scroller.append(table);
  const pager = make("div", "qk-pager");
  const before = button("Previous", () => turn(-1));
  const after = button("Next rows", () => turn(1));
  const pagerWords = make("span", "qk-muted");
  pager.append(before, pagerWords, after);
  el.classList.add("qk-clients");
  el.append(bar, help, caption, scroller, pager);

  let columns = null;
  let available = availableIn(null);
  let searched = {};
  let lines = {};
  let ordered = [];
  let shown = [];
  let problems = [];
  let order = { key: "created", down: true }; // newest first
  let selected = new Set(model.get("selected"));
  let focused = 0;
  let drawn = "";
  let inCards = false;
  let isPaged = false;
  let visible = available;

  const count = () => (columns ? columns.client_id.length : 0);
  const rowHeight = () => (inCards ? CARD_HEIGHT + CARD_LINE * visible.filter((each) => !each.isNeeded).length : ROW_HEIGHT);

  // --- filter and order ---

  // Findings are ordered by severity, dates by time, everything else by text.
  const sortable = (row) => {
    // A client without a login since the events are known is used less than any other.
    if (order.key === "last_login") return columns.last_login[row] ?? (columns.logins_since ? 0 : "");
    if (order.key === "logins_30d") return columns.logins_30d[row] ?? "";
    if (TIMES.includes(order.key)) return columns[order.key][row] ?? "";
    if (order.key !== "findings") return say(columns[order.key][row]).toLowerCase();
    const [first] = columns.findings[row];
    return first ? String(Object.keys(model.get("severities")).indexOf(first)).padStart(3, "0") : "";
  };
  // All rows are ordered once, since each letter that is typed is a search.
  const putInOrder = () => {
    ordered = [...Array(count()).keys()];
    const values = ordered.map(sortable);
    const sign = order.down ? -1 : 1;
    // Missing values are last in both orders.
    ordered.sort((a, b) => {
      if ((values[a] === "") !== (values[b] === "")) return values[a] === "" ? 1 : -1;
      return values[a] < values[b] ? -sign : values[a] > values[b] ? sign : a - b;
    });
  };
  const narrow = () => {
    const parsed = parseSearch(search.value);
    const finding = model.get("finding");
    problems = parsed.problems;
    shown = ordered.filter((row) => (!finding || columns.findings[row].includes(finding)) && fitsSearch(parsed.terms, searched, row));
    scroller.scrollTop = 0;
    focused = 0;
    keepInSight();
    redraw();
  };
  const keepInSight = () => {
    if (!columns || !selected.size) return;
    const place = shown.findIndex((row) => selected.has(columns.client_id[row]));
    if (place < 0) return;
    focused = place;
    scrollTo(place);
  };
  const tell = () => {
    scroller.hidden = bar.hidden = help.hidden = !columns;
    pager.hidden = !columns || !isPaged || shown.length <= perPage();
    reveal.hidden = true;
    el.classList.toggle("qk-no-rows", !columns);
    if (!columns) {
      captionWords.textContent = "Not listed yet: press Refresh.";
      return;
    }
    const all = plural(count(), "client");
    const parts = [shown.length < count() ? `${shown.length.toLocaleString("en")} of ${all}` : all];
    const direction = `${order.key}-${order.down ? "down" : "up"}`;
    const title = COLUMNS.find((each) => each.key === order.key).title.toLowerCase();
    parts.push(ORDERS[direction] || `by ${title}${order.down ? ", in reverse" : ""}`);
    if (selected.size) {
      let inSight = 0;
      for (const row of shown) if (selected.has(columns.client_id[row])) inSight += 1;
      const hidden = selected.size - inSight;
      reveal.hidden = !hidden;
      const left = hidden ? ` (${hidden === selected.size ? "" : `${hidden.toLocaleString("en")} of them `}not in this list)` : "";
      parts.push(`${selected.size.toLocaleString("en")} selected${left}`);
    }
    const wrong = problems.map((each) => `${each} is not a date: write 2026, 2026-11 or 2026-11-05`);
    captionWords.textContent = [parts.join(" · "), ...wrong].join(". ");
  };
  const select = (ids) => {
    selected = new Set(ids);
    model.set("selected", [...selected]);
    model.save_changes();
    redraw();
  };
  const toggle = (clientId) => {
    const next = new Set(selected);
    if (!next.delete(clientId)) next.add(clientId);
    select(next);
  };

  // --- a row ---

  const cardOf = (row) => {
    const cell = make("td", "qk-card-cell");
    cell.append(...lines.name(row), ...lines.key(row), ...lines.findings(row));
    for (const { key: name, title, isNeeded } of visible) {
      if (isNeeded) continue;
      cell.append(line(`${title}: ${lines[name](row).map((each) => each.textContent).filter(Boolean).join(" · ") || "none"}`, "qk-second"));
    }
    return [cell];
  };
  const cellsOf = (row) =>
    visible.map(({ key }) => {
      const cell = make("td");
      cell.append(...lines[key](row));
      return cell;
    });
  const rowOf = (row, place) => {
    const clientId = columns.client_id[row];
    const made = make("tr", selected.has(clientId) ? "qk-ticked" : "");
    made.setAttribute("aria-rowindex", place + 2);
    const cell = make("td", "qk-tick-cell");
    const label = make("label");
    const tick = make("input");
    tick.type = "checkbox";
    tick.checked = selected.has(clientId);
    tick.tabIndex = place === focused ? 0 : -1;
    tick.dataset.place = place;
    tick.setAttribute("aria-label", `Select ${columns.name[row]}`);
    tick.addEventListener("change", () => {
      focused = place;
      toggle(clientId);
    });
    label.append(tick);
    cell.append(label);
    made.append(cell, ...(inCards ? cardOf(row) : cellsOf(row)));
    made.addEventListener("click", (event) => {
      if (cell.contains(event.target) || String(getSelection()).trim()) return;
      focused = place;
      select(selected.size === 1 && selected.has(clientId) ? [] : [clientId]);
    });
    return made;
  };
  const filler = (className, words, height) => {
    const made = make("tr", className);
    const cell = make("td", words ? "qk-nothing" : "", words);
    cell.colSpan = inCards ? 2 : visible.length + 1;
    if (height) {
      made.setAttribute("aria-hidden", "true");
      cell.style.height = `${height}px`;
    }
    made.append(cell);
    return made;
  };

  // --- the visible rows ---

  const redraw = () => {
    drawn = "";
    draw();
    tell();
  };
  const draw = () => {
    if (!columns) return body.replaceChildren();
    const height = scroller.clientHeight || 480;
    const first = Math.max(0, Math.floor(scroller.scrollTop / rowHeight()) - SPARE);
    const last = Math.min(shown.length, first + Math.ceil(height / rowHeight()) + 2 * SPARE);
    drawPager();
    const now = `${first}-${last}`;
    if (now === drawn) return undefined;
    drawn = now;
    const hadFocus = document.activeElement?.dataset?.place !== undefined && body.contains(document.activeElement);
    const rows = [];
    if (first > 0) rows.push(filler("qk-spacer", "", first * rowHeight()));
    for (let place = first; place < last; place += 1) rows.push(rowOf(shown[place], place));
    if (last < shown.length) rows.push(filler("qk-spacer", "", (shown.length - last) * rowHeight()));
    if (!shown.length) rows.push(filler("", count() ? "No client matches. Write dates as 2026-11-28, today or yesterday." : "The tenant has no OAuth client yet."));
    body.replaceChildren(...rows);
    table.setAttribute("aria-rowcount", shown.length + 1);
    all.checked = shown.length > 0 && shown.every((row) => selected.has(columns.client_id[row]));
    if (hadFocus) body.querySelector(`input[data-place="${focused}"]`)?.focus({ preventScroll: true });
    return undefined;
  };
  const scrollTo = (place) => {
    const top = place * rowHeight();
    const room = scroller.clientHeight - thead.offsetHeight;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + rowHeight() > scroller.scrollTop + room) {
      // The space for it must exist before it can be scrolled to.
      if (scroller.scrollHeight < top + rowHeight()) redraw();
      scroller.scrollTop = isPaged ? Math.floor(place / perPage()) * perPage() * rowHeight() : top + rowHeight() - room;
    }
  };
  const moveTo = (place) => {
    if (place < 0 || place >= shown.length) return;
    focused = place;
    scrollTo(place);
    redraw();
    body.querySelector(`input[data-place="${place}"]`)?.focus({ preventScroll: true });
  };
  const perPage = () => Math.max(3, Math.min(8, Math.floor((innerHeight * 0.55) / rowHeight())));
  const turn = (pages) => {
    scroller.scrollTop = (Math.round(scroller.scrollTop / rowHeight()) + pages * perPage()) * rowHeight();
    draw();
  };
  const drawPager = () => {
    if (!isPaged) return;
    const first = Math.round(scroller.scrollTop / rowHeight());
    const last = Math.min(shown.length, first + perPage());
    pagerWords.textContent = `${(first + 1).toLocaleString("en")} to ${last.toLocaleString("en")} of ${shown.length.toLocaleString("en")}`;
    before.disabled = first <= 0;
    after.disabled = last >= shown.length;
  };

  // --- columns, cards, height ---

  const all = make("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", "Select all rows shown");
  all.addEventListener("change", () => select(all.checked ? shown.map((row) => columns.client_id[row]) : []));
  const sortBy = (key, down) => {
    order = { key, down };
    putInOrder();
    drawHead();
    narrow();
  };
  const headOf = ({ key, title }) => {
    const cell = make("th");
    cell.scope = "col";
    if (order.key === key) cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    const made = button(title, () => {
      // A click on the column of the current order reverses it.
      sortBy(key, order.key === key ? !order.down : false);
      head.querySelector(`button[data-key="${key}"]`)?.focus({ preventScroll: true });
    }, "qk-sort");
    made.dataset.key = key;
    cell.append(made);
    return cell;
  };
  const drawHead = () => {
    const corner = make("th", "qk-tick-cell");
    const label = make("label");
    corner.scope = "col";
    label.append(all);
    corner.append(label);
    const cells = inCards ? [make("th", "", "Clients")] : visible.map(headOf);
    if (inCards) cells[0].scope = "col";
    head.replaceChildren(corner, ...cells);
    const widths = [TICK_WIDTH, ...(inCards ? [0] : visible.map((column) => column.width))];
    group.replaceChildren(...widths.map((width) => {
      const column = make("col");
      if (width) column.style.width = `${width}px`;
      return column;
    }));
    table.classList.toggle("qk-cards", inCards);
    table.style.minWidth = inCards ? "" : `${widths.reduce((sum, width) => sum + width, 0)}px`;
    table.style.setProperty("--qk-row", `${rowHeight()}px`);
    orderField.hidden = !inCards;
    for (const each of orderChoice.options) each.hidden = each.disabled = !available.some(({ key }) => each.value.startsWith(`${key}-`));
    orderChoice.value = `${order.key}-${order.down ? "down" : "up"}`;
  };
  const drawChooser = () => {
    const chosen = model.get("columns");
    columnSummary.textContent = `Columns (${visible.length} of ${available.length})`;
    if (!columnChooser.open) return columnList.replaceChildren();
    const change = (keys) => {
      model.set("columns", keys);
      model.save_changes();
    };
    const fit = button("As many as fit", () => change([]));
    fit.disabled = !chosen.length;
    return columnList.replaceChildren(
      ...available.filter(({ key }) => key !== "name").map(({ key, title }) => {
        const label = make("label");
        const tick = make("input");
        tick.type = "checkbox";
        tick.dataset.key = key;
        tick.checked = visible.some((each) => each.key === key);
        tick.addEventListener("change", () => {
          const now = available.map((each) => each.key).filter((each) => (each === key ? tick.checked : visible.some((one) => one.key === each)));
          change(now);
          columnList.querySelector(`input[data-key="${key}"]`)?.focus();
        });
        label.append(tick, title);
        return label;
      }),
      fit,
    );
  };
  const layOut = () => {
    const room = roomFor(el) - 2;
    if (room <= 0) return;
    const chosen = model.get("columns");
    const needed = TICK_WIDTH + COLUMNS.filter((each) => each.isNeeded).reduce((sum, each) => sum + each.width, 0);
    inCards = room < needed;
    if (chosen.length) visible = available.filter((each) => each.key === "name" || chosen.includes(each.key));
    else {
      let used = TICK_WIDTH;
      // The first that does not fit ends it: a less important column must not take its place.
      const tooWide = available.findIndex((each) => (used += each.width) > room);
      visible = inCards || tooWide < 0 ? available.filter((each) => !inCards || each.isNeeded || each.isUse) : available.slice(0, tooWide);
    }
    isPaged = inCards || innerHeight < LOW_WINDOW;
    el.classList.toggle("qk-paged", isPaged);
    el.classList.toggle("qk-in-cards", inCards);
    drawHead();
    drawChooser();
    scroller.style.height = isPaged && shown.length ? `${thead.offsetHeight + Math.min(shown.length, perPage()) * rowHeight() + 2}px` : "";
    redraw();
  };

  // --- events ---

  const keys = { ArrowDown: () => 1, ArrowUp: () => -1, PageDown: () => perPage(), PageUp: () => -perPage() };
  body.addEventListener("keydown", (event) => {
    if (event.target.dataset.place === undefined || !(event.key in keys || event.key === "Home" || event.key === "End")) return;
    event.preventDefault();
    const place = Number(event.target.dataset.place);
    const to = { Home: 0, End: shown.length - 1 }[event.key] ?? place + keys[event.key]();
    moveTo(Math.max(0, Math.min(shown.length - 1, to)));
  });
  // Keys that are typed here are no shortcuts of JupyterLab.
  el.addEventListener("keydown", (event) => event.stopPropagation());
  columnChooser.addEventListener("toggle", drawChooser);
  columnChooser.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    columnChooser.open = false;
    columnSummary.focus();
  });
  columnChooser.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !columnChooser.contains(event.relatedTarget)) columnChooser.open = false;
  });
  search.addEventListener("input", () => narrowAndFit());
  filter.addEventListener("change", () => {
    model.set("finding", filter.value);
    model.save_changes();
  });
  for (const [value, words] of Object.entries(ORDERS)) {
    const option = make("option", "", words);
    option.value = value;
    orderChoice.append(option);
  }
  orderChoice.addEventListener("change", () => sortBy(...((value) => [value[0], value[1] === "down"])(orderChoice.value.split("-"))));
  let frame = 0;
  scroller.addEventListener("scroll", () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  });
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
  const narrowAndFit = () => {
    narrow();
    if (isPaged) layOut();
  };
  let width = 0;
  const resized = () => {
    if (el.clientWidth === width) return;
    const isFirst = !width;
    width = el.clientWidth;
    layOut();
    if (isFirst) keepInSight(); // it was hidden when the rows came
  };
  const sized = new ResizeObserver(resized);
  sized.observe(el);
  const windowSized = () => layOut();
  addEventListener("resize", windowSized);

  const received = async (message, buffers) => {
    if (message.kind !== "rows") return;
    columns = await unpack(buffers[0]);
    available = availableIn(columns);
    visible = visible.filter((each) => available.includes(each));
    if (!available.some((each) => each.key === order.key)) order = { key: "created", down: true };
    searched = {};
    if (columns) {
      searched = searchedOf(columns);
      lines = linesOf(columns, searched, model.get("severities"));
    }
    drawFilter();
    putInOrder();
    narrow();
    layOut();
    keepInSight();
  };
  const filtered = () => {
    drawFilter();
    narrowAndFit();
  };
  const chosen = () => {
    const now = model.get("selected");
    if (now.length === selected.size && now.every((each) => selected.has(each))) return; // chosen here
    selected = new Set(now);
    keepInSight();
    redraw();
  };
  model.on("msg:custom", received);
  model.on("change:finding", filtered);
  model.on("change:selected", chosen);
  model.on("change:columns", layOut);
  drawHead();
  tell();
  model.send({ kind: "ready" });
  return () => {
    sized.disconnect();
    removeEventListener("resize", windowSized);
    model.off("msg:custom", received);
    model.off("change:finding", filtered);
    model.off("change:selected", chosen);
    model.off("change:columns", layOut);
  };
}

export default { render };
