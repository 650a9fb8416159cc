//! Steps of the signing keys' life, taken: keys are made and sealed, and the store is asked to change what it has.
//!
//! What is *not* here: which step is due (`daypass_core::key_rotation`).

use daypass_core::{
    Timestamp,
    audit::{AuditEvent, AuditKind, Outcome},
    key_rotation::{Key, KeyState, Step},
};
use daypass_store::{KeyChange, Store, StoredKey};

use crate::{error::IssuerError, key_encryption::KeyEncryptionKey, signing_key::SigningKey};

/// Who takes the steps, for the auditor.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    /// A server that starts.
    Start,
    /// A server that runs.
    Rotation,
    /// The operator, on the server's own machine.
    Operator,
}

impl By {
    /// What stands in the audit log for the request id: nobody asked over HTTP.
    const fn request(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Rotation => "rotation",
            Self::Operator => "daypassd",
        }
    }

    fn event(self, what: AuditKind, kid: &str, now: Timestamp) -> AuditEvent {
        let mut event = AuditEvent::new(now, what, Outcome::Success, self.request());
        let by = if matches!(self, Self::Operator) { ", by the operator" } else { "" };
        event.reason = Some(format!("signing key `{kid}`{by}"));
        event
    }
}

/// What the rules need to know of the keys.
pub(crate) fn for_the_rules(stored: &[StoredKey]) -> Vec<Key> {
    stored.iter().map(|stored| stored.key.clone()).collect()
}

/// Takes all of `steps`, or none: `false` when the keys are not those that were `seen` any more.
///
/// # Errors
/// [`IssuerError::WrongKeyEncryptionKey`] when `kek` does not open what is in use: the servers could not open what it
/// sealed, and would sign nothing.
pub(crate) async fn take(
    store: &Store,
    kek: &KeyEncryptionKey,
    seen: &[StoredKey],
    steps: &[Step],
    now: Timestamp,
    by: By,
) -> Result<bool, IssuerError> {
    if let Some(active) = seen.iter().rfind(|stored| stored.key.state == KeyState::Active) {
        SigningKey::open(active, kek)?;
    }
    let newest = seen.iter().map(|stored| stored.generation).max().unwrap_or(0);
    let mut changes = Vec::with_capacity(steps.len());
    for (step, generation) in steps.iter().zip(newest.saturating_add(1)..) {
        let (change, what, kid) = match step {
            Step::Make(state) => {
                let (_, new) = SigningKey::generate(generation, *state, now, kek)?;
                let kid = new.key.kid.clone();
                (KeyChange::Add(new), AuditKind::KeyCreated, kid)
            }
            Step::Activate(kid) => {
                if let Some(next) = seen.iter().find(|stored| stored.key.kid == *kid) {
                    SigningKey::open(next, kek)?;
                }
                (KeyChange::Activate(kid.clone(), now), AuditKind::KeyActivated, kid.clone())
            }
            Step::Retire(kid) => (KeyChange::Retire(kid.clone(), now), AuditKind::KeyRetired, kid.clone()),
            Step::Remove(kid) => (KeyChange::Remove(kid.clone()), AuditKind::KeyRemoved, kid.clone()),
            Step::Revoke(kid) => (KeyChange::Remove(kid.clone()), AuditKind::KeyRevoked, kid.clone()),
        };
        changes.push((change, by.event(what, &kid, now)));
    }
    Ok(store.change_signing_keys(seen, changes).await?)
}
