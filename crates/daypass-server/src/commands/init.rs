//! `daypassd init`.

use std::{fs::OpenOptions, io::Write, path::Path};

use super::say;
use crate::{
    arguments::Init,
    config::{EXAMPLE, EXAMPLE_POLICY},
    failure::Failure,
};

/// Writes the two commented files; never over one that is there.
pub(crate) fn run(init: &Init) -> Result<(), Failure> {
    std::fs::create_dir_all(&init.folder)
        .map_err(|error| Failure::data(format!("could not create {}: {error}", init.folder.display())))?;
    let (config, policy) = (init.folder.join("daypassd.toml"), init.folder.join("policy.toml"));
    if let Some(there) = [&config, &policy].into_iter().find(|path| path.exists()) {
        return Err(Failure::configuration(format!("{} is already there and stays as it is", there.display()))
            .hint("name another folder: `daypassd init DIR`"));
    }
    write_new(&config, EXAMPLE)?;
    write_new(&policy, EXAMPLE_POLICY)?;
    say(&format!(
        "wrote {} and {}\nNext: edit them, then `daypassd check-config --config {}` and `daypassd serve --config {}`\n",
        config.display(),
        policy.display(),
        config.display(),
        config.display(),
    ))
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Failure::data(format!("could not write {}: {error}", path.display())))
}
