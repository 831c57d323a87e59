// Shows the time that is left. The page counts by its own clock, so it continues without a kernel.
function render({ model, el }) {
  const words = document.createElement("p");
  words.className = "qk-countdown";
  words.setAttribute("role", "timer");
  el.append(words);

  const spell = (seconds) => {
    const parts = [];
    if (seconds >= 86400) parts.push(`${Math.floor(seconds / 86400)} d`);
    if (seconds >= 3600) parts.push(`${Math.floor(seconds / 3600) % 24} h`);
    if (seconds >= 60) parts.push(`${Math.floor(seconds / 60) % 60} min`);
    parts.push(`${seconds % 60} s`);
    return parts.join(" ");
  };
  let timer;
  const draw = () => {
    const end = Date.parse(model.get("ends_at"));
    const left = Math.ceil((end - Date.now()) / 1000);
    words.hidden = Number.isNaN(end);
    words.classList.toggle("qk-over", left <= 0);
    words.textContent = left > 0 ? `◷ The token expires in ${spell(left)}.` : "✗ The token has expired: get another one.";
    if (words.hidden || left <= 0) clearInterval(timer);
    // The kernel shows the same next to it; its clock may differ slightly.
    if (left <= 0) setTimeout(() => model.send({ kind: "over" }), 1000);
  };
  const begin = () => {
    clearInterval(timer);
    timer = setInterval(draw, 1000);
    draw();
  };
  model.on("change:ends_at", begin);
  begin();
  return () => {
    clearInterval(timer);
    model.off("change:ends_at", begin);
  };
}

export default { render };
