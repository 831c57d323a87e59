// A button that sends the fields of its form as the page shows them. A plain button's click may overtake the last
// keystrokes: ipywidgets holds state back while the kernel is busy, and the kernel handles widgets in several threads.
function render({ model, el }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "qk-primary";
  button.addEventListener("click", async () => {
    const values = [];
    for (const [id, name] of model.get("fields")) {
      values.push((await model.widget_manager.get_model(id)).get(name));
    }
    model.send({ kind: "click", values });
  });
  const draw = () => {
    button.textContent = model.get("description");
    button.disabled = model.get("disabled");
    button.title = model.get("tooltip");
  };
  el.append(button);
  model.on("change", draw);
  draw();
  return () => model.off("change", draw);
}

export default { render };
