//! Reading the `keyring` program's command line, as its own parser (Python's `argparse`) does.
//!
//! By hand, because this is the fast path. What is *not* here: `set` and `del`, which a read-only helper refuses.

use std::ffi::OsString;

use crate::failure::Failure;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    /// For which service.
    pub(crate) service: String,
    /// For which user, where the caller has one. May be empty.
    pub(crate) username: Option<String>,
    /// In which form.
    pub(crate) shape: Shape,
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Our own: both, as one line of compact JSON.
    Line,
    /// `--mode=creds --output=json`.
    CredentialJson,
    /// `--mode=creds`: two lines.
    CredentialPlain,
    /// `--mode=password --output=json`.
    PasswordJson,
    /// `--mode=password`, which is the default where a user name is given.
    PasswordPlain,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Password,
    Credential,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    Plain,
    Json,
}

impl Ask {
    /// Reads the arguments.
    pub(crate) fn parse(arguments: &[OsString]) -> Result<Self, Failure> {
        let (mut mode, mut output, mut words) = (None, None, Vec::new());
        let mut rest = arguments.iter();
        let mut only_words = false;
        while let Some(argument) = rest.next() {
            // A service that is not Unicode is not ours, so there is nothing to give.
            let argument = argument.to_str().ok_or_else(Failure::silent)?;
            if only_words || !argument.starts_with('-') || argument == "-" {
                words.push(argument.to_owned());
                continue;
            }
            if argument == "--" {
                only_words = true;
                continue;
            }
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument, None),
            };
            let option = Known::named(name).ok_or_else(|| unknown(name))?;
            let value = match value {
                Some(value) => value,
                None => rest.next().and_then(|next| next.to_str()).ok_or_else(|| needs_value(name))?.to_owned(),
            };
            match (option, value.as_str()) {
                (Known::Mode, "password") => mode = Some(Mode::Password),
                (Known::Mode, "creds") => mode = Some(Mode::Credential),
                (Known::Output, "plain") => output = Some(Output::Plain),
                (Known::Output, "json") => output = Some(Output::Json),
                (Known::Ignored, _) => {}
                (Known::Mode, _) => return Err(misuse("`--mode` is `password` or `creds`")),
                (Known::Output, _) => return Err(misuse("`--output` is `plain` or `json`")),
            }
        }
        let mut words = words.into_iter();
        let (operation, service, username) = (words.next(), words.next(), words.next());
        if operation.as_deref() != Some("get") {
            return Err(misuse("this helper only knows `get`"));
        }
        let (Some(service), None) = (service, words.next()) else {
            return Err(misuse("`get` takes a service and perhaps a user name"));
        };
        let shape = match (mode, output, username.is_some()) {
            (None, None, false) => Shape::Line,
            (Some(Mode::Password), _, false) => return Err(misuse("`--mode=password` needs a user name")),
            (Some(Mode::Credential), Some(Output::Json), _) | (None, Some(Output::Json), false) => {
                Shape::CredentialJson
            }
            (Some(Mode::Credential), _, _) | (None, Some(Output::Plain), false) => Shape::CredentialPlain,
            (_, Some(Output::Json), true) => Shape::PasswordJson,
            (_, _, true) => Shape::PasswordPlain,
        };
        Ok(Self { service, username, shape })
    }
}

/// An option with a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Mode,
    Output,
    /// `--keyring-backend` and `--keyring-path` choose among Python backends; here there is one.
    Ignored,
}

impl Known {
    fn named(name: &str) -> Option<Self> {
        match name {
            "-o" => return Some(Self::Output),
            "-b" | "-p" => return Some(Self::Ignored),
            _ => {}
        }
        // `argparse` takes any unambiguous beginning of a long option.
        let begins = |long: &str| name.len() > 2 && long.starts_with(name);
        if begins("--mode") {
            Some(Self::Mode)
        } else if begins("--output") {
            Some(Self::Output)
        } else if begins("--keyring-backend") || begins("--keyring-path") {
            Some(Self::Ignored)
        } else {
            None
        }
    }
}

fn misuse(message: &str) -> Failure {
    Failure::usage(message).hint("`daypass helper keyring --help` shows the ways to ask")
}

fn unknown(name: &str) -> Failure {
    misuse(&format!("unknown option `{}`", name.chars().take(40).flat_map(char::escape_debug).collect::<String>()))
}

fn needs_value(name: &str) -> Failure {
    misuse(&format!("`{name}` needs a value"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Status;

    fn parse(line: &str) -> Result<Ask, Failure> {
        let unquoted = |word: &str| OsString::from(if word == "''" { "" } else { word });
        Ask::parse(&line.split(' ').map(unquoted).collect::<Vec<_>>())
    }

    #[test]
    fn every_way_the_tools_ask_is_understood() {
        for (line, username, shape) in [
            ("get S", None, Shape::Line),
            ("--mode=creds --output=json get S", None, Shape::CredentialJson),
            ("--mode=creds --output=json get S u", Some("u"), Shape::CredentialJson),
            ("get S u", Some("u"), Shape::PasswordPlain),
            ("get S --mode creds", None, Shape::CredentialPlain),
            ("--mode=creds get S ''", Some(""), Shape::CredentialPlain),
            ("--mode=password get S __token__", Some("__token__"), Shape::PasswordPlain),
            ("get S ''", Some(""), Shape::PasswordPlain),
            ("get -o json S u", Some("u"), Shape::PasswordJson),
            ("get S -o=json", None, Shape::CredentialJson),
            ("get S --output plain", None, Shape::CredentialPlain),
            ("-b x.Y --keyring-path /p get S u", Some("u"), Shape::PasswordPlain),
            ("--mod creds --out json get S", None, Shape::CredentialJson),
            ("get -- S u", Some("u"), Shape::PasswordPlain),
        ] {
            let expected = Ask { service: "S".to_owned(), username: username.map(ToOwned::to_owned), shape };
            assert_eq!(parse(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_the_program_would_refuse_is_refused() {
        for line in [
            "get",
            "set S u",
            "del S u",
            "diagnose",
            "get S u x",
            "get S --mode",
            "get S --mode=both",
            "get S --output=xml",
            "get S --mode=password",
            "get S --list",
            "get S -x",
        ] {
            assert_eq!(parse(line).unwrap_err().status, Status::Usage, "{line}");
        }
    }
}
