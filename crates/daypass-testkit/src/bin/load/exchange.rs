//! Outside tokens, each exchanged once.

use std::{net::SocketAddr, rc::Rc, time::Instant};

use daypass_testkit::oidc::Provider;
use serde_json::{Value, json};
use tokio::task::spawn_local;

use crate::{
    Order,
    connection::{Connection, report, token_request},
    hear, say,
};

pub(crate) async fn run() {
    let job = json!({ "sub": "load", "repository_id": "74" });
    let provider = Provider::start_on(SocketAddr::from(([127, 0, 0, 1], 0)), job).await;
    say(&json!({ "issuer": provider.url() }));
    while let Some(order) = Order::hear().await {
        let requests = Rc::new(sign(&provider, &order.url, order.count));
        say(&json!({ "signed": requests.len() }));
        if hear().await.is_none() {
            return;
        }
        say(&send(&order, &requests).await);
    }
}

/// Whole requests, ready to be written.
fn sign(provider: &Provider, url: &str, count: usize) -> Vec<Vec<u8>> {
    let one = || {
        let outside_token = provider.token(json!({ "aud": url, "sub": "load", "repository_id": "74" }));
        let body = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt&subject_token={outside_token}"
        );
        token_request(url, &body)
    };
    (0..count).map(|_| one()).collect()
}

/// Every connection sends every so manieth request.
async fn send(order: &Order, requests: &Rc<Vec<Vec<u8>>>) -> Value {
    let began = Instant::now();
    let one = |first: usize| {
        let (requests, url, step) = (Rc::clone(requests), order.url.clone(), order.connections);
        spawn_local(async move {
            let mut connection = Connection::open(&url).await;
            for request in requests.iter().skip(first).step_by(step) {
                connection.ask(request).await;
            }
            connection
        })
    };
    let all: Vec<_> = (0..order.connections).map(one).collect();
    let mut done = Vec::with_capacity(all.len());
    for one in all {
        done.push(one.await.expect("a connection does not panic"));
    }
    report(done, began.elapsed())
}
