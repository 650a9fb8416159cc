//! How GitHub's runner reads what a job says: commands on stdout, and lines in files.
//!
//! The escapes are those of the runner's own toolkit: whatever a value holds, it cannot begin a second command.

/// `::warning title=…::text` or the like.
pub(super) fn annotation(kind: &str, title: &str, text: &str) -> String {
    format!("::{kind} title={}::{}\n", property(title), data(text))
}

/// Has the runner strike out `secret` wherever it appears from now on.
pub(super) fn mask(secret: &str) -> String {
    format!("::add-mask::{}\n", data(secret))
}

/// A line of `GITHUB_ENV`, `GITHUB_OUTPUT` or `GITHUB_STATE`. What would be more than one line is made one.
pub(super) fn assignment(name: &str, value: &str) -> String {
    format!("{name}={}\n", one_line(value))
}

/// A line of `GITHUB_PATH`.
pub(super) fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_begins_a_second_command_or_line() {
        assert_eq!(annotation("error", "a:b,c", "100%\r\n::set"), "::error title=a%3Ab%2Cc::100%25%0D%0A::set\n");
        assert_eq!(mask("a\nb"), "::add-mask::a%0Ab\n");
        assert_eq!(assignment("identity", "a\nPATH=/evil"), "identity=a PATH=/evil\n");
    }
}
