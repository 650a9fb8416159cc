//! Where the outside token comes from when somebody hands it to us: a value, a file, or stdin.
//!
//! A file is read anew each time: Kubernetes and others replace it while a job runs.
//!
//! What is *not* here: looking around for the identity of this machine (`ambient.rs`), to whom the token may be sent
//! (`identity_token/addressee.rs`), and judging the token, which only the server can.

use std::{
    fs,
    io::{self, Read},
    path::PathBuf,
};

use daypass_core::secret::Secret;

use crate::failure::{Failure, Status};

pub(crate) mod addressee;

/// In bytes. The server takes no longer one, so there is no sense in reading more.
pub(crate) const LONGEST: u64 = 64 * 1024;

const WHAT_IT_IS: &str = "an identity token is a JWT: three parts of letters and digits, separated by dots";

/// Who named the source: it is how a person finds it again, and it never quotes what may be a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// `--identity-token`.
    Option,
    /// `DAYPASS_IDENTITY_TOKEN`.
    Variable,
    /// `identity_token_path` in a configuration file.
    Config,
}

/// Something that holds an outside token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IdentityToken {
    /// The outside token itself.
    Value(Secret),
    /// A file that holds it.
    File(PathBuf, NamedBy),
    /// Standard input.
    Stdin,
}

impl IdentityToken {
    /// What `--identity-token` or `DAYPASS_IDENTITY_TOKEN` means: `-`, a JWT, or else the path of a file.
    pub(crate) fn of(text: &Secret, named_by: NamedBy) -> Self {
        match text.expose().trim() {
            "-" if named_by == NamedBy::Option => Self::Stdin,
            value if looks_like_a_jwt(value) => Self::Value(Secret::new(value)),
            path => Self::File(PathBuf::from(path), named_by),
        }
    }

    /// Reads the outside token.
    pub(crate) fn read(&self) -> Result<Secret, Failure> {
        let text = match self {
            Self::Value(value) => return Ok(value.clone()),
            Self::Stdin => bounded(io::stdin().lock()),
            Self::File(path, _) => fs::File::open(path).and_then(bounded),
        };
        let token = text.map_err(|error| self.unreadable(&error))?;
        if looks_like_a_jwt(token.expose()) { Ok(token) } else { Err(self.no_jwt()) }
    }

    /// The file, with an absolute path, if it is one: what `login` may remember.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match self {
            Self::File(path, _) => std::path::absolute(path).ok(),
            Self::Value(_) | Self::Stdin => None,
        }
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        let failure = |message| Failure::new(Status::SignInNeeded, message);
        let why = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            io::ErrorKind::InvalidData => "it is not text".to_owned(),
            io::ErrorKind::FileTooLarge => "it is longer than 64 KiB".to_owned(),
            _ => error.to_string(),
        };
        match self {
            // What was named may be a token after all: it is not quoted.
            Self::File(_, NamedBy::Option) => {
                failure(format!("`--identity-token` is neither a JWT nor the path of a file that can be read: {why}"))
                    .hint(WHAT_IT_IS)
            }
            Self::File(_, NamedBy::Variable) => failure(format!(
                "`DAYPASS_IDENTITY_TOKEN` is neither a JWT nor the path of a file that can be read: {why}"
            ))
            .hint(WHAT_IT_IS),
            Self::File(path, NamedBy::Config) => {
                failure(format!("cannot read the identity token from `{}`: {why}", path.display()))
                    .hint("this path was remembered by `daypass login`; sign in again to change it")
            }
            Self::Stdin | Self::Value(_) => {
                failure(format!("cannot read the identity token from stdin: {why}")).hint(WHAT_IT_IS)
            }
        }
    }

    fn no_jwt(&self) -> Failure {
        let place = match self {
            Self::File(_, NamedBy::Option) => "the file that `--identity-token` names".to_owned(),
            Self::File(_, NamedBy::Variable) => "the file that `DAYPASS_IDENTITY_TOKEN` names".to_owned(),
            Self::File(path, NamedBy::Config) => format!("`{}`", path.display()),
            Self::Stdin | Self::Value(_) => "stdin".to_owned(),
        };
        Failure::new(Status::SignInNeeded, format!("{place} holds no identity token")).hint(WHAT_IT_IS)
    }
}

/// Whether `text` has the form of a JWT.
pub(crate) fn looks_like_a_jwt(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut parts = text.split('.');
    let three = [parts.next(), parts.next(), parts.next()];
    // RFC 7519: the first part is the base64url of a JSON object, so it begins as `{"` does. The third may be empty
    // (`alg: none`); that is the server's to refuse.
    text.starts_with("eyJ")
        && parts.next().is_none()
        && three.iter().all(|part| part.is_some_and(|part| part.bytes().all(good)))
}

/// What `from` says, without white space around it, if it is not longer than an outside token may be.
pub(crate) fn bounded(from: impl Read) -> io::Result<Secret> {
    let mut text = String::new();
    let read = from.take(LONGEST + 1).read_to_string(&mut text)?;
    // Held as a secret from here on, so that the untrimmed text is wiped too.
    let whole = Secret::new(text);
    if read as u64 > LONGEST { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(Secret::new(whole.expose().trim())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl";

    fn of(text: &str, named_by: NamedBy) -> IdentityToken {
        IdentityToken::of(&Secret::new(text), named_by)
    }

    #[test]
    fn a_value_a_path_and_stdin_are_told_apart() {
        assert_eq!(of(&format!(" {JWT}\n"), NamedBy::Variable), IdentityToken::Value(Secret::new(JWT)));
        assert_eq!(of("-", NamedBy::Option), IdentityToken::Stdin);
        for path in ["token.jwt", "/var/run/a.b.c", "eyJ.json", "-x", "a.b.c"] {
            assert_eq!(of(path, NamedBy::Option), IdentityToken::File(path.into(), NamedBy::Option), "{path}");
        }
        // A variable has no stdin to mean.
        assert!(matches!(of("-", NamedBy::Variable), IdentityToken::File(..)));
    }

    #[test]
    fn what_may_be_a_token_is_not_quoted() {
        let failure = of("hunter2", NamedBy::Variable).read().unwrap_err();
        assert!(!failure.to_string().contains("hunter2"), "{failure}");
        assert_eq!(failure.status, Status::SignInNeeded);
    }
}
