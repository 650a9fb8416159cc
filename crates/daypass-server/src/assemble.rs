//! Puts the parts together.

use std::{path::PathBuf, sync::Arc};

use arc_swap::ArcSwap;
use daypass_core::{
    audit::{AuditEvent, AuditKind, Outcome},
    clock::{Clock, SystemClock},
    policy::Policy,
    public_url::PublicUrl,
};
use daypass_index::{Care, FileStore, FileStoreError, Index, IndexOptions, Pace};
use daypass_issuer::{Issuer, IssuerOptions};
use daypass_store::{Store, StoreError};

use crate::{
    config::{Settings, attestations, byte_size::ByteSize, files::FilesPlace},
    data_folder::{self, DataFolder},
    failure::Failure,
    health::{self, Counters},
    listener::Answers,
    package_policy_files::PackagePolicies,
    policy_files::{self, LOOK_EVERY, Watch},
    proxies::Proxies,
};

/// The parts of a running server.
pub(crate) struct Parts {
    pub(crate) store: Store,
    counters: Arc<Counters>,
    issuer: Issuer,
    index: Index,
    care: Care,
    proxies: Proxies,
    policy: Arc<ArcSwap<Policy>>,
    policy_paths: Vec<PathBuf>,
    watch: Watch,
    package_policies: Option<PackagePolicies>,
    clock: Arc<dyn Clock>,
}

/// Opens the database, with a sentence for what may stand in the way.
pub(crate) async fn open_store(settings: &Settings) -> Result<Store, Failure> {
    Store::open(&settings.database).await.map_err(store_failure)
}

/// Opens the database of a server that was set up before: a folder that was mistyped must not become a second, empty
/// server.
pub(crate) async fn open_existing_store(settings: &Settings) -> Result<Store, Failure> {
    if let Some(path) = settings.database.path()
        && !path.exists()
    {
        return Err(Failure::data(format!("there is no database at {}", path.display())).hint(
            "name the server's data folder with `--data DIR`, or its configuration with `--config FILE`; \
             `daypassd init` makes a new one",
        ));
    }
    open_store(settings).await
}

/// A database error as a failure. The store's sentences end with what to do about them.
#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
pub(crate) fn store_failure(error: StoreError) -> Failure {
    let text = error.to_string();
    match text.rsplit_once(": ") {
        Some((sentence, advice)) => Failure::data(sentence).hint(advice),
        None => Failure::data(text),
    }
}

/// The place for packages, which was not asked anything yet.
pub(crate) fn open_files(settings: &Settings, data: &DataFolder) -> Result<FileStore, Failure> {
    let files = match &settings.files.place {
        FilesPlace::InData => FileStore::folder(&data.files()?),
        FilesPlace::Folder(path) => {
            data_folder::open_folder(path)?;
            FileStore::folder(path)
        }
        FilesPlace::S3(spec) => FileStore::s3(spec, &data.scratch()?),
    };
    let files = files.map_err(|error| files_failure(settings, &error))?;
    Ok(files.with_upstream_quota(settings.files.upstream_quota.map(ByteSize::bytes)))
}

/// The same, and it was found that it can be relied on.
pub(crate) async fn open_probed_files(settings: &Settings, data: &DataFolder) -> Result<FileStore, Failure> {
    let files = open_files(settings, data)?;
    files.probe().await.map_err(|error| files_failure(settings, &error))?;
    Ok(files)
}

fn files_failure(settings: &Settings, error: &FileStoreError) -> Failure {
    let failure = Failure::data(format!("packages cannot be kept ({}): {}", settings.files, error.in_full()));
    failure.hint(match (&settings.files.place, error) {
        (_, FileStoreError::Unfit(_)) => "use another store, or a folder: docs/guides/storage.md says what it must do",
        (FilesPlace::S3(_), _) => {
            "see that bucket, region, endpoint and keys in `[files] s3` are right, and that this machine reaches it"
        }
        _ => "it must be writable by the user that runs daypassd, on a disk with room",
    })
}

impl Parts {
    /// Opens everything.
    pub(crate) async fn open(settings: &Settings, data: &DataFolder, public_url: &PublicUrl) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (loaded, watch) = policy_files::load(&settings.policy);
        let loaded = loaded?;
        let package_policies = PackagePolicies::load(settings)?;
        let key_encryption_key = data.key_encryption_key()?;
        let store = open_store(settings).await?;
        let issuer = Issuer::open(IssuerOptions {
            public_url: public_url.clone(),
            key_encryption_key,
            store: store.clone(),
            policy: loaded,
            clock: clock.clone(),
            sessions: settings.sessions,
            rotate_keys_every: settings.rotate_keys_every,
            indexes: settings.indexes.iter().map(|index| index.name.clone()).collect(),
            allow_loopback_issuers: settings.dev,
        })
        .await
        .map_err(Failure::data)?;
        let files = open_probed_files(settings, data).await?;
        let care = Care::new(store.clone(), files.clone());
        let index = Index::open(IndexOptions {
            public_url: public_url.clone(),
            indexes: settings.indexes.clone(),
            store: store.clone(),
            files,
            keys: issuer.keys(),
            policy: issuer.policy(),
            clock: clock.clone(),
            trust: attestations::read(settings.trusted_root.as_deref())?,
            pace: Pace::default(),
        })
        .await
        .map_err(Failure::data)?;
        let parts = Self {
            store,
            counters: Arc::default(),
            policy: issuer.policy(),
            issuer,
            index,
            care,
            proxies: Proxies::new(settings.trusted_proxies.clone()),
            policy_paths: settings.policy.clone(),
            watch,
            package_policies: Some(package_policies),
            clock,
        };
        parts.record_policy().await?;
        Ok(parts)
    }

    /// What answers requests; `process` is random.
    pub(crate) fn answers(&self, process: u64) -> Arc<Answers> {
        let health = health::router(self.store.clone(), self.counters.clone());
        let router = self.issuer.router().merge(self.index.console()).merge(health);
        Arc::new(Answers::new(router, self.index.clone(), self.proxies.clone(), self.counters.clone(), process))
    }

    /// What goes on beside the requests, until it is dropped.
    pub(crate) async fn run(mut self) {
        let (issuer, care, clock) = (self.issuer.clone(), self.care.clone(), Arc::clone(&self.clock));
        let (store, following_clock) = (self.store.clone(), Arc::clone(&self.clock));
        let package_policies = self.package_policies.take();
        let follow = async {
            if let Some(package_policies) = package_policies {
                package_policies.follow(&store, &*following_clock).await;
            }
        };
        tokio::join!(issuer.run(), self.follow_policy(), care.run(move || clock.now()), follow);
    }

    async fn follow_policy(&mut self) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            look.tick().await;
            if self.watch.changed()
                && let Err(failure) = self.reload_policy().await
            {
                tracing::error!(%failure, "the changed policy files are not valid; those before stay in force");
            }
        }
    }

    async fn reload_policy(&mut self) -> Result<(), Failure> {
        let (loaded, watch) = policy_files::load(&self.policy_paths);
        self.watch = watch;
        let loaded = loaded?;
        self.issuer.replace_policy(loaded).map_err(Failure::configuration)?;
        tracing::info!("the policy was read again");
        if let Err(failure) = self.record_policy().await {
            tracing::error!(%failure, "that the policy was read again could not be recorded");
        }
        Ok(())
    }

    async fn record_policy(&self) -> Result<(), Failure> {
        let policy = self.policy.load();
        let mut event = AuditEvent::new(self.clock.now(), AuditKind::PolicyLoaded, Outcome::Success, "policy");
        event.reason = Some(format!(
            "{} issuers, {} identities, {} providers, {} roles",
            policy.issuers().len(),
            policy.identities().len(),
            policy.providers().len(),
            policy.bindings().len(),
        ));
        self.store.record(event).await.map_err(store_failure)
    }
}
