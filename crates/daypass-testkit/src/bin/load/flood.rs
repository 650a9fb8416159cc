//! Outside tokens that name a key, none of which is accepted: what a stranger can send without end.

use std::time::{Duration, Instant};

use daypass_testkit::oidc::{Provider, Trouble};
use serde_json::{Value, json};

use crate::{
    connection::{Connection, token_request},
    hear, say,
};

/// Says who vouches: `{"issuer": URL}`. For each `{"url": SERVER, "per_second": N, "seconds": S, "unknown": BOOL}` sends
/// forged tokens at that rate, and then says how many: `{"sent": N}`.
///
/// With `unknown` each names a key id of its own, and whoever asks for the keys then waits for ever; otherwise all name a
/// key that is known, and have a signature that is none.
pub(crate) async fn run() {
    let provider = Provider::start().await;
    say(&json!({ "issuer": provider.url() }));
    while let Some(order) = hear().await {
        say(&json!({ "sent": flood(&provider, &order).await }));
    }
}

async fn flood(provider: &Provider, order: &Value) -> usize {
    let number = |key: &str| order.get(key).and_then(Value::as_u64).expect("a number");
    let url = order.get("url").and_then(Value::as_str).expect("a `url`");
    let unknown = order.get("unknown").and_then(Value::as_bool).expect("`unknown`");
    let count = usize::try_from(number("per_second") * number("seconds")).expect("a count");
    let request = |number: usize| {
        let forge = provider.forge(json!({ "aud": url, "sub": "flood" })).es256();
        let forge = if unknown { forge.header("kid", format!("unknown-{number}")) } else { forge.zero_signature() };
        let body = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt&subject_token={}",
            forge.build()
        );
        token_request(url, &body)
    };
    let requests: Vec<_> = (0..count).map(request).collect();
    let mut connection = Connection::open(url).await;
    // The keys that there are have been fetched; from here on nobody answers.
    connection.ask(&request(count)).await;
    provider.set_trouble(if unknown { Trouble::Hang } else { Trouble::None });
    say(&json!({ "begins": true }));
    let pace = Duration::from_secs(1) / u32::try_from(number("per_second")).expect("a rate");
    let began = Instant::now();
    for (sent, request) in requests.iter().enumerate() {
        let due = pace * u32::try_from(sent).unwrap_or(u32::MAX);
        tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        connection.ask(request).await;
    }
    provider.set_trouble(Trouble::None);
    count
}
