// The runner's side of a JavaScript action: inputs come as variables, answers go into files and commands.
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions

import { appendFileSync } from "node:fs";
import { join } from "node:path";

const escaped = (text) => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");

/** An input, without white space around it. */
export const input = (name) => (process.env[`INPUT_${name.toUpperCase()}`] ?? "").trim();

/** Shows `text` at the top of the run, as a `kind` of annotation. */
export const annotate = (kind, text) => console.log(`::${kind} title=daypass::${escaped(text)}`);

/** Adds lines to the file that the variable `name` names, where there is one. */
export function tell(name, lines) {
  const file = process.env[name];
  if (file) appendFileSync(file, lines.map((line) => `${line.replace(/[\r\n]+/g, " ")}\n`).join(""));
}

/** A program in the job's folder. */
export const program = (folder) => join(folder, "bin", process.platform === "win32" ? "daypass.exe" : "daypass");
