//! Sessions, each refreshed again and again: every answer brings the next refresh token.

use std::time::Instant;

use serde_json::{Value, json};
use tokio::task::spawn_local;

use crate::{
    Order,
    connection::{Connection, report, token_request},
    hear, say,
};

pub(crate) async fn run() {
    let Some(told) = hear().await else { return };
    let mut refresh_tokens: Vec<String> =
        serde_json::from_value(told.get("refresh_tokens").cloned().unwrap_or_default()).expect("`refresh_tokens`");
    say(&json!({ "sessions": refresh_tokens.len() }));
    while let Some(order) = Order::hear().await {
        assert!(order.connections <= refresh_tokens.len(), "every connection needs a session of its own");
        say(&json!({ "signed": 0 }));
        if hear().await.is_none() {
            return;
        }
        say(&send(&order, &mut refresh_tokens).await);
    }
}

/// Every connection refreshes its share of the sessions in turn: a server has its doubts about a session that is
/// refreshed dozens of times a minute.
async fn send(order: &Order, refresh_tokens: &mut [String]) -> Value {
    let began = Instant::now();
    let each = order.count / order.connections;
    let share = refresh_tokens.len() / order.connections;
    let one = |first: &[String]| {
        let (url, mut mine) = (order.url.clone(), first.to_vec());
        spawn_local(async move {
            let mut connection = Connection::open(&url).await;
            for turn in 0..each {
                let turn = turn % mine.len();
                let Some(refresh_token) = mine.get_mut(turn) else { break };
                let body = format!("grant_type=refresh_token&client_id=daypass-cli&refresh_token={refresh_token}");
                // A session that was refused stays so.
                let Some(answer) = connection.ask(&token_request(&url, &body)).await else { break };
                *refresh_token = next(answer);
            }
            (connection, mine)
        })
    };
    let all: Vec<_> = refresh_tokens.chunks_exact(share).take(order.connections).map(one).collect();
    let mut done = Vec::with_capacity(all.len());
    for (one, kept) in all.into_iter().zip(refresh_tokens.chunks_exact_mut(share)) {
        let (connection, mine) = one.await.expect("a connection does not panic");
        kept.clone_from_slice(&mine);
        done.push(connection);
    }
    report(done, began.elapsed())
}

fn next(answer: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(answer).expect("an answer in JSON");
    answer.get("refresh_token").and_then(Value::as_str).expect("the next refresh token").to_owned()
}
