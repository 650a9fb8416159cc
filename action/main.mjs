// Installs the command, verified, and signs the job in.
//
// What is downloaded and verified is up to `install.sh`; what later steps get is up to `daypass ci begin`. Nothing secret
// passes through here.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { annotate, input, tell } from "./runner.mjs";

const windows = process.platform === "win32";
const { env } = process;

/** Why the job cannot go on, in one line. */
class Refusal extends Error {}

/** What the inputs say, checked. */
function asked() {
  const one = (name, ...known) => {
    const value = input(name).toLowerCase();
    if (!known.includes(value)) throw new Refusal(`\`${name}\` is ${known.join(" or ")}, not \`${input(name)}\``);
    return value;
  };
  const flag = (name) => one(name, "true", "false") === "true";
  const server = input("server");
  if (!server) throw new Refusal("say which server: `server: https://packages.example.com`");
  const retry = input("retry");
  if (!/^([1-9]|1[0-9]|20)$/.test(retry)) throw new Refusal(`\`retry\` is a number from 1 to 20, not \`${retry}\``);
  return {
    server,
    retry,
    identity: input("identity"),
    audience: input("audience"),
    index: input("index"),
    version: input("version"),
    releaseUrl: input("release-url"),
    configPath: input("config-path"),
    keyring: flag("setup-python-keyring"),
    uv: flag("setup-uv"),
    twine: flag("setup-twine"),
    environment: flag("export-environment"),
    missing: { auto: "auto", true: "fail", false: "warn" }[one("fail-on-missing-oidc", "auto", "true", "false")],
  };
}

/** A folder of the job's own. The post step learns of it before it is there. */
function jobFolder() {
  const folder = join(env.RUNNER_TEMP || tmpdir(), `daypass-${randomBytes(8).toString("hex")}`);
  tell("GITHUB_STATE", [`folder=${folder}`]);
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

/** Where the release is: as asked, or beside this Action. */
function releaseUrl({ releaseUrl: given, version }) {
  if (given || !env.GITHUB_ACTION_REPOSITORY) return given;
  return `${env.GITHUB_SERVER_URL}/${env.GITHUB_ACTION_REPOSITORY}/releases/download/v${version}`;
}

/** A shell of POSIX's. On Windows that of Git: the `bash` of the system itself is another, which starts a whole Linux. */
function shell() {
  if (!windows) return "sh";
  const ofGit = join(env.ProgramFiles ?? "C:\\Program Files", "Git", "bin");
  const isSystems = (folder) => /\\(System32|WindowsApps)\\?$/i.test(folder);
  const others = (env.PATH ?? "").split(delimiter).filter((folder) => isAbsolute(folder) && !isSystems(folder));
  const found = [ofGit, ...others].map((folder) => join(folder, "bash.exe")).find(existsSync);
  if (!found) throw new Refusal("there is no `bash.exe`: install Git for Windows");
  return found;
}

/** Waits for a program: its exit code. */
const ended = (child) =>
  new Promise((done, failed) => child.on("error", failed).on("close", (code) => done(code ?? 1)));

/** Shows what a program says to people; gives its error, once it has ended. */
function errorOf(child) {
  let why = "";
  createInterface({ input: child.stderr }).on("line", (line) => {
    const error = line.match(/^(?:daypass install: )?error: (.*)$/);
    if (error && !why) why = error[1];
    // What a program says that this one called must not be a command to the runner.
    else console.error(line.replaceAll("::", ": :").replaceAll("##[", "# #["));
  });
  return () => why;
}

/** The paths of the program and, if it is wanted, of the wheel. */
async function install(wanted) {
  const script = fileURLToPath(new URL("install.sh", import.meta.url));
  const to = join(env.RUNNER_TOOL_CACHE || env.RUNNER_TEMP || tmpdir(), "daypass");
  const words = [script, "--version", wanted.version, "--to", to, "--retry", wanted.retry];
  const url = releaseUrl(wanted);
  if (url) words.push("--release-url", url);
  if (wanted.keyring) words.push("--wheel");
  const child = spawn(shell(), words, {
    stdio: ["ignore", "pipe", "pipe"],
    // For a machine that has nothing else to download, verify or unpack with.
    env: { ...env, DAYPASS_NODE: process.execPath },
  });
  const paths = [];
  createInterface({ input: child.stdout }).on("line", (line) => paths.push(line));
  const why = errorOf(child);
  const code = await ended(child);
  if (code !== 0) throw new Refusal(why() || `install.sh ended with ${code}`);
  // Git's shell on Windows has paths of its own kind.
  return windows ? paths.map((path) => path.replace(/^\/([a-z])\//i, "$1:/")) : paths;
}

/** Signs the job in, and has later steps told. */
async function begin(program, wheel, wanted, folder) {
  const words = ["ci", "begin", "--write", "github", "--folder", folder];
  words.push("--index", wanted.index, "--retry", wanted.retry, "--missing-oidc", wanted.missing);
  if (wanted.identity) words.push("--identity", wanted.identity);
  if (wanted.audience) words.push("--audience", wanted.audience);
  if (wanted.configPath) words.push("--config", resolve(env.GITHUB_WORKSPACE ?? ".", wanted.configPath));
  if (!wanted.environment) words.push("--no-environment");
  words.push("--tools", ["pip", wanted.uv && "uv", wanted.twine && "twine"].filter(Boolean).join(","));
  if (wheel) words.push("--python-keyring", wheel);
  words.push("--", wanted.server);
  const child = spawn(program, words, { stdio: ["ignore", "inherit", "pipe"] });
  const why = errorOf(child);
  const code = await ended(child);
  // It tells the runner itself what went wrong, unless there is an argument that it cannot read.
  if (code === 2 && why()) throw new Refusal(why());
  if (why()) console.error(`error: ${why()}`);
  return code;
}

try {
  const wanted = asked();
  const folder = jobFolder();
  const [program, wheel] = await install(wanted);
  process.exitCode = await begin(program, wheel, wanted, folder);
} catch (error) {
  annotate("error", error.message);
  tell("GITHUB_OUTPUT", ["authenticated=false"]);
  tell("GITHUB_STEP_SUMMARY", ["### daypass", "", `Failed: \`${error.message.replaceAll("`", "'")}\``]);
  process.exitCode = 1;
}
