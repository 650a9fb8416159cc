//! `daypassd key`.

use daypass_store::KeyState;
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
    let mut text = String::new();
    for key in keys {
        let state = match key.state {
            KeyState::Next => "next",
            KeyState::Active => "active",
            KeyState::Retired => "retired",
        };
        text.push_str(&match output {
            Output::Json => {
                json!({"kid": key.kid, "state": state, "created_at": key.created_at.to_string()}).to_string()
            }
            Output::Text => format!("{}  {state:<7}  {}", key.kid, key.created_at),
        });
        text.push('\n');
    }
    say(&text)
}
