//! The policy that was made over the API, as the store has it, and how every replica follows it.
//!
//! What is *not* here: the files (whoever may touch files reads them), and changing it (`admin`).

use std::sync::atomic::{AtomicI64, Ordering};

use daypass_core::policy::Objects;
use daypass_store::{PolicyObjects, Store, StoreError};
use serde_json::Value;

use crate::issuer::Parts;

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
    /// Puts in force what is stored now, if that is not what is in force. What makes no sense with the files changes
    /// nothing; it is told once, and tried again, since the files may change.
    pub(crate) async fn follow_policy(&self) {
        /// The version that was complained about last.
        static TOLD: AtomicI64 = AtomicI64::new(-1);
        let version = match self.store.policy_version().await {
            Ok(version) => version,
            Err(error) => return tracing::warn!(%error, "could not follow the stored policy"),
        };
        if version == self.trust.in_force().stored.version {
            return;
        }
        let replaced = match StoredPolicy::read(&self.store).await {
            Ok(stored) => self.trust.replace_stored(stored).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match replaced {
            Ok(()) => tracing::info!(version, "the stored policy changed"),
            Err(error) if TOLD.swap(version, Ordering::Relaxed) != version => {
                tracing::error!(error, version, "the stored policy is not valid; the one before stays in force");
            }
            Err(_) => {}
        }
    }
}
