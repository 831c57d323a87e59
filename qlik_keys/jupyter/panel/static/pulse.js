// Marks the panel as alive while its kernel is: a page that restores a saved notebook draws the widgets too, but nothing
// in them works. The style sheet shows a panel that is alive, and otherwise its summary. It also serves the buttons that
// copy code, moves view and focus to a new result, and shows times in the page's own zone.
async function copy(button) {
  const code = button.parentElement.querySelector("code");
  const said = button.textContent;
  let done = false;
  try {
    await navigator.clipboard.writeText(code.textContent);
    done = true;
  } catch {
    // Outside a secure context there is no clipboard: the code is selected instead.
    const range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    done = document.execCommand("copy");
  }
  button.textContent = done ? "✓ Copied" : "Selected: copy it by hand";
  setTimeout(() => (button.textContent = said), 2000);
}

// A result is shown at its button: it is brought into view without a jump, and gets the focus, which goes back when it is
// dismissed. A button is disabled while its work is done, and loses the focus then: it gets it back. Nothing moves if the
// user is busy elsewhere by then.
const BARS = 120; // the height of JupyterLab's own bars
const ACTIONS = ["keydown", "pointerdown", "touchmove", "wheel"];
const MOST_CORRECTIONS = 20; // of one scroll: two scripts that disagree about it must not scroll forever

function bring(told) {
  const card = told.closest(".qk-plan-card");
  // A plan is shown from its title on, also if it is higher than the window.
  const isWhole = card && (card.offsetHeight < window.innerHeight * 0.8 || told.matches(".qk-plan-title"));
  const place = isWhole ? card : told;
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  // What is higher than the space for it is shown from its start.
  const { scrollMarginTop, scrollMarginBottom } = getComputedStyle(place);
  const covered = Number.parseFloat(scrollMarginTop) + Number.parseFloat(scrollMarginBottom);
  const block = place.offsetHeight > window.innerHeight - covered - BARS ? "start" : "nearest";
  place.scrollIntoView({ block, behavior: isCalm ? "auto" : "smooth" });
}

function followFocus(root) {
  let asked = null; // what was pressed last
  let before = null; // what was pressed before the result came
  const seen = new Set([...root.querySelectorAll("[data-result]")].map((told) => told.dataset.result));
  const met = new Map(); // what was pressed before a result first existed, also if it was hidden
  let held = null; // what was brought into view
  let left = 0;
  let planned = 0;
  const isFree = () => document.activeElement === document.body || document.activeElement === asked;
  // Of several views in the page, the one in which something was pressed last.
  const isElsewhere = () => !root.dataset.asked && document.querySelector(".qk-root[data-asked]") !== null;
  // What is above it may still change, a client secret comes to wait at the bottom, and JupyterLab's own scrolling ends
  // a smooth one: a result stays in view until the user does something.
  const hold = (told) => {
    held = told;
    left = MOST_CORRECTIONS;
    bring(told);
  };
  const correct = () => {
    planned = 0;
    if (!held?.offsetParent || !left) return;
    left -= 1;
    bring(held);
  };
  const correctSoon = () => {
    if (held && !planned) planned = requestAnimationFrame(correct);
  };
  const release = (event) => {
    if (event.isTrusted) held = null;
  };
  const pressed = (event) => {
    if (!event.isTrusted) return; // Enter in a field presses the form's button: the field is what was used
    for (const other of document.querySelectorAll(".qk-root[data-asked]")) delete other.dataset.asked;
    root.dataset.asked = "here";
    if (event.type === "click" || event.key === "Enter") asked = event.target.closest?.("button, input");
  };
  const take = (told) => {
    const place = told.matches("[tabindex]") ? told : told.querySelector("[tabindex]");
    before = asked;
    place.focus({ preventScroll: true });
    hold(told);
  };
  const look = () => {
    for (const told of root.querySelectorAll("[data-result]")) {
      const name = told.dataset.result;
      if (seen.has(name)) continue;
      if (!met.has(name)) met.set(name, asked);
      if (!told.offsetParent) continue; // filled, and shown a moment later
      seen.add(name);
      // Filled in another tab, and shown when that was opened: it was not requested here.
      if (met.get(name) !== asked || !isFree() || isElsewhere()) continue;
      take(told);
      return;
    }
    for (const head of root.querySelectorAll("[data-answer]")) {
      if (seen.has(head.dataset.answer)) continue;
      seen.add(head.dataset.answer);
      if (asked && isFree()) hold(head); // the focus stays at the form, for the next call
    }
    if (document.activeElement !== document.body || isElsewhere()) return;
    const next = [...root.querySelectorAll("button.qk-next")].find((each) => each.offsetParent && !each.disabled);
    if (next && asked) {
      next.focus({ preventScroll: true });
      hold(next.closest(".qk-step-controls") ?? next); // with the text that says which step waits
      return;
    }
    if (root.querySelector(".qk-work")) return;
    const last = asked?.offsetParent ? asked : before; // the card's own button disappears with it
    if (!last?.offsetParent || last.disabled) return;
    last.focus({ preventScroll: last === asked });
    asked = before = null;
  };
  const watch = new MutationObserver(() => {
    look();
    correctSoon();
  });
  watch.observe(root, { subtree: true, childList: true, attributeFilter: ["disabled", "style"] });
  const sizes = new ResizeObserver(correctSoon);
  sizes.observe(root);
  document.addEventListener("scrollend", correctSoon, true);
  for (const kind of ACTIONS) document.addEventListener(kind, release, { capture: true, passive: true });
  root.addEventListener("click", pressed);
  root.addEventListener("keydown", pressed, true); // before the handlers that keep keys from JupyterLab stop it
  return () => {
    watch.disconnect();
    sizes.disconnect();
    cancelAnimationFrame(planned);
    document.removeEventListener("scrollend", correctSoon, true);
    for (const kind of ACTIONS) document.removeEventListener(kind, release, { capture: true });
    root.removeEventListener("click", pressed);
    root.removeEventListener("keydown", pressed, true);
  };
}

// In command mode, JupyterLab uses single keys as shortcuts wherever no text is typed: d twice on a checkbox would delete
// the cell, and the panel with it. Keys with Ctrl, Alt or Cmd, and Shift+Enter, stay JupyterLab's.
const MOVING = new Set(["Backspace", "Delete", "Home", "End", "PageUp", "PageDown"]);
function keepKeys(root) {
  const keep = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.length === 1 || MOVING.has(event.key) || event.key.startsWith("Arrow")) event.stopPropagation();
  };
  root.addEventListener("keydown", keep);
  return () => root.removeEventListener("keydown", keep);
}

// The kernel sends times in UTC; the page shows them in its own zone, with UTC in the tooltip.
function inOwnZone(moment) {
  const date = new Date(moment);
  const two = (number) => String(number).padStart(2, "0");
  const away = -date.getTimezoneOffset();
  const hours = Math.floor(Math.abs(away) / 60);
  const zone = away ? `${away < 0 ? "-" : "+"}${hours}${away % 60 ? `:${two(Math.abs(away) % 60)}` : ""}` : "";
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())} UTC${zone}`;
}

function tellTimes(root) {
  const tell = () => {
    for (const time of root.querySelectorAll("time[datetime]:not([data-told])")) {
      time.dataset.told = "";
      time.textContent = inOwnZone(time.dateTime);
    }
  };
  const watch = new MutationObserver(tell);
  watch.observe(root, { subtree: true, childList: true });
  tell();
  return () => watch.disconnect();
}

// The masthead covers the top of the window, in a narrow panel more of it: the scroll target is below it (panel.css).
function makeRoom(root) {
  const masthead = root.querySelector(".qk-masthead");
  const covers = new ResizeObserver(() => {
    masthead.closest(".qk-panel").style.setProperty("--qk-above", `${masthead.offsetHeight + 12}px`);
  });
  covers.observe(masthead);
  return () => covers.disconnect();
}

function render({ model, el }) {
  el.style.display = "none";
  let own;
  let root;
  let stop = [];
  let isGone = false;
  const clicked = (event) => {
    const button = event.target.closest?.("button.qk-copy");
    if (button && button.textContent === "Copy") copy(button);
  };
  const tell = () => {
    if (isGone) return false; // else it would wait for its panel forever
    const found = el.closest(".qk-root");
    if (!found) return requestAnimationFrame(tell);
    if (!root) {
      root = found;
      root.addEventListener("click", clicked);
      stop = [followFocus(root), keepKeys(root), tellTimes(root), makeRoom(root)];
    }
    return root.classList.toggle("qk-alive", Boolean(own.comm_live));
  };
  model.widget_manager.get_model(model.get("me")).then((found) => {
    own = found;
    own.on("comm_live_update", tell);
    tell();
  });
  return () => {
    isGone = true;
    own?.off("comm_live_update", tell);
    root?.removeEventListener("click", clicked);
    for (const each of stop) each();
  };
}

export default { render };
