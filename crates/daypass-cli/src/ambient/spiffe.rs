//! SPIFFE: the Workload API of an agent on this machine (SPIFFE Workload API §4, JWT-SVID profile).
//!
//! Not on Windows, where the agent is behind a named pipe.

use daypass_core::public_url::PublicUrl;

use super::{Asked, Audience, Kind, Proof, Provider, Seen, Supply, machine::Machine};
use crate::failure::{Failure, Status};

const TITLE: &str = "SPIFFE";

/// The specification's variable (SPIFFE Workload Endpoint §4).
const ENDPOINT: &str = "SPIFFE_ENDPOINT_SOCKET";

pub(super) const PROVIDER: Provider = Provider {
    name: "spiffe",
    title: TITLE,
    kind: Kind::Machine,
    audience: Audience::Asked,
    supply: Supply::Kept,
    look,
    get,
};

fn look(machine: &dyn Machine, _: Option<&PublicUrl>) -> Seen {
    if cfg!(not(unix)) {
        return Seen::not_here("there is no Workload API on this system");
    }
    match machine.variable(ENDPOINT) {
        Some(endpoint) if ["unix:", "tcp:"].iter().any(|scheme| endpoint.starts_with(scheme)) => {
            Seen::here(format!("`{ENDPOINT}` is set"))
        }
        Some(_) => Seen::misconfigured(
            format!("`{ENDPOINT}` is neither a `unix:` nor a `tcp:` URI"),
            "set it to such as `unix:///run/spire/agent/public/api.sock`",
        ),
        // SPIRE's own default lies in `/tmp`, where any user may be the first to listen: it is never tried.
        None => Seen::not_here(format!("`{ENDPOINT}` is not set")),
    }
}

fn get(machine: &dyn Machine, asked: Asked<'_>) -> Result<Proof, Failure> {
    let not_set = || Failure::new(Status::SignInNeeded, format!("`{ENDPOINT}` is not set"));
    let endpoint = machine.variable(ENDPOINT).ok_or_else(not_set)?;
    fetch(&endpoint, asked.audience).map(Proof::Jwt)
}

#[cfg(unix)]
fn fetch(endpoint: &str, audience: &str) -> Result<daypass_core::secret::Secret, Failure> {
    use std::time::Duration;

    use crate::issuer_client::run;

    /// How long the agent may take: it may have to ask its server.
    const PATIENCE: Duration = Duration::from_secs(5);

    let failure = |why: String| Failure::new(Status::Unreachable, format!("{TITLE} gives no identity token: {why}"));
    let fetched = run(async {
        tokio::time::timeout(PATIENCE, async {
            let client = ::spiffe::WorkloadApiClient::connect_to(endpoint).await?;
            client.fetch_jwt_token([audience], None).await
        })
        .await
    })?;
    match fetched {
        Ok(Ok(token)) => Ok(daypass_core::secret::Secret::new(token)),
        Ok(Err(error)) => Err(failure(daypass_oidc::shown::shown(&error.to_string()))
            .hint("register this workload with the agent: an entry whose selectors match this process")),
        Err(_) => Err(failure("the agent does not answer within 5 seconds".to_owned())),
    }
}

#[cfg(not(unix))]
fn fetch(_: &str, _: &str) -> Result<daypass_core::secret::Secret, Failure> {
    Err(Failure::new(Status::SignInNeeded, "there is no Workload API on this system"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_is_away_is_told_soon() {
        for endpoint in ["unix:///no/such/socket", "tcp://127.0.0.1:1", "unix:nonsense", "tcp://localhost:1"] {
            let failure = fetch(endpoint, "https://packages.example.com").unwrap_err();
            assert!(failure.message.starts_with("SPIFFE gives no identity token: "), "{endpoint}: {failure}");
        }
    }
}
