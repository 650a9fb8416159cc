//! The same content for everybody: wheels in folders as each server wants them, and a tree of static files.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::{
    super::server::Load,
    ask::fetch,
    site::{JSON, Site},
};
use crate::{build::Built, command::run, tools::Python};

/// One file of 11 KB.
pub(super) const SMALL: &str = "small-lib";
pub(super) const SMALL_FILE: &str = "small_lib-1.0-py3-none-any.whl";
/// A thousand files.
pub(super) const BIG: &str = "big-lib";
/// A file of 5 MB and one of 100.
pub(super) const LARGE: &str = "large-lib";
pub(super) const FIVE: &str = "large_lib-1.5000000-py3-none-any.whl";
pub(super) const HUNDRED: &str = "large_lib-1.100000000-py3-none-any.whl";
/// A hundred files of 1 MB.
pub(super) const PULLED: &str = "pulled-lib";
/// Installing it installs thirty packages.
pub(super) const CLOSURE: &str = "closure-app";

/// Wheels on disk.
pub(super) struct Content {
    /// All of them, in one folder.
    pub(super) flat: PathBuf,
    /// A folder for each project, with hard links to the same.
    pub(super) tree: PathBuf,
    /// The projects, and the names of their files.
    projects: Vec<(String, Vec<String>)>,
}

impl Content {
    /// Makes the wheels.
    pub(super) fn make(built: &Built, folder: &Path) -> Result<Self> {
        let (flat, tree) = (folder.join("flat"), folder.join("tree"));
        fs::create_dir(&flat)?;
        let mut load = Load::ordered(built, "content")?;
        load.order(&json!({ "folder": flat }))?;
        load.hear()?;
        let mut projects: Vec<(String, Vec<String>)> = Vec::new();
        let mut names: Vec<String> = fs::read_dir(&flat)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_>>()?;
        names.sort();
        for name in names {
            let project = name.split('-').next().unwrap_or_default().replace('_', "-");
            let own = tree.join(&project);
            fs::create_dir_all(&own)?;
            fs::hard_link(flat.join(&name), own.join(&name))?;
            match projects.last_mut() {
                Some((known, files)) if *known == project => files.push(name),
                _ => projects.push((project, vec![name])),
            }
        }
        Ok(Self { flat, tree, projects })
    }

    /// Puts all of them into daypassd's index.
    pub(super) fn import(&self, built: &Built, data: &Path) -> Result<()> {
        import_file(built, data, &self.flat)
    }

    /// Writes what `ours` serves as static files, each page also compressed: `simple/PROJECT/index.json`, ….
    pub(super) fn static_tree(&self, ours: &Site, root: &Path) -> Result<()> {
        for (project, files) in &self.projects {
            let (pages, kept) = (root.join("simple").join(project), root.join("files").join(project));
            fs::create_dir_all(&pages)?;
            fs::create_dir_all(&kept)?;
            for (form, accept) in [("html", "text/html"), ("json", JSON)] {
                let page = fetch(&ours.page(project), &ours.with(&[&format!("accept: {accept}")]))?;
                // As old as what upstreams have: young files are held back.
                let page = aged(&page.text());
                fs::write(pages.join(format!("index.{form}")), page)?;
            }
            for name in files {
                fs::hard_link(self.flat.join(name), kept.join(name))?;
                if project != BIG {
                    let metadata = fetch(&format!("{}.metadata", ours.file(project, name)?), &ours.headers)?;
                    fs::write(kept.join(format!("{name}.metadata")), metadata.body)?;
                }
            }
        }
        compress(&root.join("simple"))
    }
}

/// Puts a file, or all of a folder, into daypassd's index.
pub(super) fn import_file(built: &Built, data: &Path, path: &Path) -> Result<()> {
    let mut command = Command::new(built.binaries.join("daypassd"));
    run(command.arg("import").arg("--data").arg(data).arg(path).stdout(Stdio::null()))
}

/// The page with every upload in the past.
fn aged(page: &str) -> String {
    let mut parts = page.split("\"upload-time\":\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.split_once('"').map_or("", |(_, rest)| rest);
        format!("{text}\"upload-time\":\"2026-01-02T03:04:05.000000Z\"{rest}")
    })
}

/// Lays `FILE.gz` beside each page below `folder`, as small as gzip can.
pub(super) fn compress(folder: &Path) -> Result<()> {
    let script = "import gzip, pathlib, sys\n\
                  for page in pathlib.Path(sys.argv[1]).rglob('index.*'):\n    \
                  pathlib.Path(str(page) + '.gz').write_bytes(gzip.compress(page.read_bytes(), 6, mtime=0))";
    run(Python::find()?.command().args(["-c", script]).arg(folder))
}

/// Changes the data of a server that does not run: as many more projects, or as many more versions of one.
///
/// Uploading a hundred thousand files would take longer than all the rest. The rows are those of `small-lib` under
/// other names; they name bytes that are there.
pub(super) fn multiply(data: &Path, what: &str, count: usize) -> Result<()> {
    let database = fs::read_dir(data)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| matches!(extension.to_str(), Some("db" | "sqlite"))))
        .context("the data folder has no database")?;
    let told = crate::command::answer(
        Python::find()?.command().args(["-c", MULTIPLY]).arg(&database).args([what, &count.to_string()]),
    )?;
    if told.is_empty() {
        bail!("the catalogue has no rows to multiply");
    }
    Ok(())
}

const MULTIPLY: &str = r#"
import sqlite3, sys

path, what, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
db = sqlite3.connect(path)
tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'hosted%'")]
for table in tables:
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    if "project" not in columns:
        continue
    rows = db.execute(f"SELECT * FROM {table} WHERE project = 'small-lib'").fetchall()
    if what != "projects" and "file" not in columns:
        rows = [tuple(what if column == "project" else value for column, value in zip(columns, row)) for row in rows]
        db.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(columns))})", rows)
        continue
    def changed(number):
        if what == "projects":
            project, version = f"many-{number:06d}", "1.0"
        else:
            project, version = what, f"0.{number}"
        new = {"project": project, "version": version,
               "file": f"{project.replace('-', '_')}-{version}-py3-none-any.whl"}
        for row in rows:
            yield tuple(new.get(column, value) if value is not None else None for column, value in zip(columns, row))
    many = (row for number in range(count) for row in changed(number))
    db.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(columns))})", many)
    print(table, len(rows))
db.commit()
"#;
