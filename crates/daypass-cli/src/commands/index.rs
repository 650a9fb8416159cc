//! `daypass index`: files into an index, and out of one.

use std::sync::{Mutex, PoisonError};

use daypass_core::{
    clock::Clock,
    names::{IndexName, InvalidName, ProjectName},
    public_url::PublicUrl,
    secret::Secret,
};

use crate::{
    arguments::index::Index,
    credential::{Wanted, obtain},
    environment::Environment,
    failure::Failure,
    server::Server,
};

mod candidates;
mod export;
mod import;
mod mirror;
mod other_index;

/// Runs `command`.
pub(crate) fn run(command: &Index, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    match command {
        Index::Import(arguments) => import::run(arguments, environment, clock),
        Index::Export(arguments) => export::run(arguments, environment, clock),
    }
}

/// Our server, and a credential for it that does not end before a long work does.
struct Ours<'a> {
    server: &'a Server,
    environment: &'a Environment,
    clock: &'a dyn Clock,
    /// One thread at a time looks for a credential.
    turn: Mutex<()>,
}

impl<'a> Ours<'a> {
    fn new(server: &'a Server, environment: &'a Environment, clock: &'a dyn Clock) -> Self {
        Self { server, environment, clock, turn: Mutex::new(()) }
    }

    fn url(&self) -> &PublicUrl {
        &self.server.url
    }

    /// An access token with enough life left: from the cache, or a new one.
    fn access_token(&self) -> Result<Secret, Failure> {
        let _one = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(obtain(Wanted::of(self.server), self.environment, self.clock)?.access_token)
    }
}

fn index_name(text: &str) -> Result<IndexName, Failure> {
    text.parse().map_err(|error: InvalidName| Failure::usage(format!("`--index`: {error}")))
}

fn project_names(texts: &[String]) -> Result<Vec<ProjectName>, Failure> {
    let wrong = |error: InvalidName| Failure::usage(format!("`--project`: {error}"));
    texts.iter().map(|text| text.parse().map_err(wrong)).collect()
}
