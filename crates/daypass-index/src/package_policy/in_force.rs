//! The policy that is in force, with the advisories that belong to it: replaced as one, while it serves.

use std::{path::Path, sync::Arc};

use arc_swap::{ArcSwap, Guard};

use super::{
    Origin, PackagePolicy,
    advisory::Advisories,
    osv_files::{self, Unreadable},
};

/// A policy and its advisories.
#[derive(Debug, Default)]
pub struct InForce {
    pub(crate) policy: PackagePolicy,
    pub(crate) advisories: Advisories,
}

impl InForce {
    /// The policy with the advisories that it names, in folders and zip files relative to `base`. Takes a while: not on
    /// a thread that serves requests.
    ///
    /// # Errors
    /// When one of them cannot be read. A list of malware that is read in part is worse than an old one.
    pub fn load(policy: PackagePolicy, base: &Path) -> Result<Self, Unreadable> {
        let mut advisories = Advisories::default();
        for path in &policy.osv {
            osv_files::read(&base.join(path), &mut advisories)?;
        }
        advisories.settle();
        Ok(Self { policy, advisories })
    }

    /// How many advisories about Python packages were read.
    pub fn advisories(&self) -> usize {
        self.advisories.len()
    }

    /// What it means, in sentences.
    pub fn told(&self) -> Vec<String> {
        self.policy.told(self.advisories.len())
    }

    pub(crate) fn concerns(&self, origin: Origin) -> bool {
        self.policy.concerns(origin, &self.advisories)
    }
}

/// A handle to the policy that is in force. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub struct LivePolicy(Arc<ArcSwap<InForce>>);

impl LivePolicy {
    /// A handle to this policy.
    pub fn new(policy: InForce) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(policy)))
    }

    /// Puts another policy in force, for every request from now on.
    pub fn replace(&self, policy: InForce) {
        self.0.store(Arc::new(policy));
    }

    /// What it means, in sentences.
    pub fn told(&self) -> Vec<String> {
        self.load().told()
    }

    pub(crate) fn load(&self) -> Guard<Arc<InForce>> {
        self.0.load()
    }
}

/// Without a policy nothing is blocked, and what others upload waits for seven days.
impl Default for LivePolicy {
    fn default() -> Self {
        Self::new(InForce::default())
    }
}

impl PartialEq for LivePolicy {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for LivePolicy {}
