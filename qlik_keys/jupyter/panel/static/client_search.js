// What the search over the clients understands: words and dates, in any order, all of which must fit.
// It knows neither page nor table; client_table.js is put behind it, and a test runs it by itself.
const DATE = /^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$/;
const DATE_FIELDS = { created: "created", updated: "updated", key: "key_made", made: "key_made", rotate: "rotate_by", due: "rotate_by" };
const TEXT_FIELDS = { name: "name", id: "ids", kid: "ids", scope: "scopes", scopes: "scopes", finding: "findings", findings: "findings", login: "auth_methods" };
const SEEN_DATES = ["created", "key_made", "rotate_by"]; // what a date by itself is looked for in
const SHORT = 6; // letters: fewer are somewhere in many an id by chance, and are looked for at its beginning
const LAST = "￿"; // after every letter that a date may go on with

// Days are texts such as 2026-11-05, so a shorter date is the beginning of those that it means.
function periodOf(word) {
  const [, sign, from, , to] = /^(>=|<=|>|<)?([^.]*)(\.\.(.*))?$/.exec(word) || [];
  if (from === undefined || (sign && to !== undefined)) return null;
  if (to !== undefined) {
    if (!(from || to) || (from && !DATE.test(from)) || (to && !DATE.test(to))) return null;
    return { from, until: to ? to + LAST : LAST };
  }
  if (!DATE.test(from)) return null;
  if (sign === ">") return { from: from + LAST, until: LAST };
  if (sign === ">=") return { from, until: LAST };
  if (sign === "<") return { from: "", until: from };
  if (sign === "<=") return { from: "", until: from + LAST };
  return { from, until: from + LAST };
}

const daysAgo = (days) => new Date(Date.now() - 86_400_000 * days).toISOString().slice(0, 10); // UTC, as the table's dates
const RELATIVE = { today: 0, yesterday: 1 };
const withDay = (word) =>
  word.replace(/^((?:[a-z]+:)?(?:>=|<=|>|<)?)(today|yesterday)$/, (_, before, day) => before + daysAgo(RELATIVE[day]));

export function parseSearch(text) {
  const terms = [];
  const problems = [];
  for (const [, quoted, typed] of text.toLowerCase().matchAll(/"([^"]*)"?|(\S+)/g)) {
    if (quoted !== undefined) {
      if (quoted.trim()) terms.push({ text: quoted.trim() });
      continue;
    }
    const plain = withDay(typed);
    const [, field, value] = /^([a-z]+):(.*)$/.exec(plain) || [];
    if (field in DATE_FIELDS) {
      const period = periodOf(value);
      if (period) terms.push({ dates: [DATE_FIELDS[field]], ...period });
      else problems.push(typed);
    } else if (field in TEXT_FIELDS) {
      if (value) terms.push({ field: TEXT_FIELDS[field], text: value.replaceAll('"', "") });
    } else if (/^[<>]/.test(plain) || /^\d{4}[\d-]*\.\./.test(plain)) {
      const period = periodOf(plain);
      if (period) terms.push({ dates: ["created"], ...period });
      else problems.push(typed);
    } else if (DATE.test(plain)) {
      // A year is a piece of many an id, which is made of digits and letters by chance.
      terms.push({ text: typed, dates: SEEN_DATES, ...periodOf(plain), isYear: plain.length === 4 });
    } else terms.push({ text: plain });
  }
  return { terms, problems };
}

// `columns` are texts in small letters, and days, by row: `words` and `ids` are what a word by itself is looked for in;
// before each id stands a blank.
export function fitsSearch(terms, columns, row) {
  return terms.every(({ field, text, dates, from, until, isYear }) => {
    if (dates && dates.some((name) => columns[name][row] && columns[name][row] >= from && columns[name][row] < until)) return true;
    if (text === undefined) return false;
    if (field) return columns[field][row].includes(text);
    return columns.words[row].includes(text) || (!isYear && columns.ids[row].includes(text.length < SHORT ? ` ${text}` : text));
  });
}
