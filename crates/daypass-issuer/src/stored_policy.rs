//! The policy that was made over the API, as the store has it, and how every replica follows it.
//!
//! What is *not* here: the files (whoever may touch files reads them), and changing it (`admin`).

use daypass_core::policy::Objects;
use daypass_store::{PolicyObjects, Store, StoreError};
use serde_json::Value;

use crate::{error::IssuerError, issuer::Parts};

/// Policy objects, and which state of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct StoredPolicy {
    /// Grows with every change.
    pub(crate) version: i64,
    /// The objects.
    pub(crate) objects: Objects,
    /// The names of what is of no kind that is known here: a newer version stored it.
    pub(crate) unknown: Vec<String>,
}

impl StoredPolicy {
    /// What is stored now.
    pub(crate) async fn read(store: &Store) -> Result<Self, StoreError> {
        Ok(Self::of(store.policy_objects().await?))
    }

    /// What cannot be read is an object all the same: it is shown, left out, and can be deleted.
    fn of(stored: PolicyObjects) -> Self {
        let mut all = Self { version: stored.version, ..Self::default() };
        for object in stored.objects {
            let body = serde_json::from_str(&object.body).unwrap_or(Value::String(object.body));
            match object.kind.parse() {
                Ok(kind) => all.objects.insert(kind, &object.name, &body),
                Err(_) => all.unknown.push(object.name),
            }
        }
        all
    }
}

impl Parts {
    /// Puts in force what is stored now, if that is later than what is in force.
    ///
    /// # Errors
    /// When it is not known what is stored, or that could not be put in force.
    pub(crate) async fn follow_policy(&self) -> Result<(), IssuerError> {
        let version = self.store.policy_version().await?;
        if version > self.trust.in_force().stored.version {
            self.trust.replace_stored(StoredPolicy::read(&self.store).await?)?;
            tracing::info!(version, "the stored policy changed");
        }
        Ok(())
    }
}
