//! A company's provider, us, and the browser between.

use std::{sync::Arc, time::Duration};

use daypass_core::{
    Timestamp,
    clock::{Clock, ManualClock},
    person::ProvenPerson,
    provider::{EmailRule, Provider, ProviderKind},
    secret::Secret,
};
use daypass_oidc::{
    http::{HttpClient, HttpOptions, Reach},
    provider::{Begun, Callback, ProviderClient, ProviderError},
};
use daypass_testkit::oidc::{self, people::Client, unix_now};
use serde_json::{Value, json};
use url::Url;

pub(crate) const CLIENT_ID: &str = "daypass";
/// With everything in it that an encoding can get wrong.
pub(crate) const CLIENT_SECRET: &str = "s3:cr+t/%41 ~é&=";
pub(crate) const CALLBACK: &str = "https://packages.example.com/oauth/callback/corp";

/// An honest provider with one person, and our configuration for it.
pub(crate) struct World {
    pub(crate) theirs: oidc::Provider,
    pub(crate) ours: Provider,
    pub(crate) clock: Arc<ManualClock>,
}

/// What most tests sign in.
pub(crate) fn ada() -> Value {
    json!({
        "sub": "00u1", "name": "Ada Lovelace", "email": "ada@example.com", "email_verified": true,
        "groups": ["engineering", "everyone"],
    })
}

pub(crate) fn http(patience: Duration) -> HttpClient {
    HttpClient::new(HttpOptions { total_timeout: Some(patience), ..HttpOptions::new(Reach::PrivateToo) })
}

/// Goes where it is sent, and comes back with the query of the redirect.
pub(crate) async fn browse(url: &Url) -> Vec<(String, String)> {
    let answer = http(Duration::from_secs(10)).get_bounded(url, 9999).await.unwrap();
    let location = answer.headers.get("location").and_then(|location| location.to_str().ok());
    let location = location.unwrap_or_else(|| panic!("no redirect: {} {:?}", answer.status, answer.body));
    Url::parse(location).unwrap().query_pairs().into_owned().collect()
}

pub(crate) fn field<'f>(fields: &'f [(String, String)], name: &str) -> Option<&'f str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
}

/// What the callback's endpoint makes of it.
pub(crate) fn callback(fields: &[(String, String)]) -> Callback {
    let code = Secret::new(field(fields, "code").unwrap_or_default());
    Callback { code, iss: field(fields, "iss").map(str::to_owned) }
}

/// Signs the person in, from the first page to the last.
pub(crate) async fn sign_in(client: &ProviderClient) -> Result<ProvenPerson, ProviderError> {
    let Begun { url, pending } = client.begin(CALLBACK, None).await?;
    let fields = browse(&url).await;
    assert!(pending.has_state(field(&fields, "state").unwrap()));
    client.finish(CALLBACK, &pending, &callback(&fields)).await
}

impl World {
    pub(crate) async fn new() -> Self {
        let theirs = oidc::Provider::start().await;
        theirs.set_client(Client::confidential(CLIENT_ID, CLIENT_SECRET, CALLBACK));
        theirs.set_person(ada(), json!({}));
        let ours = Provider {
            name: "corp".parse().unwrap(),
            label: "Example Corp".into(),
            kind: ProviderKind::Oidc { groups_claim: "groups".into() },
            url: theirs.url().into(),
            client_id: CLIENT_ID.into(),
            client_secret: None,
            scopes: ["openid", "profile", "email"].map(Into::into).to_vec(),
            domains: Vec::new(),
            email_verified: EmailRule::Require,
            claims: [].into(),
            allow_private_network: true,
        };
        // A little ahead, so that a slow test is not in the past of the provider's clock.
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(unix_now() + 10).unwrap()));
        Self { theirs, ours, clock }
    }

    pub(crate) fn client(&self) -> ProviderClient {
        self.client_with(Some(CLIENT_SECRET), Duration::from_secs(5))
    }

    pub(crate) fn client_with(&self, secret: Option<&str>, patience: Duration) -> ProviderClient {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        ProviderClient::with(&self.ours, secret.map(Secret::new), clock, http(patience)).unwrap()
    }

    /// Signs in with a client that knows nothing yet.
    pub(crate) async fn sign_in(&self) -> Result<ProvenPerson, ProviderError> {
        sign_in(&self.client()).await
    }

    pub(crate) async fn person(&self, id_token: Value, userinfo: Value) -> Result<ProvenPerson, ProviderError> {
        self.theirs.set_person(id_token, userinfo);
        self.sign_in().await
    }

    #[track_caller]
    pub(crate) fn no_complaints(&self) {
        assert_eq!(self.theirs.complaints(), Vec::<String>::new());
    }
}

/// Ada with changes; `null` removes a claim.
pub(crate) fn ada_with(changes: Value) -> Value {
    let mut claims = ada();
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    for (name, value) in changes {
        claims[&name] = value;
    }
    claims
}
