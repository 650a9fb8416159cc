//! Nothing that opens a door is written down: not in the audit log, the database, the server's log, or a page it does
//! not belong on.

use std::{
    fmt::{self, Write},
    sync::{Arc, Mutex},
};

use serde_json::json;
use tracing::{Event, Metadata, Subscriber, field::Field, span};

use crate::people::{Browser, Tokens, VERIFIER, WATCH_SECRET, asks, house, loaded, query, written};

/// Keeps every line of the log, of every level, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        attributes.record(&mut Line(&mut self.0.lock().unwrap()));
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut Line(&mut self.0.lock().unwrap()));
    }
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut Line(&mut self.0.lock().unwrap()));
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Line<'a>(&'a mut String);

impl tracing::field::Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = writeln!(self.0, "{}={value:?}", field.name());
    }
}

#[tokio::test]
async fn no_code_and_no_token_is_ever_written_down() {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let house = house().await;
    let mut pages = Vec::new();
    let mut secrets = vec![VERIFIER.to_owned(), WATCH_SECRET.to_owned()];

    // A code that is refused, redeemed and replayed; a session that is refreshed, replayed and revoked.
    let mut browser = Browser::new(&house);
    let begin = browser.get(&asks(&[])).await;
    let callback = browser.at_provider(&begin).await;
    let (state, provider_code) = {
        let mut sent = query(&format!("https://packages.example.com{callback}"));
        (sent.remove("state").unwrap(), sent.remove("code").unwrap())
    };
    let cookies: Vec<String> = browser.cookies.values().map(|(value, _)| value.clone()).collect();
    let code = query(&browser.get(&callback).await.onward())["code"].clone();
    pages.push(browser.get(&callback).await);
    pages.push(house.redeem(&code, &[("code_verifier", &"x".repeat(43))]).await);
    let tokens = Tokens::of(&house.redeem(&code, &[]).await);
    let next = Tokens::of(&house.refresh(&tokens.refresh).await);
    pages.push(house.session_api(&next.access).await);
    let introspected =
        house.introspect(&next.access).await.to_string() + &house.introspect(&next.refresh).await.to_string();
    pages.push(house.redeem(&code, &[]).await);
    pages.push(house.refresh(&next.refresh).await);
    pages.push(house.post("/oauth/revoke", &[("token", &next.refresh)]).await);
    pages.push(house.exchange(&next.access, &[]).await);
    secrets.extend([tokens.access, tokens.refresh, next.access, next.refresh]);

    // A device.
    let device = house.post("/oauth/device_authorization", &[("client_id", "app")]).await.json();
    let device_code = device["device_code"].as_str().unwrap().to_owned();
    let page = browser.get(&format!("/device?user_code={}", device["user_code"].as_str().unwrap())).await;
    let onward = browser.post("/oauth/sign-in", &[("request", &page.sealed()), ("provider", "corp")]).await;
    let confirm = browser.through_provider(&onward).await;
    let sealed = confirm.sealed();
    pages.push(browser.post("/device/confirm", &[("request", &sealed), ("decision", "allow")]).await);
    pages.extend([page, confirm]);
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let poll = [("grant_type", grant), ("client_id", "app"), ("device_code", &*device_code)];
    let of_device = Tokens::of(&house.post("/oauth/token", &poll).await);
    pages.push(house.post("/oauth/token", &poll).await);
    secrets.extend([of_device.access, of_device.refresh, device_code]);

    // What a page may hold, and a log not.
    let mut for_no_log = secrets.clone();
    for_no_log.extend([code, sealed, state, provider_code]);
    for_no_log.extend(cookies);

    drop(guard);
    let written_down = log.0.lock().unwrap().clone();
    assert!(written_down.contains("refused a token request"), "the log was listened to: {written_down}");
    let audit = serde_json::to_string(&house.audit().await).unwrap();
    let policy = loaded(&written(house.provider.url()));
    let printed = format!("{policy:?} {:?}", house.store.revocations_after(0).await.unwrap());
    let folder = house.folder.path().to_owned();
    house.store.clone().close().await;
    let mut database = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        database.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    assert!(database.len() > 10_000);
    for secret in &for_no_log {
        assert!(!audit.contains(secret), "the audit log: {secret}");
        assert!(!written_down.contains(secret), "the server's log: {secret}");
        assert!(!printed.contains(secret), "Debug: {secret}");
        assert!(!database.windows(secret.len()).any(|found| found == secret.as_bytes()), "the database: {secret}");
    }
    for secret in &secrets {
        assert!(!introspected.contains(secret), "introspection: {secret}");
        for page in &pages {
            assert!(!page.body.contains(secret), "{secret} in {}", page.body);
        }
    }
    assert_ne!(audit, json!([]).to_string());
}
