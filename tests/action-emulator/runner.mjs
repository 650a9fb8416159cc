// What a runner does around a step and the emulator leaves to the toolkit: inputs become variables, and what the step
// wrote into its files is told. The emulator stands behind the toolkit here, and judges by `action.yml`.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import * as core from "@actions/core";
import { parse } from "yaml";

const action = process.env.TARGET_ACTION_PATH;
const metadata = parse(readFileSync(join(action, "action.yml"), "utf8"));

/** The `name=value` lines that a step wrote into the file that the variable names, which is empty from now on. */
function told(variable) {
  const lines = readFileSync(process.env[variable], "utf8").split("\n").filter(Boolean);
  writeFileSync(process.env[variable], "");
  return lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
}

/** Runs what `action.yml` names for this `step`. */
export async function step(step) {
  for (const [name, { required = false }] of Object.entries(metadata.inputs)) {
    process.env[`INPUT_${name.toUpperCase()}`] = core.getInput(name, { required });
  }
  await import(pathToFileURL(join(action, metadata.runs[step])));
  for (const [name, value] of told("GITHUB_STATE")) process.env[`STATE_${name}`] = value;
  for (const [name, value] of told("GITHUB_OUTPUT")) {
    if (!(name in metadata.outputs)) throw new Error(`\`action.yml\` knows no output \`${name}\``);
    core.setOutput(name, value);
  }
}
