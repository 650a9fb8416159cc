//! `daypassd import`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use daypass_core::{
    clock::{Clock, SystemClock},
    names::IndexName,
};
use daypass_index::{Imported, import_file};

use super::say;
use crate::{
    arguments::Import,
    assemble::{open_probed_files, open_store},
    config::Settings,
    data_folder::DataFolder,
    failure::Failure,
};

/// What stands in the audit log for the request id: nobody asked over HTTP.
const REQUEST: &str = "import";

/// Puts files into an index. A file that is already there with the same bytes is no failure.
pub(crate) async fn run(import: Import) -> Result<(), Failure> {
    let settings = Settings::read(&import.place)?;
    let index: IndexName = import.index.parse().map_err(Failure::configuration)?;
    if !settings.indexes.iter().any(|known| known.name == index) {
        return Err(Failure::configuration(format!("there is no index `{index}`"))
            .hint("define it as an `[[index]]` in the configuration file and name that with `--config FILE`"));
    }
    let paths = expand(&import.files)?;
    let data = DataFolder::open(&settings.data)?;
    let files = open_probed_files(&settings, &data).await?;
    let store = open_store(&settings).await?;
    let mut refused = 0;
    for path in &paths {
        match import_file(&store, &files, &index, path, SystemClock.now(), REQUEST).await {
            Ok(Imported { file, was_there: false, .. }) => say(&format!("imported {file}\n"))?,
            Ok(Imported { file, was_there: true, .. }) => say(&format!("unchanged {file}\n"))?,
            Err(error) => {
                refused += 1;
                say(&format!("refused: {error}\n"))?;
            }
        }
    }
    store.close().await;
    match refused {
        0 => Ok(()),
        _ => Err(Failure::data(format!("{refused} of {} files were refused", paths.len()))),
    }
}

/// Folders stand for the wheels and source distributions directly in them.
fn expand(given: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for path in given {
        let unreadable = |error| Failure::data(format!("could not read {}: {error}", path.display()));
        if path.is_dir() {
            let entries: Result<Vec<_>, _> = fs::read_dir(path).map_err(unreadable)?.collect();
            let mut found: Vec<_> = entries.map_err(unreadable)?.into_iter().map(|entry| entry.path()).collect();
            found.retain(|path| is_distribution(path));
            found.sort();
            if found.is_empty() {
                return Err(Failure::data(format!("{} holds no wheel or source distribution", path.display())));
            }
            paths.extend(found);
        } else {
            paths.push(path.clone());
        }
    }
    Ok(paths)
}

fn is_distribution(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    [".whl", ".tar.gz", ".zip"].iter().any(|ending| name.ends_with(ending))
}
