// Marks the panel as alive as long as its kernel is: a page that restores a saved notebook draws the widgets too, and
// nothing in them would answer. The style sheet shows a panel that is alive, and its summary otherwise.
// It also copies code for every button of the panel that stands beside some, and keeps who works by keyboard in place.
async function copy(button) {
  const code = button.parentElement.querySelector("code");
  const said = button.textContent;
  let done = false;
  try {
    await navigator.clipboard.writeText(code.textContent);
    done = true;
  } catch {
    // No clipboard outside a secure context: the selection is the way that is left.
    const range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    done = document.execCommand("copy");
  }
  button.textContent = done ? "✓ Copied" : "Selected: copy it by hand";
  setTimeout(() => (button.textContent = said), 2000);
}

// A button is disabled while its work is done, and a page takes the focus off what is disabled: it comes back here. An
// error's card stands at the panel's top, perhaps out of sight: who asked for what failed is taken there, and back.
function followFocus(root) {
  let asked = null; // what was pressed last
  let before = null; // what was pressed before the card came
  let card = root.querySelector(".qk-error-title");
  const isFree = () => document.activeElement === document.body || document.activeElement === asked;
  const pressed = (event) => {
    if (event.type === "click" || event.key === "Enter") asked = event.target.closest?.("button, input");
  };
  const look = () => {
    const shown = root.querySelector(".qk-error-title");
    if (shown && !shown.offsetParent) return; // filled, and shown a moment later
    if (shown !== card) {
      card = shown;
      if (card && isFree()) {
        before = asked;
        card.focus();
        return;
      }
    }
    if (document.activeElement !== document.body || root.querySelector(".qk-work")) return;
    const last = asked?.offsetParent ? asked : before; // the card's own button goes with it
    if (!last?.offsetParent || last.disabled) return;
    last.focus({ preventScroll: last === asked });
    asked = before = null;
  };
  const watch = new MutationObserver(look);
  watch.observe(root, { subtree: true, childList: true, attributeFilter: ["disabled", "style"] });
  root.addEventListener("click", pressed);
  root.addEventListener("keydown", pressed, true); // before those who keep JupyterLab's shortcuts away stop it
  return () => {
    watch.disconnect();
    root.removeEventListener("click", pressed);
    root.removeEventListener("keydown", pressed, true);
  };
}

function render({ model, el }) {
  el.style.display = "none";
  let own;
  let root;
  let unfollow;
  const clicked = (event) => {
    const button = event.target.closest?.("button.qk-copy");
    if (button && button.textContent === "Copy") copy(button);
  };
  const tell = () => {
    const found = el.closest(".qk-root");
    if (!found) return requestAnimationFrame(tell);
    if (!root) {
      root = found;
      root.addEventListener("click", clicked);
      unfollow = followFocus(root);
    }
    return root.classList.toggle("qk-alive", Boolean(own.comm_live));
  };
  model.widget_manager.get_model(model.get("me")).then((found) => {
    own = found;
    own.on("comm_live_update", tell);
    tell();
  });
  return () => {
    own?.off("comm_live_update", tell);
    root?.removeEventListener("click", clicked);
    unfollow?.();
  };
}

export default { render };
