// The tabs, by the ARIA pattern: one stop of the Tab key; arrows, Home and End move between them.
function render({ model, el }) {
  el.classList.add("qk-tabs");
  el.setAttribute("role", "tablist");
  el.setAttribute("aria-label", "qlik_keys");
  const id = `qk-tab-${Math.random().toString(36).slice(2)}`;
  const titles = model.get("titles");
  const choose = (place) => {
    const title = titles[(place + titles.length) % titles.length];
    model.set("chosen", title);
    model.save_changes();
    tabs[titles.indexOf(title)].focus();
    begin(titles.indexOf(title), 300);
  };
  // A tab is shown from its start, also if another one was scrolled down.
  const begin = (place, left) => {
    const panel = panelOf(place);
    if (panel?.offsetParent) {
      const hidden = el.closest(".qk-masthead").getBoundingClientRect().bottom - panel.getBoundingClientRect().top;
      if (hidden > 1) el.closest(".qk-panel").scrollIntoView({ block: "start" });
    } else if (left && el.isConnected) requestAnimationFrame(() => begin(place, left - 1));
  };
  const tabs = titles.map((title, place) => {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.id = `${id}-${place}`;
    tab.textContent = title;
    tab.setAttribute("role", "tab");
    tab.addEventListener("click", () => choose(place));
    return tab;
  });
  el.append(...tabs);
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  el.addEventListener("keydown", (event) => {
    const place = tabs.indexOf(event.target);
    const to = { Home: 0, End: titles.length - 1 }[event.key] ?? (event.key in steps ? place + steps[event.key] : null);
    if (place < 0 || to === null || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab moves between cells by arrows
    choose(to);
  });
  // Each tab's panel is another widget, which may come later.
  const panelOf = (place) => el.closest(".qk-panel")?.querySelector(`.qk-tab-panel-${place}`);
  let wait = 0;
  const join = (left) => {
    const panels = titles.map((_, place) => panelOf(place));
    panels.forEach((panel, place) => {
      if (!panel) return;
      panel.id = `${id}-panel-${place}`;
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tabs[place].id);
      tabs[place].setAttribute("aria-controls", panel.id);
    });
    if (left && !panels.every(Boolean)) wait = requestAnimationFrame(() => join(left - 1));
  };
  const draw = () => {
    const chosen = model.get("chosen");
    tabs.forEach((tab, place) => {
      const inFront = titles[place] === chosen;
      tab.className = inFront ? "qk-tab qk-chosen" : "qk-tab";
      tab.setAttribute("aria-selected", inFront);
      tab.tabIndex = inFront ? 0 : -1;
    });
  };
  model.on("change:chosen", draw);
  draw();
  join(300);
  return () => {
    cancelAnimationFrame(wait);
    model.off("change:chosen", draw);
  };
}

export default { render };
