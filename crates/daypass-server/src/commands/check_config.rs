//! `daypassd check-config`.

use std::fmt::Write;

use daypass_core::claim_rule::ClaimPath;

use super::say;
use crate::{
    arguments::Place,
    config::{Settings, attestations},
    failure::Failure,
    package_policy_files::PackagePolicies,
    policy_files,
};

/// Reads everything the server would read, opens nothing, and says what it means.
pub(crate) fn run(place: &Place) -> Result<(), Failure> {
    let settings = Settings::read(place)?;
    let loaded = policy_files::load(&settings.policy).0?;
    attestations::read(settings.trusted_root.as_deref())?;
    PackagePolicies::load(&settings)?;
    say(&describe(&settings, &loaded.policy).unwrap_or_default())
}

fn describe(settings: &Settings, policy: &daypass_core::policy::Policy) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "listen      {}", settings.listen)?;
    match &settings.public_url {
        Some(url) => writeln!(text, "public URL  {url}")?,
        None => writeln!(text, "public URL  the address it listens on")?,
    }
    writeln!(text, "data        {}", settings.data.display())?;
    writeln!(text, "database    {}", settings.database)?;
    writeln!(text, "files       {}", settings.files)?;
    for index in &settings.indexes {
        let sources: Vec<String> = index.sources.iter().map(ToString::to_string).collect();
        let upstream = sources.join(", then ");
        writeln!(text, "index       {}: {upstream}", index.name)?;
    }
    for index in &settings.indexes {
        for line in index.policy.told() {
            writeln!(text, "packages    {}: {line}", index.name)?;
        }
    }
    for issuer in policy.issuers() {
        writeln!(text, "issuer      {}: {}", issuer.name, issuer.url)?;
    }
    for identity in policy.identities() {
        let claims: Vec<_> = identity.rules.keys().map(ClaimPath::as_str).collect();
        writeln!(text, "identity    {}: {} by {}", identity.name, identity.issuer, claims.join(", "))?;
    }
    for finding in daypass_core::lint::lint(policy) {
        writeln!(text, "lint        {finding}")?;
    }
    Ok(text)
}
