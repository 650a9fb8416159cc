//! `daypass completion`: a script that completes the command line in a shell.

use clap::CommandFactory;

use crate::{
    arguments::{Arguments, Completion},
    failure::Failure,
    output,
};

/// Prints the script.
pub(crate) fn run(arguments: &Completion) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "daypass", &mut script);
    output::data(&String::from_utf8_lossy(&script))
}
