// A button that sends the fields of its form as the page shows them. The click of a plain button may arrive before the
// last keystrokes: ipywidgets delays state while the kernel is busy, and the kernel handles widgets in several threads.
// If the button applies a plan, `expects` has the values that the plan is for: it is disabled as soon as a field has
// another value, before the kernel knows it.
const PATIENCE_MILLISECONDS = 3000;

function render({ model, el }) {
  const button = document.createElement("button");
  button.type = "button";
  let fields = [];
  let loading = 0;
  let enteredAt = 0; // when Enter was pressed before the kernel knew the last letters
  const differs = () => {
    const expects = model.get("expects");
    const is = ([field, name], place) => expects[place] === null || same(field.get(name), expects[place]);
    return expects.length > 0 && fields.length === expects.length && !fields.every(is);
  };
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const draw = () => {
    button.className = `qk-${model.get("kind")}`;
    button.textContent = model.get("description");
    button.disabled = model.get("disabled") || differs();
    button.title = model.get("tooltip");
    if (enteredAt && !button.disabled) {
      const isLate = performance.now() - enteredAt > PATIENCE_MILLISECONDS;
      enteredAt = 0;
      if (!isLate) button.click();
    }
  };
  const load = async () => {
    const now = ++loading;
    const found = await Promise.all(
      model.get("fields").map(async ([id, name]) => [await model.widget_manager.get_model(id), name]),
    );
    if (now !== loading) return;
    fields = found;
    if (model.get("follows")) for (const [field, name] of fields) field.on(`change:${name}`, draw);
    draw();
  };
  button.addEventListener("click", async () => {
    const values = [];
    for (const [id, name] of model.get("fields")) {
      values.push((await model.widget_manager.get_model(id)).get(name));
    }
    model.send({ kind: "click", values });
  });
  // Enter in a field of the form presses the button of the form that is marked as its submit button.
  let form = null;
  const entered = (event) => {
    const field = event.target;
    if (event.key !== "Enter" || event.isComposing || !field.matches?.("input") || field.closest(".qk-scopes")) return;
    if (!button.offsetParent) return;
    event.preventDefault();
    // A secret that is typed leaves its field first; the button waits for it.
    field.dispatchEvent(new Event("change", { bubbles: true }));
    if (!button.disabled) button.click();
    else if (!differs()) enteredAt = performance.now(); // never for a plan that the user has not seen
  };
  const edited = () => (enteredAt = 0);
  const join = (left) => {
    form = el.closest(".qk-form");
    if (form) {
      form.addEventListener("keydown", entered, true);
      form.addEventListener("input", edited, true);
    } else if (left) requestAnimationFrame(() => join(left - 1));
  };
  el.append(button);
  model.on("change", draw);
  draw();
  if (model.get("follows")) load();
  if (model.get("submits")) join(300);
  return () => {
    loading += 1;
    model.off("change", draw);
    for (const [field, name] of fields) field.off(`change:${name}`, draw);
    form?.removeEventListener("keydown", entered, true);
    form?.removeEventListener("input", edited, true);
  };
}

export default { render };
