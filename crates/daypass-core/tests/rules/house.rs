//! What the tests of rules share: a policy in few words, and a decision.

use daypass_core::{
    Timestamp,
    claims::Claims,
    decide::{Ask, Denied, Permit, decide},
    policy::{InvalidPolicy, Policy},
};
use serde_json::{Value, json};

/// The one identity of [`policy`].
pub(crate) const NAME: &str = "ci/app";

/// A policy with one issuer and one identity, `members` over what is usual for each.
pub(crate) fn policy(issuer: &Value, identity: &Value) -> Result<Policy, InvalidPolicy> {
    let grants = json!([{ "index": "python", "projects": ["*"], "actions": ["pull"] }]);
    let mut whole = json!({
        "issuer": [{ "name": "ci" }],
        "identity": [{ "name": NAME, "issuer": "ci", "grants": grants }],
    });
    overlay(&mut whole["issuer"][0], issuer);
    overlay(&mut whole["identity"][0], identity);
    Policy::merge([Policy::from_json(&whole)?])
}

/// A policy of a preset, with these claims pinned.
pub(crate) fn preset(name: &str, claims: &Value) -> Result<Policy, InvalidPolicy> {
    policy(&json!({ "preset": name }), &json!({ "claims": claims }))
}

/// Lays `over`'s members over `base`'s.
pub(crate) fn overlay(base: &mut Value, over: &Value) {
    for (name, value) in over.as_object().unwrap() {
        base[name.as_str()] = value.clone();
    }
}

/// What a proven token with these claims gets.
pub(crate) fn ask(policy: &Policy, claims: &Value) -> Result<Permit, Denied> {
    let [issuer] = policy.issuers() else { panic!("one issuer") };
    let claims = Claims::proven(&issuer.url, claims.as_object().unwrap().clone());
    let peer = Some("192.0.2.7".parse().unwrap());
    decide(
        &Ask {
            issuer,
            claims: &claims,
            identity: Some(NAME),
            needs: None,
            life: None,
            peer,
            now: Timestamp::UNIX_EPOCH,
        },
        policy,
    )
}

/// The code of the refusal.
pub(crate) fn refused(policy: &Policy, claims: &Value) -> &'static str {
    ask(policy, claims).expect_err("it is refused").code()
}
