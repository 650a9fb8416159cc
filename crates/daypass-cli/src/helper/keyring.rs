//! The `keyring` program's command line: the one interface that pip, uv, pdm, pipx and `build` share.
//!
//! | asked | asked by | answered |
//! |---|---|---|
//! | `get URL` | our own keyring backend | one line of JSON |
//! | `--mode=creds --output=json get SERVICE [USER]` | pip | `{"username": …, "password": …}` |
//! | `get SERVICE USER` | older pip, uv, pixi | the password |
//! | `get SERVICE --mode creds` | uv | user name and password on two lines |
//! | `--mode=creds get SERVICE ""` | pdm | the same |
//! | `--mode=password get SERVICE USER` | pdm | the password |
//!
//! *Not ours* is exit status 1 without a word, at once: these tools ask about every host they meet, and about
//! words that are no host.

use std::{ffi::OsString, io::IsTerminal};

use daypass_core::{access_token::ACCESS_TOKEN_USERNAME, clock::Clock};

use crate::{
    credential::{Wanted, obtain},
    environment::Environment,
    failure::Failure,
    output,
    prompt::Prompt,
    service::Service,
    trust::Trusted,
};

mod ask;
mod next;

use ask::{Ask, Shape};

/// Answers one call, given what follows `helper keyring`.
pub(crate) fn answer(arguments: &[OsString], environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let ask = Ask::parse(arguments)?;
    let service = Service::parse(&ask.service).ok_or_else(Failure::silent)?;
    let trusted = Trusted::load(environment)?;
    let server = trusted.server_of(&service, ask.username.as_deref()).ok_or_else(Failure::silent)?;
    let obtained = obtain(Wanted::of(server), environment, clock);
    let entry = obtained.inspect_err(|failure| tell_in_terminal(failure, environment))?;
    // pip looks its own cache up by the user name that stands in the URL: any other name makes it ask us again for
    // every single request.
    let username = ask.username.as_deref().filter(|name| !name.is_empty()).unwrap_or(ACCESS_TOKEN_USERNAME);
    output::data(&ask.shape.write(username, entry.access_token.expose()))
}

/// Answers as the program `keyring` itself, which stands before others of that name on `PATH`: what is not for us is for
/// the next of them.
pub(crate) fn program(arguments: &[OsString], environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    // A configuration that cannot be read makes nobody ours; where there is no other program, it is told below.
    let ours = Ask::parse(arguments).is_ok_and(|ask| {
        let trusted = Trusted::load(environment);
        Service::parse(&ask.service)
            .is_some_and(|service| trusted.is_ok_and(|trusted| trusted.server_of(&service, None).is_some()))
    });
    match next::find(environment.machine()).filter(|_| !ours) {
        Some(next) => next::become_it(&next, arguments),
        None => answer(arguments, environment, clock),
    }
}

/// Tells the person in the terminal what went wrong, where the tool that called us keeps stderr to itself.
fn tell_in_terminal(failure: &Failure, environment: &Environment) {
    let prompt = Prompt::open();
    if environment.surroundings.ci.is_none() && prompt.has_terminal() && !std::io::stderr().is_terminal() {
        prompt.tell(&format!("\ndaypass: {}", failure.to_string().trim_end()));
    }
}

impl Shape {
    /// The answer, byte for byte as Python's `keyring` writes it.
    fn write(self, username: &str, password: &str) -> String {
        let (user, pass) = (quoted(username), quoted(password));
        match self {
            Self::Line => format!("{{\"username\":{user},\"password\":{pass}}}\n"),
            Self::CredentialJson => format!("{{\"username\": {user}, \"password\": {pass}}}\n"),
            Self::CredentialPlain => format!("{username}\n{password}\n"),
            Self::PasswordJson => format!("{{\"password\": {pass}}}\n"),
            Self::PasswordPlain => format!("{password}\n"),
        }
    }
}

/// A JSON string in ASCII only, as Python's `json.dumps` writes it: no reader can mistake its encoding.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(b'"') => quoted.push_str("\\\""),
            Ok(b'\\') => quoted.push_str("\\\\"),
            Ok(byte @ 0x20..0x7f) => quoted.push(char::from(byte)),
            _ => quoted.extend(["\\u", &format!("{unit:04x}")]),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_in_ascii() {
        assert_eq!(quoted("a\"b\\c\nü𝄞"), r#""a\"b\\c\u000a\u00fc\ud834\udd1e""#);
        for text in ["plain", "a\"b\\c\nü𝄞\u{7f}\u{0}"] {
            assert_eq!(serde_json::from_str::<String>(&quoted(text)).unwrap(), text);
        }
    }
}
