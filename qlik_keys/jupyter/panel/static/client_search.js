// The search for clients: words and dates in any order, all of which must match. It knows neither page nor table:
// client_table.js is appended to it, and a test runs it alone.
const DATE = /^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$/;
const DATE_FIELDS = { created: "created", updated: "updated", key: "key_made", made: "key_made", rotate: "rotate_by", due: "rotate_by", used: "last_login" };
const TEXT_FIELDS = { name: "name", id: "ids", kid: "ids", scope: "scopes", scopes: "scopes", finding: "findings", findings: "findings", login: "auth_methods", owner: "owner", tag: "tags", tags: "tags" };
const SEEN_DATES = ["created", "key_made", "rotate_by"]; // the fields that a date alone is searched in
const SHORT = 6; // letters: fewer occur in many ids by chance, so they are searched at the start of an id
const LAST = "￿"; // sorts after every character of a date

// Days are texts such as 2026-11-05, so a shorter date is the prefix of those that it means.
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
      // Many ids contain the digits of a year by chance.
      terms.push({ text: typed, dates: SEEN_DATES, ...periodOf(plain), isYear: plain.length === 4 });
    } else terms.push({ text: plain });
  }
  return { terms, problems };
}

// `columns` are lowercase texts and days, by row: a word alone is searched in `words` and `ids`; a blank precedes each id.
export function fitsSearch(terms, columns, row) {
  return terms.every(({ field, text, dates, from, until, isYear }) => {
    if (dates && dates.some((name) => columns[name][row] && columns[name][row] >= from && columns[name][row] < until)) return true;
    if (text === undefined) return false;
    if (field) return columns[field][row].includes(text);
    return columns.words[row].includes(text) || (!isYear && columns.ids[row].includes(text.length < SHORT ? ` ${text}` : text));
  });
}
