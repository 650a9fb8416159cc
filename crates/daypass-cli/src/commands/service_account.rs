//! `daypass service-account keygen`: makes the key of a machine that nothing else vouches for.

use std::path::Path;

use daypass_core::{
    names::{InvalidName, ServiceAccountName},
    service_account,
};
use daypass_oidc::assertion::AssertionKey;
use serde::Serialize;
use serde_json::Value;

use crate::{
    arguments::{Format, Keygen},
    failure::Failure,
    key_file, output,
};

#[derive(Serialize)]
struct Answer<'a> {
    name: &'a ServiceAccountName,
    client_id: String,
    key_file: &'a Path,
    public_jwk: Value,
}

/// Makes a key, and prints its public half.
pub(crate) fn keygen(arguments: &Keygen) -> Result<(), Failure> {
    let name: ServiceAccountName =
        arguments.name.parse().map_err(|error: InvalidName| Failure::usage(error.to_string()))?;
    let key = AssertionKey::generate().map_err(|error| Failure::local(error.to_string()))?;
    key_file::write_new(&arguments.out, &key)?;
    let public_jwk = key.public_jwk();
    match arguments.output {
        Format::Json => output::json(&Answer {
            client_id: service_account::subject(&name),
            key_file: &arguments.out,
            name: &name,
            public_jwk,
        }),
        Format::Text => {
            output::data(&snippet(&name, &public_jwk))?;
            output::note(&format!(
                "\nhint: this goes into the server's policy, with the `grants` that the machine needs; then \
                 `daypass login SERVER --service-account {name} --key {}` signs in",
                arguments.out.display()
            ));
            Ok(())
        }
    }
}

/// What the policy needs.
fn snippet(name: &ServiceAccountName, jwk: &Value) -> String {
    let member = |name: &str| jwk.get(name).and_then(Value::as_str).map(|value| format!("{name} = \"{value}\""));
    let members: Vec<_> = ["kty", "crv", "alg", "kid", "x", "y"].into_iter().filter_map(member).collect();
    format!(
        "[[service_account]]\nname = \"{name}\"\nkeys = {{ inline = {{ keys = [ {{ {} }} ] }} }}\n\
         grants = [ {{ index = \"python\", projects = [\"*\"], actions = [\"pull\"] }} ]\n",
        members.join(", ")
    )
}
