//! An operator's policy file, a claim rule, a condition: any text. Nothing may panic or take long, and what is read says
//! the same when it is written and read again.
#![no_main]

use daypass_core::{
    Timestamp,
    claim_rule::ClaimRule,
    claims::Claims,
    condition::Condition,
    decide::{Ask, decide},
    lint::lint,
    policy::Policy,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let claims = json!({ "sub": "x", "repository_id": "74", "list": ["a"], "nested": { "a": 1 }, "ok": true });
    if let Ok(condition) = Condition::parse(text) {
        let _ = condition.holds(claims.as_object().expect("an object"));
    }
    if let Ok(value) = serde_json::from_str::<Value>(text)
        && let Ok(rule) = ClaimRule::read(&value)
    {
        assert_eq!(ClaimRule::read(&rule.to_json()).as_ref(), Ok(&rule));
        assert!(!rule.holds(&Value::Null));
    }
    let Ok(policy) = Policy::parse(text).and_then(|part| Policy::merge([part])) else { return };
    let _ = lint(&policy);
    for issuer in policy.issuers() {
        let claims = Claims::proven(&issuer.url, claims.as_object().expect("an object").clone());
        let ask = Ask {
            issuer,
            claims: &claims,
            identity: None,
            needs: None,
            life: None,
            peer: None,
            now: Timestamp::UNIX_EPOCH,
        };
        if let Ok(permit) = decide(&ask, &policy) {
            let identity = policy.identity_called(permit.identity.as_str()).expect("it is there");
            assert!(identity.differences(&claims).is_empty() && identity.enabled);
        }
    }
});
