//! `daypass admin`: issuers, identities and roles of a server, one by one or all at once.

use daypass_core::{clock::Clock, policy::ObjectKind};

use crate::{
    arguments::{Admin, AdminIdentity, AdminIssuer, AdminRole},
    commands::{audit, explain},
    credential::{Wanted, obtain},
    environment::Environment,
    failure::Failure,
    issuer_client::policy::Administration,
    output,
    trust::Trusted,
};

mod claims;
mod create;
mod index;
mod lint;
mod object;
mod shown;
mod whole;

/// Runs `command`.
pub(crate) fn run(command: Admin, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    use ObjectKind::{Identity, Issuer, Role};
    let there = There { environment, clock };
    match command {
        Admin::Audit(arguments) => audit::run(&arguments, environment, clock),
        Admin::Issuer(command) => match command {
            AdminIssuer::List(arguments) => object::list(&there, Issuer, &arguments),
            AdminIssuer::Show(arguments) => object::show(&there, Issuer, &arguments),
            AdminIssuer::Create(arguments) => create::issuer(&there, &arguments),
            AdminIssuer::Delete(arguments) => object::delete(&there, Issuer, &arguments),
        },
        Admin::Identity(command) => match command {
            AdminIdentity::Explain(arguments) => explain::run(&arguments, environment, clock),
            AdminIdentity::Lint(arguments) => lint::run(&arguments),
            AdminIdentity::List(arguments) => object::list(&there, Identity, &arguments),
            AdminIdentity::Show(arguments) => object::show(&there, Identity, &arguments),
            AdminIdentity::Create(arguments) => create::identity(&there, &arguments),
            AdminIdentity::Delete(arguments) => object::delete(&there, Identity, &arguments),
            AdminIdentity::Enable(arguments) => object::switch(&there, &arguments, true),
            AdminIdentity::Disable(arguments) => object::switch(&there, &arguments, false),
        },
        Admin::Role(command) => match command {
            AdminRole::List(arguments) => object::list(&there, Role, &arguments),
            AdminRole::Show(arguments) => object::show(&there, Role, &arguments),
            AdminRole::Create(arguments) => create::role(&there, &arguments),
            AdminRole::Delete(arguments) => object::delete(&there, Role, &arguments),
        },
        Admin::Index(command) => index::run(&there, command),
        Admin::Plan(arguments) => whole::plan(&there, &arguments),
        Admin::Apply(arguments) => whole::apply(&there, &arguments),
        Admin::Schema => output::json(&daypass_core::policy::schema()),
    }
}

/// What it takes to reach the server.
struct There<'a> {
    environment: &'a Environment,
    clock: &'a dyn Clock,
}

impl There<'_> {
    /// Does something with the administration of the only server that is known, as whoever is signed in there.
    fn with<T>(&self, ask: impl FnOnce(&Administration<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let trusted = Trusted::load(self.environment)?;
        let server = trusted.only()?;
        let entry = obtain(Wanted::of(server), self.environment, self.clock)?;
        ask(&Administration { server: &server.url, access_token: &entry.access_token })
    }
}
