// What the doctor found: failed checks first, each with its advice and, if a click can fix it, a button.
const SIGNS = { failed: "✗", not_checked: "–", passed: "✓" };
const LOOKS = { failed: "failed", not_checked: "waiting", passed: "done" }; // the styles of steps
const WORDS = { failed: "failed", not_checked: "not checked", passed: "passed" };

function render({ model, el }) {
  el.classList.add("qk-findings");
  const button = (words, message, title = "", kind = "qk-quiet") => {
    const made = make("button", kind, words);
    made.type = "button";
    made.title = title;
    made.disabled = model.get("disabled");
    made.addEventListener("click", () => model.send(message));
    return made;
  };
  const checkOf = (check) => {
    const line = make("li", `qk-step qk-check qk-${LOOKS[check.verdict]}`);
    const sign = make("span", "qk-sign", SIGNS[check.verdict]);
    sign.setAttribute("aria-hidden", "true");
    const text = make("div", "");
    const title = make("p", "qk-step-title", `${check.title} `);
    title.append(make("span", "qk-word", [WORDS[check.verdict], check.code].join(" ").trim()));
    text.append(title, make("p", "qk-why", check.why));
    if (check.advice) {
      const advice = make("p", "");
      advice.append(make("b", "", "What to do: "), check.advice);
      text.append(advice);
    }
    if (check.fix) {
      const row = make("p", "qk-actions");
      row.append(button("Fix it", { kind: "fix", fix: check.fix }, check.does, "qk-primary"), make("span", "qk-muted", check.does));
      text.append(row);
    }
    line.append(sign, text);
    return line;
  };
  const listOf = (checks) => {
    const list = make("ul", "qk-checks");
    list.append(...checks.map(checkOf));
    return list;
  };
  const draw = () => {
    const found = model.get("found");
    el.replaceChildren();
    if (!found.checks) return undefined;
    const failed = found.checks.filter((check) => check.verdict === "failed");
    const unknown = found.checks.filter((check) => check.verdict === "not_checked");
    const passed = found.checks.filter((check) => check.verdict === "passed");
    const title = make("h3", "", `What the doctor found: ${found.client}`);
    title.tabIndex = -1;
    const count = `${failed.length} finding${failed.length === 1 ? "" : "s"}`;
    const well = found.logged_in ? "✓ Nothing was found: the login works" : "– Nothing was found, and the login was not tried";
    const words = failed.length ? `✗ ${count}` : well;
    const sum = make("p", "", `${words}, as of ${found.at}.`);
    sum.setAttribute("role", "status");
    el.append(title);
    if (found.fixed) el.append(make("p", "qk-changed", `✓ ${found.fixed}`));
    if (found.remark) el.append(make("p", "qk-remark", found.remark));
    el.append(sum, listOf(failed));
    for (const [checks, what] of [[unknown, "not checked"], [passed, "passed"]]) {
      if (!checks.length) continue;
      const rest = make("details", "qk-preview");
      rest.append(make("summary", "", `${checks.length} ${what}`), listOf(checks));
      el.append(rest);
    }
    const row = make("div", "qk-actions");
    row.append(button("Check again", { kind: "again" }), button("Dismiss", { kind: "dismiss" }));
    el.append(row);
    return title;
  };
  // The focus goes there, wherever on the page the button was; it is shown a moment after it is filled.
  const drawAgain = () => {
    const title = draw();
    if (title) setTimeout(() => title.focus(), 50);
  };
  const disable = () => {
    for (const each of el.querySelectorAll("button")) each.disabled = model.get("disabled");
  };
  model.on("change:found", drawAgain);
  model.on("change:disabled", disable);
  draw();
  return () => {
    model.off("change:found", drawAgain);
    model.off("change:disabled", disable);
  };
}

export default { render };
