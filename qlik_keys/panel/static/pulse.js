// Marks the panel as alive as long as its kernel is: a page that restores a saved notebook draws the widgets too, and
// nothing in them would answer. The style sheet shows a panel that is alive, and its summary otherwise.
function render({ model, el }) {
  el.style.display = "none";
  let own;
  const tell = () => {
    const root = el.closest(".qk-root");
    if (root) root.classList.toggle("qk-alive", Boolean(own.comm_live));
    else requestAnimationFrame(tell);
  };
  model.widget_manager.get_model(model.get("me")).then((found) => {
    own = found;
    own.on("comm_live_update", tell);
    tell();
  });
  return () => own?.off("comm_live_update", tell);
}

export default { render };
