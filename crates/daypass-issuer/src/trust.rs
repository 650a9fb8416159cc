//! The policy in force, the outside issuers' keys, and the providers that people come from.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use daypass_core::{
    clock::Clock,
    digest::Sha256,
    issuer::{KeySource, TrustedIssuer},
    names::{ClientId, IssuerName, ProviderName},
    policy::{LeftOut, ObjectKind, Policy, fit},
    provider::Provider,
    secret::Secret,
};
use daypass_oidc::{
    aws_caller::{Region, Sts, StsOptions},
    issuer_keys::IssuerKeys,
    jwks::KeySet,
    provider::ProviderClient,
    verify::Unverified,
};

use crate::{error::IssuerError, stored_policy::StoredPolicy};

/// A policy together with the key files it names, read by whoever may touch files.
#[derive(Debug, Clone, Default)]
pub struct LoadedPolicy {
    /// The policy.
    pub policy: Arc<Policy>,
    /// The keys that a file or the policy itself holds, by issuer.
    pub fixed_keys: BTreeMap<IssuerName, KeySet>,
    /// The authorities of issuers' certificates, in PEM.
    pub issuer_cas: BTreeMap<IssuerName, Box<str>>,
    /// Our secrets at the providers.
    pub provider_secrets: BTreeMap<ProviderName, Secret>,
    /// The secrets of confidential clients.
    pub client_secrets: BTreeMap<ClientId, Secret>,
}

/// Whom we trust now. Replaced as a whole, so that a decision never mixes two policies.
pub(crate) struct Trust {
    now: ArcSwap<InForce>,
    /// The policy in force, for the index.
    policy: Arc<ArcSwap<Policy>>,
    /// Held while a policy is replaced, so that of two at once the second is made with the first.
    replacing: Mutex<()>,
    /// Whether it is not known any more what is stored.
    blind: AtomicBool,
    clock: Arc<dyn Clock>,
    allow_loopback_issuers: bool,
}

/// One policy and the keys that go with it.
pub(crate) struct InForce {
    /// What the files say.
    pub(crate) files: Arc<LoadedPolicy>,
    /// What was made over the API.
    pub(crate) stored: Arc<StoredPolicy>,
    /// What is stored and not in force, with the reasons.
    pub(crate) left_out: LeftOut,
    /// Both as one.
    pub(crate) policy: Arc<Policy>,
    /// By `iss`: the only issuers that are ever looked at or asked for keys.
    by_url: HashMap<Box<str>, Trusted>,
    providers: BTreeMap<ProviderName, Door>,
    client_secrets: BTreeMap<ClientId, Sha256>,
}

/// A provider and how we talk to it.
struct Door {
    provider: Provider,
    secret: Option<Secret>,
    client: Arc<ProviderClient>,
}

#[derive(Clone)]
pub(crate) struct Trusted {
    pub(crate) issuer: TrustedIssuer,
    ca: Option<Box<str>>,
    pub(crate) keys: Arc<IssuerKeys>,
    aws: Option<Arc<Aws>>,
}

/// AWS, which is asked itself where others have keys.
pub(crate) struct Aws {
    pub(crate) sts: Sts,
    pub(crate) regions: Vec<Region>,
}

impl Trust {
    pub(crate) fn new(
        loaded: LoadedPolicy,
        stored: StoredPolicy,
        clock: Arc<dyn Clock>,
        allow_loopback_issuers: bool,
    ) -> Result<Self, IssuerError> {
        let nothing = InForce {
            files: Arc::default(),
            stored: Arc::default(),
            left_out: LeftOut::new(),
            policy: Arc::default(),
            by_url: HashMap::new(),
            providers: BTreeMap::new(),
            client_secrets: BTreeMap::new(),
        };
        let (now, policy) = (ArcSwap::from_pointee(nothing), Arc::default());
        let trust = Self {
            now,
            policy,
            replacing: Mutex::new(()),
            blind: AtomicBool::new(false),
            clock,
            allow_loopback_issuers,
        };
        trust.put(trust.build(Arc::new(loaded), Arc::new(stored))?);
        Ok(trust)
    }

    /// Puts what the files say now in force, with what of the stored fits to it: files win. Issuers that did not change
    /// keep the keys they have fetched.
    pub(crate) fn replace(&self, loaded: LoadedPolicy) -> Result<(), IssuerError> {
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let stored = self.in_force().stored.clone();
        self.put(self.build(Arc::new(loaded), stored)?);
        Ok(())
    }

    /// Puts what is stored now in force, as far as it fits to what the files say; unless something later is already.
    pub(crate) fn replace_stored(&self, stored: StoredPolicy) -> Result<(), IssuerError> {
        let _one_at_a_time = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.in_force();
        if stored.version > now.stored.version {
            self.put(self.build(now.files.clone(), Arc::new(stored))?);
        }
        Ok(())
    }

    /// What would be in force with this stored beside these files.
    pub(crate) fn try_out(&self, files: &Arc<LoadedPolicy>, stored: StoredPolicy) -> Result<InForce, IssuerError> {
        self.build(files.clone(), Arc::new(stored))
    }

    fn put(&self, in_force: InForce) {
        let before = self.now.load();
        for ((kind, name), reason) in &in_force.left_out {
            if before.left_out.get(&(*kind, name.clone())) != Some(reason) {
                tracing::error!(%kind, %name, reason, "something stored is left out: it grants nothing");
            }
        }
        for name in in_force.stored.unknown.iter().filter(|name| !before.stored.unknown.contains(name)) {
            tracing::error!(%name, "something stored is of no known kind, and left out");
        }
        let policy = in_force.policy.clone();
        self.now.store(Arc::new(in_force));
        self.policy.store(policy);
    }

    fn build(&self, files: Arc<LoadedPolicy>, stored: Arc<StoredPolicy>) -> Result<InForce, IssuerError> {
        let before = self.now.load();
        let mut broken = LeftOut::new();
        let (policy, left_out, by_url) = loop {
            let (policy, left_out) = fit(&files.policy, &stored.objects, &broken);
            match self.trusted(&before, &files, &policy) {
                Ok(by_url) => break (Arc::new(policy), left_out, by_url),
                // A stored issuer that cannot even be asked is left out like any other that does not fit.
                Err((name, error)) if files.policy.issuer(&name).is_none() => {
                    broken.insert((ObjectKind::Issuer, name.as_str().into()), error.to_string());
                }
                Err((_, error)) => return Err(error),
            }
        };
        let mut providers = BTreeMap::new();
        for provider in policy.providers() {
            let secret = files.provider_secrets.get(&provider.name).cloned();
            let client = match before.providers.get(&provider.name) {
                Some(known) if known.provider == *provider && known.secret == secret => known.client.clone(),
                _ => self.door(provider, secret.clone())?,
            };
            providers.insert(provider.name.clone(), Door { provider: provider.clone(), secret, client });
        }
        let digest = |(id, secret): (&ClientId, &Secret)| (id.clone(), Sha256::of(secret.expose()));
        let client_secrets = files.client_secrets.iter().map(digest).collect();
        Ok(InForce { files, stored, left_out, policy, by_url, providers, client_secrets })
    }

    /// All issuers, by each spelling of their URL; or the one that cannot be.
    fn trusted(
        &self,
        before: &InForce,
        files: &LoadedPolicy,
        policy: &Policy,
    ) -> Result<HashMap<Box<str>, Trusted>, (IssuerName, IssuerError)> {
        let mut by_url = HashMap::new();
        for issuer in policy.issuers() {
            let trusted = self.trust(before, files, issuer).map_err(|error| (issuer.name.clone(), error))?;
            for spelling in issuer.spellings() {
                by_url.insert(spelling.into(), trusted.clone());
            }
        }
        Ok(by_url)
    }

    fn trust(&self, before: &InForce, files: &LoadedPolicy, issuer: &TrustedIssuer) -> Result<Trusted, IssuerError> {
        let ca = files.issuer_cas.get(&issuer.name).cloned();
        let keys = match (before.by_url.get(&issuer.url), &issuer.keys) {
            (_, KeySource::JwksFile(_) | KeySource::Inline(_)) => {
                Arc::new(IssuerKeys::fixed(fixed_keys(issuer, files)?))
            }
            // It is asked itself; no key verifies anything.
            (_, KeySource::AwsSts { .. }) => Arc::new(IssuerKeys::fixed(KeySet::default())),
            (Some(known), KeySource::Discovery | KeySource::JwksUri(_))
                if known.issuer == *issuer && known.ca == ca =>
            {
                known.keys.clone()
            }
            (_, KeySource::Discovery | KeySource::JwksUri(_)) => self.discover(issuer, ca.as_deref())?,
        };
        let aws = Self::aws(issuer)?.map(Arc::new);
        Ok(Trusted { issuer: issuer.clone(), ca, keys, aws })
    }

    fn door(&self, provider: &Provider, secret: Option<Secret>) -> Result<Arc<ProviderClient>, IssuerError> {
        ProviderClient::new(provider, secret, self.clock.clone(), self.allow_loopback_issuers)
            .map(Arc::new)
            .map_err(|error| IssuerError::Issuer { issuer: provider.name.to_string(), reason: error.to_string() })
    }

    fn aws(issuer: &TrustedIssuer) -> Result<Option<Aws>, IssuerError> {
        let KeySource::AwsSts { regions, endpoint } = &issuer.keys else { return Ok(None) };
        let wrong = |reason: String| IssuerError::Issuer { issuer: issuer.name.to_string(), reason };
        let region = |name: &str| name.parse().map_err(|error| wrong(format!("`{name}`: {error}")));
        let regions = regions.iter().map(|name| region(name)).collect::<Result<_, _>>()?;
        let endpoint = endpoint.as_deref().map(url::Url::parse).transpose();
        let endpoint = endpoint.map_err(|error| wrong(format!("`sts_endpoint`: {error}")))?;
        Ok(Some(Aws { sts: Sts::new(StsOptions { endpoint }), regions }))
    }

    fn discover(&self, issuer: &TrustedIssuer, ca: Option<&str>) -> Result<Arc<IssuerKeys>, IssuerError> {
        let mut issuer = issuer.clone();
        // `--dev` is for trying things out on one machine, where the issuer is on loopback too.
        issuer.allow_private_network |= self.allow_loopback_issuers;
        IssuerKeys::discovery(&issuer, ca, self.clock.clone())
            .map(Arc::new)
            .map_err(|error| IssuerError::Issuer { issuer: issuer.name.to_string(), reason: error.to_string() })
    }

    /// The policy in force, followed as it changes.
    pub(crate) fn policy(&self) -> &Arc<ArcSwap<Policy>> {
        &self.policy
    }

    /// Whether it is not known what should be in force.
    pub(crate) fn is_blind(&self) -> bool {
        self.blind.load(Ordering::Relaxed)
    }

    /// Says so.
    pub(crate) fn set_blind(&self, blind: bool) {
        self.blind.store(blind, Ordering::Relaxed);
    }

    /// What is in force now.
    pub(crate) fn in_force(&self) -> Arc<InForce> {
        self.now.load_full()
    }
}

/// The keys that whoever read the files found, or those in the policy itself.
fn fixed_keys(issuer: &TrustedIssuer, files: &LoadedPolicy) -> Result<KeySet, IssuerError> {
    match (files.fixed_keys.get(&issuer.name), &issuer.keys) {
        (Some(keys), _) => Ok(keys.clone()),
        (None, KeySource::Inline(text)) => KeySet::parse(text.as_bytes())
            .map_err(|error| IssuerError::Issuer { issuer: issuer.name.to_string(), reason: error.to_string() }),
        (None, _) => Ok(KeySet::default()),
    }
}

impl InForce {
    /// The registered issuer with exactly this `iss`, byte for byte; or the one of the trust domain, if it is a SPIFFE ID
    /// that the token is about.
    pub(crate) fn find(&self, unverified: &Unverified) -> Option<&Trusted> {
        let of_domain = || {
            let trusted = self.by_url.get(unverified.trust_domain.as_deref()?)?;
            trusted.issuer.limits.trust_domain.is_some().then_some(trusted)
        };
        self.by_url.get(&*unverified.iss).or_else(of_domain)
    }

    /// The issuer whose tokens are signed requests to AWS, and how AWS is asked.
    pub(crate) fn aws(&self) -> Option<(&Trusted, &Aws)> {
        let trusted = self.by_url.get(daypass_oidc::aws_caller::ISSUER)?;
        Some((trusted, trusted.aws.as_deref()?))
    }

    /// How to talk to a provider.
    pub(crate) fn provider(&self, name: &ProviderName) -> Option<Arc<ProviderClient>> {
        self.providers.get(name).map(|door| door.client.clone())
    }

    /// The digest of a confidential client's secret.
    pub(crate) fn client_secret(&self, client: &ClientId) -> Option<Sha256> {
        self.client_secrets.get(client).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_never_replaced_by_something_older() {
        let clock = Arc::new(daypass_core::clock::SystemClock);
        let of = |version| StoredPolicy { version, ..StoredPolicy::default() };
        let trust = Trust::new(LoadedPolicy::default(), of(5), clock, false).unwrap();
        for (version, then) in [(4, 5), (6, 6), (5, 6)] {
            trust.replace_stored(of(version)).unwrap();
            assert_eq!(trust.in_force().stored.version, then);
        }
    }
}
