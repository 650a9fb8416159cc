//! Answering other tools in their own credential-helper protocols.
//!
//! A helper is called many times and answers from the cache nearly always, so it is looked for before the command
//! line is parsed properly, and that path starts no async runtime and no TLS.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use daypass_core::clock::Clock;

use crate::{environment::Environment, failure::Failure, sign_in};

pub(crate) mod keyring;

/// Answers a helper's call, of this program under the name `name`. `None`: the command line is something else, or asks
/// for help.
pub(crate) fn answer(
    name: &OsStr,
    arguments: &[OsString],
    environment: &Environment,
    clock: &dyn Clock,
) -> Option<Result<(), Failure>> {
    if Path::new(name).file_stem().is_some_and(|stem| stem == "keyring") {
        return Some(keyring::program(arguments, environment, clock));
    }
    match arguments {
        [helper, protocol, rest @ ..] if helper == "helper" && protocol == "keyring" => {
            if rest.iter().any(|argument| argument == "--help" || argument == "-h") || rest.is_empty() {
                return None;
            }
            Some(keyring::answer(rest, environment, clock))
        }
        [helper, command] if helper == "helper" && command == sign_in::HIDDEN_COMMAND => Some(sign_in::open_here()),
        _ => None,
    }
}
