// Takes back what the job got, also where the main step died half-way. It never fails a job whose work is done.

import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";

import { annotate, program } from "./runner.mjs";

const folder = process.env.STATE_folder;
if (folder && existsSync(folder)) {
  try {
    if (existsSync(program(folder))) {
      const words = ["ci", "end", "--folder", folder];
      const { status, error } = spawnSync(program(folder), words, { stdio: "inherit", timeout: 120_000 });
      if (status !== 0) throw error ?? new Error(`\`daypass ci end\` ended with ${status}`);
    } else {
      // The main step ended before anything was put there.
      rmSync(folder, { recursive: true });
    }
  } catch (error) {
    annotate("warning", `what the job got could not be taken back, and ends by itself: ${error.message}`);
    rmSync(join(folder, "cache"), { recursive: true, force: true });
  }
}
