//! A stranger's outside token: any bytes at all. Nothing may panic, and nothing that no key signed may be accepted.
#![no_main]

use std::sync::LazyLock;

use daypass_core::{Timestamp, issuer::Limits};
use daypass_oidc::{
    jwks::KeySet,
    verify::{ExpectedOutside, peek, verify_outside_token},
};
use libfuzzer_sys::fuzz_target;

/// The public key of RFC 7515 appendix A.3. Nobody here has signed anything with it.
const KEYS: &[u8] = br#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"a"}]}"#;

static KEY_SET: LazyLock<KeySet> = LazyLock::new(|| KeySet::parse(KEYS).expect("a key set"));

fuzz_target!(|bytes: &[u8]| {
    // The document of an issuer is a stranger's, too.
    let _ = KeySet::parse(bytes);
    let Ok(raw) = std::str::from_utf8(bytes) else { return };
    let peeked = peek(raw);
    let limits = Limits::default();
    let audiences = ["https://packages.example.com".into()];
    let expected = ExpectedOutside {
        issuer_url: "https://ci.example.com",
        audiences: &audiences,
        limits: &limits,
        now: Timestamp::UNIX_EPOCH,
    };
    let verified = verify_outside_token(raw, &expected, &KEY_SET);
    assert!(verified.is_err(), "nobody signed this");
    if peeked.is_err() {
        assert!(!verified.is_err_and(|refused| refused.is_after_proof()), "what cannot be read proves nothing");
    }
});
