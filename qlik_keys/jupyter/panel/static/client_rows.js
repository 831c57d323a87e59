// The text of a row of the table of clients, in a cell or in a card; client_table.js decides which, and where.
const DAY = 86400e3;
// By priority; those of the last use exist only where it was looked up, the owner only where a fleet file declares clients. The needed columns are never left out automatically: if they do not fit side by side, each row is a card.
const COLUMNS = [
  { key: "name", title: "Client", width: 190, isNeeded: true },
  { key: "findings", title: "Findings", width: 190, isNeeded: true },
  { key: "key_made", title: "Key age", width: 96, isNeeded: true },
  { key: "rotate_by", title: "Rotate by", width: 104, isNeeded: true },
  { key: "last_login", title: "Last login (UTC)", width: 142, isUse: true },
  { key: "logins_30d", title: "Logins in 30 days", width: 154, isUse: true },
  { key: "created", title: "Created", width: 98 },
  { key: "auth_methods", title: "Logs in by", width: 120 },
  { key: "scopes", title: "Scopes", width: 130 },
  { key: "current_kid", title: "Current key", width: 150 },
  { key: "owner", title: "Owner", width: 150, isDeclared: true },
  { key: "consent", title: "Consent", width: 90 },
  { key: "updated", title: "Updated", width: 98 },
];
const TIMES = ["created", "updated", "key_made", "rotate_by"];
const availableIn = (columns) => COLUMNS.filter((each) => !(each.isUse || each.isDeclared) || columns?.[each.key]);
const METHODS = { private_key_jwt: "private key JWT", client_secret: "client secret" };

function button(words, onClick, className = "qk-quiet") {
  const made = make("button", className, words);
  made.type = "button";
  made.addEventListener("click", onClick);
  return made;
}

// A key's date without a time comes from its id, and is the same day everywhere; a time is shown in the reader's zone.
function dayOf(milliseconds) {
  if (milliseconds === null) return "";
  const moment = new Date(milliseconds);
  if (milliseconds % DAY === 0) return moment.toISOString().slice(0, 10);
  const two = (number) => String(number).padStart(2, "0");
  return `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
}

function utcOf(milliseconds) {
  return milliseconds === null ? "" : `${new Date(milliseconds).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function daysTo(milliseconds) {
  if (milliseconds === null) return "";
  const days = Math.floor((milliseconds - Date.now()) / DAY);
  return days < 0 ? `${plural(-days, "day")} over` : days ? `in ${plural(days, "day")}` : "within a day";
}

function plural(count, word) {
  return `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
}

function say(value) {
  return Array.isArray(value) ? value.map((each) => METHODS[each] || each).join(", ") : value;
}

function line(words, className = "", title = words) {
  const made = make("div", `qk-cut ${className}`, words);
  if (title) made.title = title;
  return made;
}

// What client_search.js searches, built once for all searches.
function searchedOf(columns) {
  const searched = {};
  const small = (names) => columns.client_id.map((_, row) => names.map((name) => say(columns[name][row])).join(" ").toLowerCase());
  for (const name of ["name", "scopes", "findings", "auth_methods"]) searched[name] = small([name]);
  searched.ids = columns.client_id.map((each, row) => [" ", each, columns.current_kid[row], ...columns.kids[row]].join(" ").toLowerCase());
  const told = columns.client_id.map((each) => [columns.operations[each]?.words, columns.hooks[each]].filter(Boolean).join(" ").toLowerCase());
  for (const name of ["owner", "tags"]) searched[name] = columns[name] ? small([name]) : columns.client_id.map(() => "");
  const declared = columns.owner ? ["owner", "tags"] : [];
  searched.words = small(["name", "auth_methods", "scopes", "algs", "consent", "custody", "findings", ...declared]).map((each, row) => (told[row] ? `${each} ${told[row]}` : each));
  for (const name of TIMES) searched[name] = columns[name].map(dayOf);
  searched.last_login = (columns.last_login || []).map((each) => utcOf(each).slice(0, 10)); // as the column shows it
  return searched;
}

// The lines of each column by row, and of the key for a card.
function linesOf(columns, searched, severities) {
  const chip = (name, row) => {
    const told = name === "operation-interrupted" ? columns.operations[columns.client_id[row]] : null;
    const severity = told?.severity || severities[name] || "low";
    const sign = { critical: "✗", high: "✗", medium: "⚠", low: "ℹ" }[severity];
    return make("span", `qk-finding qk-severity-${severity}`, `${sign} ${name}`);
  };
  // At most two lines: two findings, or the interrupted operation with who started it and when.
  const findingsOf = (row) => {
    const names = columns.findings[row];
    const told = columns.operations[columns.client_id[row]];
    const lines = [make("div", "qk-chip-line"), make("div", "qk-chip-line qk-second")];
    if (!names.length) lines[0].append(make("span", "qk-none", "✓ none"));
    const sorted = told ? ["operation-interrupted", ...names.filter((name) => name !== "operation-interrupted")] : names;
    sorted.slice(0, told ? 1 : 2).forEach((name, place) => lines[place].append(chip(name, row)));
    const more = sorted.length - (told ? 1 : 2);
    if (more > 0) lines[told ? 0 : 1].prepend(make("span", "qk-badge-more", `+${more} `));
    if (told) lines[1].append(told.words);
    for (const each of lines) each.title = [...names, told?.words, columns.hooks[columns.client_id[row]]].filter(Boolean).join(", ");
    return lines;
  };
  const ageOf = (row) => {
    const days = columns.key_age_days[row];
    return days === null ? (columns.kids[row].length ? "unknown" : "") : plural(days, "day");
  };
  const overClass = (row) => (columns.findings[row].includes("rotation-overdue") ? "qk-over-date" : "");
  const keyOf = (row) => {
    const at = columns.rotate_by[row];
    const age = line(ageOf(row) ? `Key age ${ageOf(row)}` : "No key", "", utcOf(columns.key_made[row]));
    return at === null ? [age] : [age, line(`Rotate by ${searched.rotate_by[row]}, ${daysTo(at)}`, overClass(row), utcOf(at))];
  };
  // No login since the events are known is told apart from what they do not tell.
  const never = columns.logins_since ? ["none", `since ${columns.logins_since.slice(0, 10)}`] : ["unknown", ""];
  const lastLoginOf = (row) => {
    const at = utcOf(columns.last_login[row]);
    const [day, more] = at ? [at.slice(0, 10), at.slice(11, 16)] : never;
    return [line(day, "", at || never.join(" ")), line(more, "qk-second")];
  };
  return {
    key: keyOf,
    name: (row) => [line(columns.name[row], "qk-name"), line(columns.client_id[row], "qk-second qk-code-text")],
    findings: findingsOf,
    key_made: (row) => [line(ageOf(row), "", utcOf(columns.key_made[row])), line(searched.key_made[row], "qk-second", utcOf(columns.key_made[row]))],
    rotate_by: (row) => [
      line(searched.rotate_by[row], "", utcOf(columns.rotate_by[row])),
      line(daysTo(columns.rotate_by[row]), `qk-second ${overClass(row)}`, utcOf(columns.rotate_by[row])),
    ],
    last_login: lastLoginOf,
    logins_30d: (row) => [columns.logins_30d[row]].map((each) => line(each === null ? "unknown" : each.toLocaleString("en"))),
    created: (row) => [line(searched.created[row], "", utcOf(columns.created[row]))],
    updated: (row) => [line(searched.updated[row], "", utcOf(columns.updated[row]))],
    auth_methods: (row) => [line(say(columns.auth_methods[row]))],
    scopes: (row) => [line(columns.scopes[row].join(", "))],
    current_kid: (row) => {
      const kid = columns.current_kid[row];
      const keeper = kid && columns.custody[row] === "transit" ? " · in Transit" : "";
      return [line(kid), line([...new Set(columns.algs[row])].join(", ") + keeper, "qk-second")];
    },
    owner: (row) => [line(columns.owner[row]), line(columns.tags[row].join(", "), "qk-second")],
    consent: (row) => [line(columns.consent[row])],
  };
}
