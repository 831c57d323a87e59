// The result of an action, at its button: a line, or an error's card with what to do about it. The first line has its
// space, filled or not, and a card overlaps what is below it, so that nothing moves.
function render({ model, el }) {
  el.classList.add("qk-result-place");
  const card = document.createElement("div");
  const told = document.createElement("div");
  const row = document.createElement("div");
  row.className = "qk-actions";
  card.className = "qk-result-card";
  card.append(told, row);
  el.append(card);
  let shown;
  const draw = () => {
    const markup = model.get("markup");
    const height = el.offsetHeight;
    if (markup !== shown) told.innerHTML = shown = markup; // escaped where it is made, in markup.py
    const buttons = model.get("actions").map(({ kind, words, tooltip }) => {
      const made = document.createElement("button");
      made.type = "button";
      made.className = "qk-quiet";
      made.textContent = words;
      made.title = tooltip;
      made.disabled = model.get("disabled") && kind !== "dismiss";
      made.addEventListener("click", () => model.send({ kind }));
      return made;
    });
    row.replaceChildren(...buttons);
    row.hidden = !buttons.length;
    el.classList.toggle("qk-has-card", buttons.length > 0);
    // During another try the space of the result stays: otherwise everything below would move twice.
    const isInProgress = markup && !told.querySelector("[data-result]");
    el.style.minHeight = isInProgress && height ? `${height}px` : "";
  };
  card.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !row.hidden) model.send({ kind: "dismiss" });
  });
  model.on("change", draw);
  draw();
  return () => model.off("change", draw);
}

export default { render };
