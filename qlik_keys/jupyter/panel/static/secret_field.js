// A field for a secret. What is typed is sent once, when the field is left or Enter is pressed, and removed from the
// page at once. Nothing of it is ever set on the model, whose state is saved with the notebook.
function render({ model, el }) {
  // Random: every widget loads this module again, so a counter would never exceed one.
  const id = `qk-secret-${Math.random().toString(36).slice(2)}`;
  const label = document.createElement("label");
  const row = document.createElement("div");
  const input = document.createElement("input");
  const forget = document.createElement("button");
  const note = document.createElement("p");
  el.classList.add("qk-field");
  label.htmlFor = input.id = id;
  note.id = `${id}-note`;
  note.className = "qk-note";
  note.setAttribute("aria-live", "polite");
  row.className = "qk-row";
  const isFile = model.get("kind") === "file";
  input.type = isFile ? "file" : "password";
  input.autocomplete = "off";
  input.spellcheck = false;
  input.setAttribute("aria-describedby", note.id);
  forget.type = "button";
  forget.className = "qk-quiet";
  forget.textContent = "Forget";
  row.append(input, forget);
  el.append(label, row, note);

  // A key file has a few kilobytes; a larger one is the wrong file, and is not read.
  const readFile = async () => {
    const [file] = input.files;
    if (!file) return "";
    if (file.size <= 65536) return file.text();
    note.textContent = `${file.name} is too large for a key: choose another file.`;
    return "";
  };
  let touched = false;
  const leave = async () => {
    const value = isFile ? await readFile() : input.value;
    input.value = "";
    touched = false;
    if (!value) return;
    // Names the message that the form's button waits for: it may arrive later than the click.
    const sent = Math.random().toString(36).slice(2);
    model.set("sent", sent);
    model.send({ kind: "typed", sent, value });
  };
  input.addEventListener("change", leave);
  input.addEventListener("input", () => {
    if (isFile) return; // the file is read and sent at once
    const filled = input.value !== "";
    if (filled !== touched) model.send({ kind: "touched", filled });
    touched = filled;
  });
  // Keys that are typed here are no shortcuts of JupyterLab.
  input.addEventListener("keydown", (event) => event.stopPropagation());
  forget.addEventListener("click", () => model.send({ kind: "forget" }));

  const draw = () => {
    const held = model.get("held");
    const problem = model.get("problem");
    label.textContent = model.get("label");
    forget.setAttribute("aria-label", `Forget the ${model.get("label")}`);
    input.disabled = forget.disabled = model.get("disabled");
    input.placeholder = held ? "••••••••••••" : "";
    input.setAttribute("aria-invalid", problem ? "true" : "false");
    forget.hidden = !held;
    note.classList.toggle("qk-problem", Boolean(problem));
    note.textContent =
      problem || (held ? "✓ The kernel holds it; this page and the notebook do not." : model.get("help_text"));
  };
  const received = (message) => {
    if (message.kind === "clear") input.value = "";
  };
  model.on("change", draw);
  model.on("msg:custom", received);
  draw();
  return () => {
    input.value = "";
    model.off("change", draw);
    model.off("msg:custom", received);
  };
}

export default { render };
