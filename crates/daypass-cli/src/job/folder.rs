//! The job's folder: made before anything else, so that whatever happens later can be taken back.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    cache::{delete, read},
    failure::Failure,
    private_folder::{self, Draft, trouble},
};

/// What must be put back.
const STATE: &str = "state.json";
/// Somebody's configuration file, as it was.
const BEFORE: &str = "config.before";
/// A configuration file of somebody's is not larger.
const LARGEST: u64 = 1024 * 1024;

/// The folder of one job.
#[derive(Debug)]
pub(crate) struct JobFolder {
    path: PathBuf,
}

/// What must be put back.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    /// The configuration file.
    config: PathBuf,
    /// Whether there was one before, which lies in `config.before`.
    was_there: bool,
}

impl JobFolder {
    /// Makes the folder, which must be empty or an earlier one of ours, for a job whose configuration is in `config`.
    pub(crate) fn make(path: &Path, config: Option<&Path>) -> Result<Self, Failure> {
        let folder = Self::at(path)?;
        private_folder::make(&folder.path)?;
        if folder.state()?.is_none() {
            folder.must_be_empty()?;
            folder.keep_state(config)?;
        }
        Ok(folder)
    }

    /// The folder of a job that is over, if there is one.
    pub(crate) fn find(path: &Path) -> Result<Option<Self>, Failure> {
        let folder = Self::at(path)?;
        if !private_folder::check(&folder.path)? {
            return Ok(None);
        }
        if folder.state()?.is_none() {
            // The job may have ended before anything was written.
            folder.must_be_empty()?;
        }
        Ok(Some(folder))
    }

    fn at(path: &Path) -> Result<Self, Failure> {
        let path = std::path::absolute(path).map_err(|error| Failure::usage(format!("`--folder`: {error}")))?;
        // It is written into files and scripts, line by line.
        if path.to_str().is_none_or(|text| text.chars().any(char::is_control)) {
            return Err(Failure::usage("`--folder` must be a path of printable characters"));
        }
        Ok(Self { path })
    }

    fn must_be_empty(&self) -> Result<(), Failure> {
        let listed = fs::read_dir(&self.path).map_err(|error| trouble("cannot list", &self.path, &error))?;
        // What was killed before its state was written has changed nothing yet.
        let is_ours =
            |name: &OsStr| [BEFORE, ".config.before.draft", ".state.json.draft"].iter().any(|ours| name == *ours);
        if listed.flatten().any(|entry| !is_ours(&entry.file_name())) {
            let message = format!("`{}` holds something else than a job's credentials", self.path.display());
            return Err(Failure::usage(message).hint("name a folder that is empty, or not there yet"));
        }
        Ok(())
    }

    fn keep_state(&self, config: Option<&Path>) -> Result<(), Failure> {
        let config = match config {
            // Through a link, as it is written: the link itself stays.
            Some(path) => fs::canonicalize(path)
                .or_else(|_| std::path::absolute(path))
                .map_err(|error| Failure::usage(format!("`--config`: {error}")))?,
            None => self.path.join("config.toml"),
        };
        let before = before(&config)?;
        if let Some(before) = &before {
            write(&self.path.join(BEFORE), before)?;
        }
        let state = State { config, was_there: before.is_some() };
        let text = serde_json::to_vec(&state).map_err(|error| Failure::local(format!("cannot write JSON: {error}")))?;
        write(&self.path.join(STATE), &text)
    }

    fn state(&self) -> Result<Option<State>, Failure> {
        read(&self.path.join(STATE))
    }

    /// The configuration file of the job.
    pub(crate) fn config(&self) -> Result<PathBuf, Failure> {
        Ok(self.state()?.map_or_else(|| self.path.join("config.toml"), |state| state.config))
    }

    /// The folder for credentials.
    pub(crate) fn cache(&self) -> PathBuf {
        self.path.join("cache")
    }

    /// The folder of programs.
    pub(crate) fn programs(&self) -> PathBuf {
        self.path.join("bin")
    }

    /// Puts this program where the job's tools find it, under both of its names.
    pub(crate) fn link(&self, program: &Path) -> Result<(), Failure> {
        let programs = self.programs();
        private_folder::make(&programs)?;
        for name in ["daypass", "keyring"] {
            let link = programs.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            delete(&link)?;
            // A link to a cache of tools would be broken by whoever empties it before the job is over. A second name
            // of the same file is not, and costs nothing; across file systems, and where the file is another user's, it
            // is a copy.
            fs::hard_link(program, &link)
                .or_else(|_| fs::copy(program, &link).map(drop))
                .map_err(|error| trouble("cannot create", &link, &error))?;
        }
        Ok(())
    }

    /// Puts back what was there before.
    pub(crate) fn restore(&self) -> Result<(), Failure> {
        let Some(state) = self.state()? else { return Ok(()) };
        if !state.was_there {
            return delete(&state.config);
        }
        let kept = self.path.join(BEFORE);
        let before = match fs::read(&kept) {
            // It was put back before, by an end that was interrupted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            read => read.map_err(|error| trouble("cannot read", &kept, &error))?,
        };
        let mode = fs::metadata(&state.config).map(|found| found.permissions());
        write(&state.config, &before)?;
        match mode {
            Ok(mode) => fs::set_permissions(&state.config, mode)
                .map_err(|error| trouble("cannot set the mode of", &state.config, &error)),
            Err(_) => Ok(()),
        }
    }

    /// Takes the folder away. Its state goes last: whoever is interrupted can begin again.
    pub(crate) fn remove(self) -> Result<(), Failure> {
        for name in ["cache", "bin"] {
            gone(fs::remove_dir_all(self.path.join(name)), &self.path)?;
        }
        delete(&self.path.join("config.toml"))?;
        delete(&self.path.join(BEFORE))?;
        delete(&self.path.join(STATE))?;
        gone(fs::remove_dir_all(&self.path), &self.path)
    }
}

fn gone(done: io::Result<()>, path: &Path) -> Result<(), Failure> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(trouble("cannot delete", path, &error)),
        _ => Ok(()),
    }
}

/// What the configuration file says before the job changes it.
fn before(config: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match fs::metadata(config) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(trouble("cannot look at", config, &error)),
        Ok(found) if !found.is_file() || found.len() > LARGEST => {
            return Err(Failure::usage(format!("`{}` is no configuration file", config.display())));
        }
        Ok(_) => {}
    }
    fs::read(config).map(Some).map_err(|error| trouble("cannot read", config, &error))
}

fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let written = Draft::beside(path).and_then(|draft| draft.publish(content, path));
    written.map_err(|error| trouble("cannot write", path, &error))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_is_put_back_and_the_folder_goes() {
        let place = tempfile::tempdir().unwrap();
        let (path, config) = (place.path().join("job"), place.path().join("mine.toml"));
        for before in [Some("# mine\n"), None] {
            match before {
                Some(text) => fs::write(&config, text).unwrap(),
                None => fs::remove_file(&config).unwrap(),
            }
            let job = JobFolder::make(&path, Some(&config)).unwrap();
            assert_eq!(job.config().unwrap(), config);
            fs::write(&config, "# the job's\n").unwrap();
            // A second beginning must not take the job's own file for what was there.
            JobFolder::make(&path, Some(&config)).unwrap();
            let over = JobFolder::find(&path).unwrap().unwrap();
            over.restore().unwrap();
            over.remove().unwrap();
            assert_eq!(fs::read_to_string(&config).ok().as_deref(), before);
            assert!(!path.exists() && JobFolder::find(&path).unwrap().is_none());
        }
    }

    #[test]
    fn a_link_to_a_configuration_file_stays_one_and_its_target_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;

        let place = tempfile::tempdir().unwrap();
        let (target, link) = (place.path().join("target.toml"), place.path().join("link.toml"));
        fs::write(&target, "# mine\n").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let job = JobFolder::make(&place.path().join("job"), Some(&link)).unwrap();
        fs::write(job.config().unwrap(), "# the job's\n").unwrap();
        job.restore().unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "# mine\n");
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn whoever_is_killed_at_any_instant_can_begin_or_end_again() {
        let place = tempfile::tempdir().unwrap();
        let (path, config) = (place.path().join("job"), place.path().join("mine.toml"));
        fs::write(&config, "# mine\n").unwrap();
        for left in [&[BEFORE][..], &[".config.before.draft"], &[BEFORE, ".state.json.draft"]] {
            private_folder::make(&path).unwrap();
            for name in left {
                fs::write(path.join(name), "").unwrap();
            }
            JobFolder::make(&path, Some(&config)).unwrap();
            fs::write(&config, "# the job's\n").unwrap();
            let over = JobFolder::find(&path).unwrap().unwrap();
            over.restore().unwrap();
            // An end that was killed here comes again.
            fs::remove_file(path.join(BEFORE)).unwrap();
            let again = JobFolder::find(&path).unwrap().unwrap();
            again.restore().unwrap();
            again.remove().unwrap();
            assert_eq!(fs::read_to_string(&config).unwrap(), "# mine\n");
        }
    }

    #[test]
    fn a_folder_that_holds_something_else_is_neither_used_nor_deleted() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("home");
        private_folder::make(&path).unwrap();
        fs::write(path.join("thesis.tex"), "").unwrap();
        assert!(JobFolder::make(&path, None).is_err());
        assert!(JobFolder::find(&path).is_err());
        assert!(path.join("thesis.tex").exists());
    }

    #[test]
    fn an_empty_folder_of_a_job_that_died_at_once_can_go() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("job");
        private_folder::make(&path).unwrap();
        let over = JobFolder::find(&path).unwrap().unwrap();
        over.restore().unwrap();
        over.remove().unwrap();
        assert!(!path.exists());
    }
}
