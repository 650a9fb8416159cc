//! A service account as it is written: an identity and the issuer that vouches for it alone, in one table.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    WrittenIdentity,
    identity::{WrittenNetwork, WrittenTtl},
    issuer::WrittenKeys,
};
use crate::{
    grant::Grant, identity::Identity, issuer::TrustedIssuer, names::ServiceAccountName, policy::InvalidPolicy,
    service_account,
};

#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ServiceAccount")]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct WrittenServiceAccount {
    name: ServiceAccountName,
    description: Option<Box<str>>,
    keys: WrittenKeys,
    #[serde(default)]
    networks: Vec<WrittenNetwork>,
    #[serde(default)]
    grants: Vec<Grant>,
    ttl: Option<WrittenTtl>,
    expires_at: Option<Timestamp>,
    enabled: Option<bool>,
}

impl WrittenServiceAccount {
    pub(in crate::policy) fn check(self) -> Result<(TrustedIssuer, Identity), InvalidPolicy> {
        let name = self.name;
        let refuse = |reason: String| InvalidPolicy::Makes { kind: "service account", name: name.to_string(), reason };
        self.keys.check_public().map_err(&refuse)?;
        let keys = self.keys.given().ok_or_else(|| {
            refuse("its `keys` are `{ jwks = \"FILE\" }` or `{ inline = { keys = [ … ] } }`".to_owned())
        })?;
        let issuer = service_account::issuer(&name, keys).map_err(|error| refuse(error.to_string()))?;
        let identity = WrittenIdentity {
            name: service_account::identity(&name).map_err(|error| refuse(error.to_string()))?,
            description: self.description,
            issuer: issuer.name.clone(),
            claims: service_account::claims(&name),
            when: None,
            networks: self.networks,
            grants: self.grants,
            ttl: self.ttl,
            expires_at: self.expires_at,
            enabled: self.enabled,
            mode: None,
        };
        Ok((issuer, identity.check()?))
    }
}

/// Service accounts as what they are: issuers and identities.
pub(super) fn check_all(
    written: Vec<WrittenServiceAccount>,
) -> Result<(Vec<TrustedIssuer>, Vec<Identity>), InvalidPolicy> {
    let mut names = BTreeSet::new();
    for account in &written {
        if !names.insert(&account.name) {
            return Err(InvalidPolicy::Twice { kind: "service account", name: account.name.to_string() });
        }
    }
    let checked = written.into_iter().map(WrittenServiceAccount::check).collect::<Result<Vec<_>, _>>()?;
    Ok(checked.into_iter().unzip())
}

#[cfg(test)]
mod tests {
    use crate::{
        grant::Action,
        issuer::{KeySource, Replay},
        policy::Policy,
    };

    const GOOD: &str = r#"
        [[service_account]]
        name = "build-box"
        keys = { inline = { keys = [ { kty = "EC", crv = "P-256", x = "x", y = "y" } ] } }
        grants = [ { index = "python", projects = ["acme-*"], actions = ["pull"] } ]
        ttl = "15m"
    "#;

    fn load(text: &str) -> Result<Policy, String> {
        Policy::parse(text).and_then(|part| Policy::merge([part])).map_err(|error| error.to_string())
    }

    #[test]
    fn a_service_account_is_an_identity_of_an_issuer_of_its_own() {
        let policy = load(GOOD).unwrap();
        let ([issuer], [identity]) = (policy.issuers(), policy.identities()) else { panic!("one of each") };
        assert_eq!((&*issuer.url, identity.name.as_str()), ("service-account:build-box", "service-account/build-box"));
        assert!(matches!(issuer.keys, KeySource::Inline(_)));
        assert_eq!((issuer.replay, issuer.limits.longest_life.as_secs()), (Replay::Once, 300));
        assert_eq!((identity.ttl.as_secs(), identity.grants[0].actions.as_slice()), (900, &[Action::Pull][..]));
        let by_role =
            GOOD.replace("grants = [ { index = \"python\", projects = [\"acme-*\"], actions = [\"pull\"] } ]", "");
        let role = "\n[[role]]\nrole = \"reader\"\nindex = \"python\"\nidentities = [\"service-account/build-box\"]";
        assert!(load(&by_role).is_err() && load(&format!("{by_role}{role}")).is_ok());
    }

    #[test]
    fn what_could_go_wrong_is_refused_with_the_reason() {
        for (from, to, expected) in [
            ("ttl =", "tll =", "unknown field"),
            ("name = \"build-box\"", "name = \"build box\"", "not a valid service account name"),
            (
                "inline = { keys = [ { kty = \"EC\", crv = \"P-256\", x = \"x\", y = \"y\" } ] }",
                "discovery = true",
                "its `keys` are",
            ),
            ("{ keys = [ { kty = \"EC\", crv = \"P-256\", x = \"x\", y = \"y\" } ] }", "1", "its `keys` are"),
            ("keys = { inline", "kyes = { inline", "unknown field"),
            ("\"15m\"", "\"25h\"", "longer than 24 hours"),
            ("[\"pull\"]", "[]", "at least one"),
            ("ttl =", "claims = {}\nttl =", "unknown field"),
        ] {
            let error = load(&GOOD.replace(from, to)).expect_err(to);
            assert!(error.contains(expected), "{from} -> {to}: {error}");
        }
        assert!(load(&format!("{GOOD}{GOOD}")).unwrap_err().contains("`build-box` is defined twice"));
        let same = "[[issuer]]\nname = \"x\"\nurl = \"service-account:build-box\"\nkeys = { discovery = true }";
        assert!(load(same).unwrap_err().contains("is not"), "no issuer can take its place");
    }
}
