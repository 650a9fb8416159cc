//! What a release fills in: which version, signed by whom, from where.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

/// Stands alone on a line, for the lines of `install.sh`.
const INSTALL: &str = "@INSTALL_SH@";
/// What must not be left over.
const PLACEHOLDERS: [&str; 4] = ["@VERSION@", "@PUBLIC_KEY@", "@RELEASE_URL@", INSTALL];

/// The values.
pub(super) struct Filling {
    words: [(&'static str, String); 3],
    install: String,
}

impl Filling {
    /// Refuses what would mean something to a shell or to YAML.
    pub(super) fn new(version: &str, public_key: &str, release_url: &str, install: &str) -> Result<Self> {
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "._~:/%+=-[]".contains(c));
        for word in [version, public_key, release_url] {
            ensure!(plain(word), "`{word}` cannot be written into a script");
        }
        let known = release_url.is_empty()
            || release_url.starts_with("https://")
            || release_url.starts_with("http://127.0.0.1:");
        ensure!(known, "a release host is reached by https");
        let words = [
            ("@VERSION@", version.to_owned()),
            ("@PUBLIC_KEY@", public_key.to_owned()),
            ("@RELEASE_URL@", release_url.to_owned()),
        ];
        let mut filling = Self { words, install: String::new() };
        filling.install = filling.words_in(install);
        Ok(filling)
    }

    /// `install.sh`, filled in.
    pub(super) fn install(&self) -> &str {
        &self.install
    }

    /// A copy of the folder `from`, filled in, instead of whatever is at `to`.
    pub(super) fn folder(&self, from: &Path, to: &Path) -> Result<()> {
        if to.exists() {
            fs::remove_dir_all(to)?;
        }
        self.below(from, to)
    }

    fn below(&self, from: &Path, to: &Path) -> Result<()> {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let (source, target) = (entry.path(), to.join(entry.file_name()));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.below(&source, &target)?;
                continue;
            }
            ensure!(kind.is_file(), "{} is neither a file nor a folder", source.display());
            let text = fs::read_to_string(&source).with_context(|| format!("{} is not text", source.display()))?;
            let text = self.text(&text);
            let left = PLACEHOLDERS.iter().find(|placeholder| text.contains(**placeholder));
            ensure!(left.is_none(), "{} is left with {}", source.display(), left.unwrap_or(&""));
            // Copied first for its permissions: hooks are programs.
            fs::copy(&source, &target)?;
            fs::write(&target, text)?;
        }
        Ok(())
    }

    /// `text`, filled in.
    fn text(&self, text: &str) -> String {
        let mut filled = String::new();
        for line in text.split_inclusive('\n') {
            match line.trim_end().strip_suffix(INSTALL) {
                Some(indentation) if indentation.trim().is_empty() => self.indented(indentation, &mut filled),
                _ => filled.push_str(&self.words_in(line)),
            }
        }
        filled
    }

    fn indented(&self, indentation: &str, into: &mut String) {
        for line in self.install.lines() {
            if !line.is_empty() {
                into.push_str(indentation);
                into.push_str(line);
            }
            into.push('\n');
        }
    }

    fn words_in(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (placeholder, value)| text.replace(placeholder, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_the_script_are_filled_in_where_they_stand() {
        let filling =
            Filling::new("1.2.3", "RWQabc+/=", "https://example.com/1.2.3", "version=@VERSION@\n\nend\n").unwrap();
        assert_eq!(filling.text("v: '@VERSION@' # @PUBLIC_KEY@\n"), "v: '1.2.3' # RWQabc+/=\n");
        assert_eq!(filling.text("a:\n    @INSTALL_SH@\nb\n"), "a:\n    version=1.2.3\n\n    end\nb\n");
    }

    #[test]
    fn the_script_means_nothing_to_a_ci() {
        let script = include_str!("../../../action/install.sh");
        for special in ["<<", "$[[", "${{", "$$", "\t"] {
            assert!(!script.contains(special), "{special} would be read by the CI whose YAML it is copied into");
        }
        let filling = Filling::new("1.2.3", "RWQ", "", script).unwrap();
        assert!(PLACEHOLDERS.iter().all(|placeholder| !filling.install().contains(placeholder)));
    }

    #[test]
    fn what_a_shell_would_run_is_not_filled_in() {
        assert!(Filling::new("1.2.3", "RWQ", "https://example.com/$(id)", "").is_err());
        assert!(Filling::new("1.2.3", "RWQ'", "", "").is_err());
        assert!(Filling::new("1.2.3", "RWQ", "http://example.com/1.2.3", "").is_err());
        assert!(Filling::new("1.2.3", "RWQ", "http://127.0.0.1:1/x", "").is_ok());
    }
}
