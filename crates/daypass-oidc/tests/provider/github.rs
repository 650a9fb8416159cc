//! Signing in at GitHub.

use std::{sync::Arc, time::Duration};

use daypass_core::{
    clock::{Clock, SystemClock},
    person::ProvenPerson,
    provider::{EmailRule, Provider, ProviderKind},
};
use daypass_oidc::provider::{Begun, PendingSignIn, ProviderClient, ProviderError};
use daypass_testkit::github::{GitHub, Person, Trouble};

use crate::world::{CALLBACK, browse, callback, field, http, sign_in};

struct House {
    theirs: GitHub,
    ours: Provider,
}

impl House {
    async fn new() -> Self {
        let theirs = GitHub::start("Ov23li", "gh-secret", CALLBACK).await;
        let ours = Provider {
            name: "github".parse().unwrap(),
            label: "GitHub".into(),
            kind: ProviderKind::GitHub { api_url: theirs.api_url().into() },
            url: theirs.url().into(),
            client_id: "Ov23li".into(),
            client_secret: None,
            scopes: ["read:user", "read:org", "user:email"].map(Into::into).to_vec(),
            domains: Vec::new(),
            email_verified: EmailRule::Require,
            claims: [].into(),
            allow_private_network: true,
        };
        Self { theirs, ours }
    }

    fn client(&self) -> ProviderClient {
        self.client_with("gh-secret")
    }

    fn client_with(&self, secret: &str) -> ProviderClient {
        let (secret, clock) = (Some(secret.to_owned().into()), Arc::new(SystemClock) as Arc<dyn Clock>);
        ProviderClient::with(&self.ours, secret, clock, http(Duration::from_secs(5))).unwrap()
    }

    async fn person(&self, person: Person) -> Result<ProvenPerson, ProviderError> {
        self.theirs.set_person(person);
        sign_in(&self.client()).await
    }

    async fn in_trouble(&self, trouble: Trouble) -> Option<&'static str> {
        self.theirs.set_trouble(trouble);
        sign_in(&self.client()).await.err().map(|error| error.code())
    }
}

fn octocat() -> Person {
    Person::new(583_231, "octocat")
}

#[tokio::test]
async fn a_person_is_their_number_and_organizations_and_teams_are_groups() {
    let house = House::new().await;
    let person = octocat().in_org(9919, "acme").in_org(9, "Umbrella").in_team(9919, "acme", 7, "platform");
    let person = house.person(person).await.unwrap();
    let expected = ProvenPerson {
        provider: "github".parse().unwrap(),
        issuer: house.theirs.url().to_owned(),
        subject: "583231".to_owned(),
        name: "Mona Octocat".to_owned(),
        email: Some("octocat@example.com".to_owned()),
        groups: ["acme", "#9919", "Umbrella", "#9", "acme/platform", "#9919/7"].map(str::to_owned).to_vec(),
    };
    assert_eq!(person, expected);
    assert_eq!(house.theirs.complaints(), Vec::<String>::new());
    let asked = house.theirs.take_api_requests();
    let list = |path: &str| format!("{path}?per_page=100&page=1");
    assert_eq!(asked, ["/user".to_owned(), list("/user/emails"), list("/user/orgs"), list("/user/teams")]);
}

#[tokio::test]
async fn a_login_that_was_given_up_makes_nobody_somebody_else() {
    let house = House::new().await;
    let before = house.person(octocat()).await.unwrap();
    let renamed = house.person(Person::new(583_231, "mona")).await.unwrap();
    let taken = house.person(Person::new(7, "octocat")).await.unwrap();
    assert_eq!(before.id(), renamed.id());
    assert_ne!(before.id(), taken.id());
    let nameless = house.person(Person { name: None, ..octocat() }).await.unwrap();
    assert_eq!(nameless.name, "octocat");
}

#[tokio::test]
async fn the_browser_carries_a_challenge_and_a_state() {
    let house = House::new().await;
    let Begun { url, pending } = house.client().begin(CALLBACK, Some("octocat")).await.unwrap();
    assert!(url.as_str().starts_with(&format!("{}/login/oauth/authorize?", house.theirs.url())));
    let sent: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    assert_eq!(field(&sent, "scope"), Some("read:user read:org user:email"));
    assert_eq!((field(&sent, "login"), field(&sent, "login_hint")), (Some("octocat"), None));
    assert_eq!(field(&sent, "code_challenge_method"), Some("S256"));
    assert!(pending.has_state(field(&sent, "state").unwrap()));
    let hinted = house.client().begin(CALLBACK, Some("ada@example.com")).await.unwrap();
    assert!(!hinted.url.as_str().contains("login="));
}

#[tokio::test]
async fn a_code_is_redeemed_only_once_with_its_verifier_by_us() {
    let house = House::new().await;
    let client = house.client();
    let Begun { url, pending } = client.begin(CALLBACK, None).await.unwrap();
    let brought = callback(&browse(&url).await);
    client.finish(CALLBACK, &pending, &brought).await.unwrap();
    assert_eq!(client.finish(CALLBACK, &pending, &brought).await.unwrap_err().code(), "code_refused");

    let Begun { url, pending } = client.begin(CALLBACK, None).await.unwrap();
    let brought = callback(&browse(&url).await);
    let other = PendingSignIn { verifier: "x".repeat(43).into(), ..pending };
    assert_eq!(client.finish(CALLBACK, &other, &brought).await.unwrap_err().code(), "code_refused");

    let error = sign_in(&house.client_with("another")).await.unwrap_err();
    assert_eq!(error.code(), "client_refused");
    sign_in(&client).await.unwrap();
}

#[tokio::test]
async fn refusals_come_with_status_200_and_are_refusals() {
    let house = House::new().await;
    for (trouble, code) in [
        (Trouble::BadVerificationCode, Some("code_refused")),
        (Trouble::IncorrectClientCredentials, Some("client_refused")),
        (Trouble::UnverifiedUserEmail, Some("email_not_verified")),
        (Trouble::AnswersAsForm, Some("provider_nonsense")),
        (Trouble::TokenRedirects, Some("provider_nonsense")),
        (Trouble::None, None),
    ] {
        assert_eq!(house.in_trouble(trouble).await, code, "{trouble:?}");
    }
}

#[tokio::test]
async fn an_api_that_does_not_answer_signs_nobody_in() {
    let house = House::new().await;
    house.theirs.set_person(octocat().in_org(9919, "acme"));
    for (trouble, code) in [
        (Trouble::ApiUnauthorized, Some("provider_nonsense")),
        (Trouble::ApiRateLimited, Some("provider_unavailable")),
        (Trouble::ApiFails, Some("provider_unavailable")),
        (Trouble::OrgsForbidden, Some("provider_forbids")),
        (Trouble::NoId, Some("provider_nonsense")),
        (Trouble::HugePages, Some("provider_unreachable")),
        (Trouble::None, None),
    ] {
        assert_eq!(house.in_trouble(trouble).await, code, "{trouble:?}");
    }
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_looked_at() {
    let mut house = House::new().await;
    house.ours.scopes = vec!["read:user".into()];
    house.theirs.set_trouble(Trouble::OrgsForbidden);
    let person = house.person(octocat().in_org(9919, "acme")).await.unwrap();
    assert_eq!((person.email, person.groups), (None, Vec::new()));
    assert_eq!(house.theirs.take_api_requests(), ["/user"]);
    // And then no domain can be shown to be theirs.
    house.ours.domains = vec!["example.com".into()];
    assert_eq!(sign_in(&house.client()).await.unwrap_err().code(), "email_missing");
}

#[tokio::test]
async fn pages_are_read_to_the_end_and_an_endless_list_is_not() {
    let house = House::new().await;
    let many = (0..230).fold(octocat(), |person, number| person.in_org(1000 + number, &format!("org-{number}")));
    let person = house.person(many).await.unwrap();
    assert_eq!(person.groups.len(), 460);
    assert_eq!(person.groups[458..], ["org-229", "#1229"]);
    let orgs = |asked: Vec<String>| asked.into_iter().filter(|path| path.starts_with("/user/orgs")).collect::<Vec<_>>();
    let page = |number: u32| format!("/user/orgs?per_page=100&page={number}");
    assert_eq!(orgs(house.theirs.take_api_requests()), (1..=3).map(page).collect::<Vec<_>>());

    house.theirs.set_trouble(Trouble::PagesWithoutEnd);
    let person = house.person(octocat().in_org(9919, "acme")).await.unwrap();
    assert_eq!(person.groups, ["acme", "#9919"]);
    assert_eq!(orgs(house.theirs.take_api_requests()), (1..=5).map(page).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_primary_address_counts_when_it_is_verified() {
    let mut house = House::new().await;
    let emails = [("old@example.org", false, true), ("mona@example.com", true, true)];
    let person = house.person(octocat().with_emails(&emails)).await.unwrap();
    assert_eq!(person.email.as_deref(), Some("mona@example.com"));
    let unverified = [("mona@example.com", true, false)];
    assert_eq!(house.person(octocat().with_emails(&unverified)).await.unwrap().email, None);
    assert_eq!(house.person(octocat().with_emails(&[])).await.unwrap().email, None);

    house.ours.domains = vec!["example.com".into()];
    house.person(octocat().with_emails(&emails)).await.unwrap();
    for (emails, code) in [
        (&unverified[..], "email_not_verified"),
        (&[("mona@example.org", true, true)], "email_domain"),
        (&[], "email_missing"),
    ] {
        let error = house.person(octocat().with_emails(emails)).await.unwrap_err();
        assert_eq!((error.code(), error.is_refusal()), (code, true));
    }
}

#[tokio::test]
async fn a_callback_of_another_is_refused_and_one_without_issuer_is_taken() {
    let house = House::new().await;
    assert_eq!(house.in_trouble(Trouble::CallbackNamesAnother).await, Some("callback_of_another"));
    // As from Enterprise Servers that do not send it yet.
    assert_eq!(house.in_trouble(Trouble::CallbackNamesNobody).await, None);
    assert_eq!(house.in_trouble(Trouble::None).await, None);
}
