// The form of a call. Nothing of it is set on the model, whose state is saved with the notebook: a body may hold a
// password. A click sends all fields in one message.
const PATHS = ["v1/users/me", "v1/items", "v1/apps", "v1/spaces", "v1/reloads", "v1/oauth-clients"];
// Reads a path like `tenant.resources.deleting`, which requires the confirmation, in any spelling.
const DELETES_CLIENT = /\bv1\/+oauth-clients\/+([^/]+)\/*$/i;

// The id of the client that a DELETE of this path deletes, "" for none.
function deletedClient(path) {
  const place = path.trim().split(/[?#]/)[0];
  let read = place;
  try {
    read = decodeURIComponent(place);
  } catch {
    // a % that encodes no character
  }
  return DELETES_CLIENT.exec(read)?.[1] ?? "";
}

function render({ model, el }) {
  // Random: every widget loads this module again, so a counter would never exceed one.
  const id = `qk-call-${Math.random().toString(36).slice(2)}`;
  const make = (tag, className = "", words = "") => {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = words;
    return made;
  };
  const field = (words, control, name) => {
    const made = make("div", `qk-field qk-call-${name}`);
    const label = make("label", "", words);
    label.htmlFor = control.id = `${id}-${name}`;
    made.append(label, control);
    return made;
  };
  const method = make("select");
  const path = make("input");
  const body = make("textarea");
  const confirm = make("input");
  const known = make("datalist");
  const send = make("button", "qk-primary", "Send");
  const why = make("p", "qk-note");
  const row = make("div", "qk-call-row");
  for (const name of model.get("methods")) method.append(make("option", "", name));
  path.type = confirm.type = "text";
  path.value = PATHS[0];
  path.autocomplete = confirm.autocomplete = "off";
  path.spellcheck = body.spellcheck = confirm.spellcheck = false;
  known.id = `${id}-known`;
  path.setAttribute("list", known.id);
  for (const each of PATHS) known.append(Object.assign(make("option"), { value: each }));
  body.rows = 5;
  body.placeholder = '{"name": "value"}';
  send.type = "button";
  const bodyField = field("Body (JSON)", body, "body");
  const confirmField = field("Client id, to confirm: it is deleted permanently", confirm, "confirm");
  row.append(field("Method", method, "method"), field("Path", path, "path"), send);
  el.classList.add("qk-call");
  el.append(row, known, bodyField, confirmField, why);

  const draw = () => {
    const client = method.value === "DELETE" ? deletedClient(path.value) : "";
    const confirmed = !client || confirm.value.trim() === client;
    const typed = path.value.trim();
    send.disabled = model.get("disabled") || !confirmed || !typed;
    send.className = method.value === "DELETE" ? "qk-danger" : "qk-primary";
    send.textContent = client ? "Delete this client" : "Send";
    const missing = typed ? "Type the client's id to confirm." : "Type a path.";
    why.textContent = model.get("why") || (typed && confirmed ? "" : missing);
    bodyField.hidden = method.value === "GET";
    confirmField.hidden = !client;
  };
  const call = () => {
    if (send.disabled) return;
    model.send({ kind: "call", method: method.value, path: path.value, body: body.value, confirm: confirm.value });
    confirm.value = "";
    draw();
  };
  send.addEventListener("click", call);
  for (const each of [path, confirm]) each.addEventListener("keydown", (event) => event.key === "Enter" && call());
  for (const each of [method, path, confirm]) each.addEventListener("input", draw);
  // Keys that are typed here are no shortcuts of JupyterLab.
  el.addEventListener("keydown", (event) => event.stopPropagation());
  const received = (message) => {
    if (message.kind === "clear") body.value = confirm.value = "";
  };
  model.on("change", draw);
  model.on("msg:custom", received);
  draw();
  return () => {
    body.value = "";
    model.off("change", draw);
    model.off("msg:custom", received);
  };
}

export default { render };
