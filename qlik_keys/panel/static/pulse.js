// Marks the panel as alive as long as its kernel is: a page that restores a saved notebook draws the widgets too, and
// nothing in them would answer. The style sheet shows a panel that is alive, and its summary otherwise.
// It also copies code for every button of the panel that stands beside some.
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

function render({ model, el }) {
  el.style.display = "none";
  let own;
  let root;
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
  };
}

export default { render };
