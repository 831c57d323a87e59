// Chooses scopes: chips for the chosen ones, a search, and the list with meanings. A scope that a chosen one covers is
// checked with it. Unknown names can be added: a tenant may have more than Qlik publishes.
function render({ model, el }) {
  // Random: every widget loads this module again, so a counter would never exceed one.
  const id = `qk-scopes-${Math.random().toString(36).slice(2)}`;
  const label = document.createElement("label");
  const chips = document.createElement("div");
  const search = document.createElement("input");
  const list = document.createElement("div");
  el.classList.add("qk-field", "qk-scopes");
  label.htmlFor = search.id = id;
  label.textContent = "Scopes";
  chips.className = "qk-chips";
  search.type = "search";
  search.autocomplete = "off";
  search.placeholder = "Search by name or meaning: apps, space, user …";
  list.className = "qk-options";
  list.setAttribute("role", "group");
  list.setAttribute("aria-label", "Scopes to choose from");
  el.append(label, chips, search, list);

  const chosen = () => model.get("value");
  const choose = (names) => {
    model.set("value", names);
    model.save_changes();
  };
  const toggle = (name) => {
    const names = chosen();
    choose(names.includes(name) ? names.filter((other) => other !== name) : [...names, name]);
  };

  const drawChips = () => {
    chips.replaceChildren(
      ...chosen().map((name) => {
        const chip = make("span", "qk-chip", name);
        const remove = make("button", "qk-chip-remove", "×");
        remove.type = "button";
        remove.setAttribute("aria-label", `Remove ${name}`);
        remove.disabled = model.get("disabled");
        remove.addEventListener("click", () => toggle(name));
        chip.append(remove);
        return chip;
      }),
    );
    if (!chosen().length) chips.append(make("span", "qk-note", model.get("none")));
  };
  const option = ({ name, meaning, parents }) => {
    const row = make("label", "qk-option", "");
    const box = document.createElement("input");
    const covering = parents.find((parent) => chosen().includes(parent));
    box.type = "checkbox";
    box.checked = chosen().includes(name) || Boolean(covering);
    box.disabled = model.get("disabled") || Boolean(covering && !chosen().includes(name));
    box.dataset.scope = name;
    box.addEventListener("change", () => toggle(name));
    row.append(box, make("code", "", name), make("span", "qk-note", covering ? `covered by ${covering}` : meaning));
    return row;
  };
  const drawList = () => {
    const focused = document.activeElement?.dataset?.scope;
    const scroll = list.scrollTop;
    const wanted = search.value.trim().toLowerCase();
    const isNamed = ({ name }) => name.toLowerCase().includes(wanted);
    const isMeant = ({ meaning }) => meaning.toLowerCase().includes(wanted);
    const named = model.get("options").filter(isNamed);
    const rows = [];
    let group = "";
    for (const each of named) {
      if (each.group !== group) {
        group = each.group;
        rows.push(make("p", "qk-group", group === "admin" ? "Administration" : "Users"));
      }
      rows.push(option(each));
    }
    const meant = model.get("options").filter((each) => !isNamed(each) && isMeant(each));
    if (meant.length) rows.push(make("p", "qk-group", "In the meaning only"), ...meant.map(option));
    const typed = search.value.trim();
    if (typed && !/\s/.test(typed) && !model.get("options").some(({ name }) => name === typed) && !chosen().includes(typed)) {
      const add = make("button", "qk-quiet", `Add “${typed}”, a scope that Qlik does not publish`);
      add.type = "button";
      add.addEventListener("click", () => {
        search.value = "";
        choose([...chosen(), typed]);
      });
      rows.push(add);
    } else if (!rows.length) {
      rows.push(make("p", "qk-note", "No scope has that in its name or meaning."));
    }
    list.replaceChildren(...rows);
    const boxes = list.querySelectorAll("input:enabled");
    const stop = [...boxes].find((each) => each.dataset.scope === focused) ?? boxes[0];
    boxes.forEach((each) => (each.tabIndex = each === stop ? 0 : -1));
    list.scrollTop = scroll;
    if (focused) list.querySelector(`input[data-scope="${CSS.escape(focused)}"]`)?.focus();
  };
  const draw = () => {
    search.disabled = model.get("disabled");
    drawChips();
    drawList();
  };
  search.addEventListener("input", drawList);
  // One stop of the Tab key for a hundred checkboxes; arrows, Home and End move between them.
  list.addEventListener("keydown", (event) => {
    const boxes = [...list.querySelectorAll("input:enabled")];
    const place = boxes.indexOf(event.target);
    const to = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: boxes.length - 1 }[event.key];
    if (place < 0 || to === undefined) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab moves between cells by arrows
    boxes[place].tabIndex = -1;
    const next = boxes[Math.min(Math.max(to, 0), boxes.length - 1)];
    next.tabIndex = 0;
    next.focus();
  });
  search.addEventListener("keydown", (event) => event.stopPropagation());
  model.on("change", draw);
  draw();
  return () => model.off("change", draw);
}

export default { render };
