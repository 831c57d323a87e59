// The findings, highest severity first; the button at each client opens the plan of its fix.
const SIGNS = { critical: "✗", high: "✗", medium: "⚠", low: "ℹ" };
const WORDS = { critical: "Critical", high: "High", medium: "Medium", low: "Low" };

function render({ model, el }) {
  el.classList.add("qk-findings");
  const button = (words, label, message) => {
    const made = make("button", "qk-quiet", words);
    made.type = "button";
    made.setAttribute("aria-label", label);
    made.disabled = model.get("disabled");
    made.addEventListener("click", () => model.send(message));
    return made;
  };
  const clientOf = (group, client) => {
    const row = make("li", "qk-found");
    const name = make("span", "qk-cut", client.name || client.client_id || "a client without a name");
    name.title = client.client_id;
    const text = make("div", "qk-found-text");
    text.append(name);
    if (client.detail) text.append(make("span", "qk-muted", client.detail)); // what the finding says of this client alone
    row.append(text);
    if (group.action) {
      const message = { kind: "fix", finding: group.finding, client_id: client.client_id };
      row.append(button(group.action, `${group.action.replace(" …", "")} ${client.name || client.client_id}: see the plan`, message));
    }
    return row;
  };
  const sectionOf = (group) => {
    const section = make("section", `qk-group-card qk-severity-${group.severity}`);
    const title = make("h4", "qk-finding-title");
    title.append(
      make("span", `qk-badge qk-severity-${group.severity}`, `${SIGNS[group.severity]} ${WORDS[group.severity]}`),
      make("span", "", `${group.code} ${group.finding} · ${group.count.toLocaleString("en")}`),
    );
    const list = make("ul", "qk-found-list");
    list.append(...group.clients.map((client) => clientOf(group, client)));
    section.append(title, make("p", "", group.meaning), make("p", "qk-advice", `What to do: ${group.advice}`), list);
    const more = group.count - group.clients.length;
    if (group.in_table) {
      const words = more > 0 ? `Show all ${group.count.toLocaleString("en")} in the table` : "Show in the table";
      section.append(button(words, `${words}: ${group.finding}`, { kind: "show", finding: group.finding }));
    } else if (more > 0) {
      section.append(make("p", "qk-muted", `and ${more.toLocaleString("en")} more: qk.audit(panel.tenant, panel.store)`));
    }
    return section;
  };
  const draw = () => el.replaceChildren(...model.get("groups").map(sectionOf));
  model.on("change", draw);
  draw();
  return () => model.off("change", draw);
}

export default { render };
