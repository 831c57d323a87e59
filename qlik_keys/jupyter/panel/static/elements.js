// Builds an element; every script of a widget that needs it comes after this one.
function make(tag, className = "", words = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (words) made.textContent = words;
  return made;
}
