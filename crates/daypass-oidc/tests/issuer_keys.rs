//! An issuer's keys: fetched no oftener than needed, and kept through rotation, nonsense and outage.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use daypass_core::{
    SignedDuration, Timestamp,
    clock::{Clock, ManualClock},
    issuer::TrustedIssuer,
};
use daypass_oidc::{
    http::{HttpClient, HttpOptions, Reach, dns},
    issuer_keys::{IssuerKeys, KeysUnavailable},
    jwks::KeySet,
};
use daypass_testkit::oidc::{Provider, Trouble};

struct World {
    provider: Provider,
    clock: Arc<ManualClock>,
    keys: Arc<IssuerKeys>,
}

fn trusted(url: &str, allow_private_network: bool) -> TrustedIssuer {
    TrustedIssuer { allow_private_network, ..TrustedIssuer::generic("ci".parse().unwrap(), url) }
}

impl World {
    async fn new() -> Self {
        let provider = Provider::start().await;
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let keys =
            IssuerKeys::discovery(&trusted(provider.url(), true), None, clock.clone() as Arc<dyn Clock>).unwrap();
        Self { provider, clock, keys: Arc::new(keys) }
    }

    /// With the keys of the provider's first generation fetched.
    async fn with_keys() -> Self {
        let world = Self::new().await;
        assert!(world.has("rsa-1").await);
        world
    }

    async fn ask(&self, kid: &str) -> Result<Arc<KeySet>, KeysUnavailable> {
        self.keys.for_kid(Some(kid)).await
    }

    async fn has(&self, kid: &str) -> bool {
        self.ask(kid).await.unwrap().has(Some(kid))
    }

    fn pass(&self, time: SignedDuration) {
        self.clock.advance(time);
    }

    fn fetches(&self) -> (u64, u64) {
        (self.provider.discovery_requests(), self.provider.jwks_requests())
    }
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// Waits for something that happens in the background, without guessing how long it takes.
async fn eventually(what: impl Fn() -> bool) {
    let begin = Instant::now();
    while !what() {
        assert!(begin.elapsed() < Duration::from_secs(10), "it never happened");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_thousand_first_callers_share_one_fetch() {
    let world = World::new().await;
    let callers = (0..1000).map(|_| {
        let keys = Arc::clone(&world.keys);
        tokio::spawn(async move { keys.for_kid(Some("rsa-1")).await.unwrap().has(Some("rsa-1")) })
    });
    for caller in callers.collect::<Vec<_>>() {
        assert!(caller.await.unwrap());
    }
    assert_eq!(world.fetches(), (1, 1));
    assert!(world.has("ec-1").await && world.keys.for_kid(None).await.is_ok());
    assert_eq!(world.fetches(), (1, 1));
}

#[tokio::test]
async fn a_flood_of_invented_key_ids_costs_one_fetch_per_window_and_nobody_waits() {
    let world = World::with_keys().await;
    for number in 0..1000 {
        assert!(!world.has(&format!("invented-{number}")).await);
    }
    assert_eq!(world.fetches(), (2, 2));
    world.pass(seconds(29));
    assert!(!world.has("again").await);
    assert_eq!(world.fetches(), (2, 2));
    world.pass(seconds(1));
    assert!(!world.has("again").await);
    assert_eq!(world.fetches(), (3, 3));
}

#[tokio::test]
async fn a_failed_fetch_counts_and_the_others_are_answered_at_once() {
    let world = World::with_keys().await;
    world.provider.set_trouble(Trouble::Fail);
    for number in 0..100 {
        assert!(!world.has(&format!("invented-{number}")).await);
    }
    assert_eq!(world.fetches(), (2, 1));

    // The issuer hangs: one caller waits for it, up to five seconds; nobody else does.
    world.pass(seconds(31));
    world.provider.set_trouble(Trouble::Hang);
    let keys = Arc::clone(&world.keys);
    let begin = Instant::now();
    let waiting = tokio::spawn(async move { keys.for_kid(Some("invented")).await.unwrap().has(Some("invented")) });
    eventually(|| world.provider.discovery_requests() == 3).await;
    for number in 0..1000 {
        assert!(!world.has(&format!("more-{number}")).await);
        assert!(world.has("rsa-1").await);
    }
    assert!(!waiting.is_finished(), "the others came later and were answered earlier");
    assert!(!waiting.await.unwrap());
    let waited = begin.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_secs(8)).contains(&waited), "{waited:?}");
}

#[tokio::test]
async fn a_rotation_is_picked_up_and_jobs_that_start_together_share_it() {
    let world = World::with_keys().await;
    world.provider.rotate_keys();
    let callers = (0..50).map(|_| {
        let keys = Arc::clone(&world.keys);
        tokio::spawn(async move { keys.for_kid(Some("rsa-2")).await.unwrap().has(Some("rsa-2")) })
    });
    for caller in callers.collect::<Vec<_>>() {
        assert!(caller.await.unwrap());
    }
    assert!(!world.has("rsa-1").await, "withdrawn is withdrawn");
    assert_eq!(world.fetches(), (2, 2));
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_the_fetch() {
    let world = World::with_keys().await;
    world.provider.rotate_keys();
    let keys = Arc::clone(&world.keys);
    let caller = tokio::spawn(async move { keys.for_kid(Some("rsa-2")).await.map(drop) });
    eventually(|| world.provider.discovery_requests() == 2).await;
    caller.abort();
    eventually(|| world.provider.jwks_requests() == 2).await;
    let keys = Arc::clone(&world.keys);
    let begin = Instant::now();
    while !keys.for_kid(None).await.unwrap().has(Some("rsa-2")) {
        assert!(begin.elapsed() < Duration::from_secs(10));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_set_is_fetched_anew_in_the_background_when_its_time_is_over() {
    let world = World::with_keys().await;
    world.pass(seconds(299));
    assert!(world.has("rsa-1").await);
    assert_eq!(world.fetches(), (1, 1));
    world.provider.rotate_keys();
    world.pass(seconds(1));
    // The caller that finds this out is answered from the set there is.
    assert!(world.has("rsa-1").await);
    eventually(|| world.provider.jwks_requests() == 2).await;
}

#[tokio::test]
async fn a_set_older_than_an_hour_is_not_used_before_asking() {
    let world = World::with_keys().await;
    world.provider.rotate_keys();
    world.pass(seconds(3601));
    assert!(!world.has("rsa-1").await, "a withdrawn key is not good for one more token");
    assert_eq!(world.fetches(), (2, 2));
}

#[tokio::test]
async fn an_outage_of_a_day_is_survived_and_a_longer_one_shuts_the_door() {
    let world = World::with_keys().await;
    world.provider.set_trouble(Trouble::Fail);
    for _ in 0..24 {
        world.pass(seconds(3600));
        assert!(world.has("rsa-1").await);
    }
    world.pass(seconds(1));
    assert!(world.ask("rsa-1").await.is_err());
    world.provider.set_trouble(Trouble::None);
    world.pass(seconds(5));
    assert!(world.has("rsa-1").await);
}

#[tokio::test]
async fn without_any_keys_a_failure_is_everybodys_answer_for_five_seconds() {
    let world = World::new().await;
    world.provider.set_trouble(Trouble::Fail);
    for _ in 0..100 {
        let error = world.ask("rsa-1").await.unwrap_err().to_string();
        assert!(error.contains("503"), "{error}");
    }
    assert_eq!(world.fetches(), (1, 0));
    world.provider.set_trouble(Trouble::None);
    world.pass(seconds(5));
    assert!(world.has("rsa-1").await);
}

#[tokio::test]
async fn nonsense_never_replaces_good_keys() {
    let world = World::with_keys().await;
    for trouble in [
        Trouble::EmptyJwks,
        Trouble::OnlyBadKeys,
        Trouble::NotJson,
        Trouble::HugeJwks,
        Trouble::WrongIssuer,
        Trouble::Redirect,
        Trouble::JwksAtMetadataAddress,
        Trouble::Fail,
        Trouble::FailJwks,
    ] {
        world.provider.set_trouble(trouble);
        world.pass(seconds(61));
        assert!(!world.has("unknown").await, "{trouble:?}");
        assert!(world.has("rsa-1").await && world.has("ec-1").await, "{trouble:?}");
    }
}

#[tokio::test]
async fn nonsense_is_not_the_first_set_either() {
    for (trouble, reason) in [
        (Trouble::EmptyJwks, "no usable key"),
        (Trouble::OnlyBadKeys, "no usable key"),
        (Trouble::NotJson, "not valid JSON"),
        (Trouble::HugeJwks, "longer than 262144 bytes"),
        (Trouble::WrongIssuer, "another issuer"),
        (Trouble::Redirect, "status 307"),
        (Trouble::FailJwks, "status 503"),
        (Trouble::Trickle, "in time"),
    ] {
        let world = World::new().await;
        world.provider.set_trouble(trouble);
        let error = world.ask("rsa-1").await.unwrap_err().to_string();
        assert!(error.contains(reason), "{trouble:?}: {error}");
        world.provider.set_trouble(Trouble::None);
        world.pass(seconds(5));
        assert!(world.has("rsa-1").await, "{trouble:?}");
    }
}

#[tokio::test]
async fn good_keys_among_bad_ones_are_found_and_bad_ones_are_not() {
    let world = World::new().await;
    world.provider.set_trouble(Trouble::BadKeysAmongGood);
    let keys = world.ask("rsa-1").await.unwrap();
    assert!(keys.has(Some("rsa-1")) && keys.has(Some("ec-1")));
    assert_eq!(keys.len(), 2, "{keys:?}");
}

#[tokio::test]
async fn fixed_keys_ask_nobody() {
    let provider = Provider::start().await;
    let keys = IssuerKeys::fixed(KeySet::parse(provider.jwks().to_string().as_bytes()).unwrap());
    assert!(keys.for_kid(Some("rsa-1")).await.unwrap().has(Some("rsa-1")));
    assert!(!keys.for_kid(Some("rsa-2")).await.unwrap().has(Some("rsa-2")));
    assert_eq!(provider.jwks_requests(), 0);
}

/// Resolves every name to the same addresses, as an attacker's name server would.
struct Resolver(Vec<SocketAddr>);

impl dns::Resolve for Resolver {
    fn resolve(&self, _: dns::Name) -> dns::Resolving {
        let addresses = self.0.clone();
        Box::pin(async move { Ok(Box::new(addresses.into_iter()) as dns::Addrs) })
    }
}

#[tokio::test]
async fn an_issuer_whose_name_leads_inside_is_not_asked() {
    let provider = Provider::start().await;
    let port: u16 = provider.url().rsplit(':').next().unwrap().parse().unwrap();
    let clock = || Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH)) as Arc<dyn Clock>;
    let keys = |scheme: &str, reach, addresses: &[&str]| {
        let found = addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect();
        let http =
            HttpClient::new(HttpOptions { resolver: Some(Arc::new(Resolver(found))), ..HttpOptions::new(reach) });
        let issuer = trusted(&format!("{scheme}://ci.example.com:{port}"), reach == Reach::PrivateToo);
        IssuerKeys::discovery_with(&issuer, http, clock())
    };
    for addresses in [&["127.0.0.1"][..], &["10.0.0.1"], &["169.254.169.254"], &["::1"], &["127.0.0.1", "fe80::1"], &[]]
    {
        let error = keys("https", Reach::Public, addresses).unwrap().for_kid(None).await.unwrap_err().to_string();
        assert!(error.contains("`ci.example.com` is not asked"), "{error}");
    }
    assert_eq!(provider.discovery_requests(), 0);

    // The twin: with private networks allowed, the same name leads to the same provider and gets as far as its `issuer`.
    let error = keys("http", Reach::PrivateToo, &["127.0.0.1"]).unwrap().for_kid(None).await.unwrap_err().to_string();
    assert!(error.contains("another issuer"), "{error}");
    assert_eq!(provider.discovery_requests(), 1);
    // But never to where cloud machines keep their credentials, nor to the Internet in clear text.
    for address in ["169.254.169.254", "1.1.1.1"] {
        let error = keys("http", Reach::PrivateToo, &[address]).unwrap().for_kid(None).await.unwrap_err().to_string();
        assert!(error.contains("`ci.example.com` is not asked"), "{error}");
    }
    // And literal addresses are refused before anything is asked.
    assert!(IssuerKeys::discovery(&trusted(provider.url(), false), None, clock()).is_err());
    assert!(IssuerKeys::discovery(&trusted("https://169.254.169.254", true), None, clock()).is_err());
    assert!(keys("http", Reach::Public, &["1.1.1.1"]).is_err());
}
