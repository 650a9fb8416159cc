//! The machine as detection sees it: variables, files, texts of the firmware, programs. No network.
//!
//! Detection is given a [`Machine`] and nothing else, so that a test can be any machine. What is *not* here: what is
//! concluded from it (one file for each provider).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use daypass_core::secret::Secret;

use crate::{environment::Lookup, identity_token};

/// Where Linux shows the texts of the firmware (SMBIOS), by which clouds mark their machines.
const DMI: &str = "/sys/class/dmi/id";

/// No such text is longer.
const LONGEST_DMI: u64 = 256;

/// What may be looked at to find out where this is.
pub(crate) trait Machine {
    /// An environment variable that is set, and not to nothing.
    fn variable(&self, name: &str) -> Option<String>;

    /// Whether there is a file.
    fn has_file(&self, path: &Path) -> bool;

    /// Whether there is a socket that nobody but root and this user can have put there.
    fn has_socket(&self, path: &Path) -> bool;

    /// What a file says that holds an outside token, without white space around it.
    fn token_file(&self, path: &Path) -> io::Result<Secret>;

    /// A text of the firmware, such as `product_name`.
    fn firmware(&self, name: &str) -> Option<String>;

    /// Whether a variable says `true`, as CI systems write it.
    fn says_true(&self, name: &str) -> bool {
        self.variable(name).is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "true" | "1"))
    }

    /// Where on the `PATH` a program is.
    fn program(&self, name: &str) -> Option<PathBuf> {
        self.places(name).into_iter().find(|path| self.has_file(path))
    }

    /// Where on the `PATH` programs of that name may be, in its order. Absolute folders only: a relative one is whatever
    /// folder this was started in.
    fn places(&self, name: &str) -> Vec<PathBuf> {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let path = self.variable("PATH").unwrap_or_default();
        let absolute = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
        absolute.map(|folder| folder.join(&file)).collect()
    }
}

/// The machine that this runs on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThisMachine {
    lookup: Lookup,
}

impl ThisMachine {
    /// This machine, whose variables `lookup` reads.
    pub(crate) fn new(lookup: Lookup) -> Self {
        Self { lookup }
    }
}

impl Machine for ThisMachine {
    fn variable(&self, name: &str) -> Option<String> {
        self.lookup.text(name)
    }

    fn has_file(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|found| found.is_file())
    }

    #[cfg(unix)]
    fn has_socket(&self, path: &Path) -> bool {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        let us = rustix::process::geteuid().as_raw();
        fs::metadata(path).is_ok_and(|found| found.file_type().is_socket() && [0, us].contains(&found.uid()))
    }

    #[cfg(not(unix))]
    fn has_socket(&self, _: &Path) -> bool {
        false
    }

    fn token_file(&self, path: &Path) -> io::Result<Secret> {
        fs::File::open(path).and_then(identity_token::bounded)
    }

    fn firmware(&self, name: &str) -> Option<String> {
        let file = fs::File::open(PathBuf::from(DMI).join(name)).ok()?;
        let mut text = String::new();
        io::Read::read_to_string(&mut io::Read::take(file, LONGEST_DMI), &mut text).ok()?;
        Some(text.trim().to_owned())
    }
}

#[cfg(test)]
pub(crate) mod fake {
    //! A machine that a test made up.

    use std::{cell::RefCell, collections::HashMap};

    use super::*;

    /// Variables, files with what is in them, sockets and firmware texts.
    #[derive(Debug, Default)]
    pub(crate) struct FakeMachine {
        pub(crate) variables: HashMap<String, String>,
        pub(crate) files: RefCell<HashMap<PathBuf, String>>,
        pub(crate) sockets: Vec<PathBuf>,
        pub(crate) firmware: HashMap<String, String>,
    }

    impl FakeMachine {
        /// One with these variables.
        pub(crate) fn with(variables: &[(&str, &str)]) -> Self {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            Self { variables: variables.iter().map(owned).collect(), ..Self::default() }
        }

        /// The same, with a file.
        pub(crate) fn file(self, path: &str, content: &str) -> Self {
            self.files.borrow_mut().insert(path.into(), content.to_owned());
            self
        }

        /// The same, with a socket.
        pub(crate) fn socket(mut self, path: &str) -> Self {
            self.sockets.push(path.into());
            self
        }

        /// The same, with a text of the firmware.
        pub(crate) fn firmware_says(mut self, name: &str, text: &str) -> Self {
            self.firmware.insert(name.to_owned(), text.to_owned());
            self
        }
    }

    impl Machine for FakeMachine {
        fn variable(&self, name: &str) -> Option<String> {
            self.variables.get(name).cloned()
        }

        fn has_file(&self, path: &Path) -> bool {
            self.files.borrow().contains_key(path)
        }

        fn has_socket(&self, path: &Path) -> bool {
            self.sockets.iter().any(|socket| socket == path)
        }

        fn token_file(&self, path: &Path) -> io::Result<Secret> {
            let files = self.files.borrow();
            files.get(path).map(|text| Secret::new(text.trim())).ok_or_else(|| io::ErrorKind::NotFound.into())
        }

        fn firmware(&self, name: &str) -> Option<String> {
            self.firmware.get(name).cloned()
        }
    }
}
