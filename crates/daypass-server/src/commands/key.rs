//! `daypassd key`.

use daypass_store::{KeyState, StoredKey};
use serde_json::json;

use super::say;
use crate::{
    arguments::{Key, KeyAction, Output},
    assemble::{open_store, store_failure},
    config::Settings,
    failure::Failure,
};

/// Lists the signing keys: their names and states, never their private halves.
pub(crate) async fn run(key: Key) -> Result<(), Failure> {
    let KeyAction::List { place, output } = key.action;
    let settings = Settings::read(&place)?;
    let store = open_store(&settings).await?;
    let keys = store.signing_keys().await.map_err(store_failure)?;
    store.close().await;
    let lines: Vec<_> = keys.iter().map(|key| line(key, output)).collect();
    say(&lines.concat())
}

fn line(key: &StoredKey, output: Output) -> String {
    let state = match key.state {
        KeyState::Next => "next",
        KeyState::Active => "active",
        KeyState::Retired => "retired",
    };
    let created_at = key.created_at;
    match output {
        Output::Json => {
            format!("{}\n", json!({"kid": key.kid, "state": state, "created_at": created_at.to_string()}))
        }
        Output::Text => format!("{}  {state:<7}  {created_at}\n", key.kid),
    }
}
