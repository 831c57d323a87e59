// Shows a secret that came in a separate message. It is in the memory of this page only, until "I have stored it".
function render({ model, el }) {
  const title = document.createElement("p");
  const row = document.createElement("div");
  const code = document.createElement("output");
  const show = button("Show it", "qk-primary");
  const copy = button("Copy", "");
  const stored = button("I have stored it", "");
  const note = document.createElement("p");
  el.classList.add("qk-once");
  row.className = "qk-row";
  note.className = "qk-note";
  note.setAttribute("aria-live", "polite");
  title.textContent = `${model.get("label")}: shown once`;
  code.tabIndex = 0; // it scrolls if it is longer than its place
  row.append(show, code, copy, stored);
  el.append(title, row, note);
  const clipboard = window.isSecureContext ? navigator.clipboard : undefined;
  let wasStored = false;
  const waiting = "Qlik shows it only once and it is stored nowhere: store it now. It is never saved in the notebook.";

  function button(words, kind) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = kind || "qk-quiet";
    made.textContent = words;
    return made;
  }
  const draw = () => {
    const visible = code.textContent !== "";
    show.hidden = visible;
    code.hidden = stored.hidden = !visible;
    copy.hidden = !visible || !clipboard;
    note.textContent = visible && !clipboard ? "Select and copy it: this browser does not allow access to the clipboard." : waiting;
  };
  const received = (message) => {
    if (message.kind !== "secret") return;
    const isOurs = isFree();
    code.textContent = message.value;
    draw();
    if (isOurs) (copy.hidden ? code : copy).focus({ preventScroll: true });
  };
  // The focus moves on from a button that disappears, and stays if the user is busy elsewhere.
  const isFree = () => document.activeElement === document.body || el.contains(document.activeElement);
  const leave = () => {
    const panel = el.closest(".qk-panel");
    const told = [...panel.querySelectorAll("[data-result]")].filter((each) => each.offsetParent);
    const newest = told.sort((a, b) => (Number(b.dataset.result) || 0) - (Number(a.dataset.result) || 0))[0];
    const place = newest?.matches("[tabindex]") ? newest : newest?.querySelector("[tabindex]");
    (place ?? panel.querySelector("[role=tab][tabindex='0']"))?.focus({ preventScroll: true });
  };
  const hide = () => {
    code.textContent = "";
    draw();
  };
  show.addEventListener("click", () => model.send({ kind: "show" }));
  copy.addEventListener("click", () => {
    clipboard.writeText(code.textContent).then(
      () => (note.textContent = "✓ Copied. Clear the clipboard when it is stored."),
      () => (note.textContent = "The browser did not allow it: select and copy it by hand."),
    );
  });
  stored.addEventListener("click", () => {
    wasStored = true;
    hide();
    model.send({ kind: "stored", label: model.get("label") }); // another page may have sent it before
  });
  const relabel = () => {
    title.textContent = `${model.get("label")}: shown once`;
    hide();
    if (wasStored && isFree()) show.focus({ preventScroll: true }); // the next one
    wasStored = false;
  };
  model.on("msg:custom", received);
  model.on("change:label", relabel);
  draw();
  // It covers the bottom of the window: the scroll target is above it (panel.css).
  const covers = new ResizeObserver(() => {
    el.closest(".qk-panel")?.style.setProperty("--qk-below", `${el.offsetHeight ? el.offsetHeight + 24 : 20}px`);
    if (wasStored && !el.offsetHeight && isFree()) leave();
    if (!el.offsetHeight) wasStored = false;
  });
  covers.observe(el);
  return () => {
    code.textContent = "";
    covers.disconnect();
    model.off("msg:custom", received);
    model.off("change:label", relabel);
  };
}

export default { render };
