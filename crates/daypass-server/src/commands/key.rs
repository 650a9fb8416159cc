//! `daypassd key`: the signing keys, on the server's own machine, also while the server runs.

use std::io::Write;

use daypass_core::{
    clock::{Clock, SystemClock},
    key_rotation::{KEY_SET_MAX_AGE, Key as KeyFacts, KeyState, PUBLISHED_AHEAD, RotateEvery, until},
};
use daypass_issuer::{IssuerError, KeyAdmin, KeyAdminError, KeysChanged};
use daypass_store::{Store, StoredKey};
use serde_json::json;

use super::say;
use crate::{
    arguments::{Key, KeyAction, Output},
    assemble::{open_existing_store, store_failure},
    config::Settings,
    data_folder::DataFolder,
    failure::Failure,
};

/// Does what was asked for. Private halves are never shown.
pub(crate) async fn run(key: Key) -> Result<(), Failure> {
    let settings = Settings::read(key.action.place())?;
    let store = open_existing_store(&settings).await?;
    let done = act(key.action, &settings, &store).await;
    store.close().await;
    done
}

async fn act(action: KeyAction, settings: &Settings, store: &Store) -> Result<(), Failure> {
    let every = settings.rotate_keys_every;
    match action {
        KeyAction::List { output, .. } => {
            let keys = store.signing_keys().await.map_err(store_failure)?;
            say(&list(&keys, every, output))
        }
        KeyAction::Rotate { now, output, .. } => {
            let admin = admin(settings, store)?;
            let at = SystemClock.now();
            let changed = if now { admin.rotate_now(at).await } else { admin.rotate(at).await }.map_err(failure)?;
            let said = if now { rotated_now(&changed) } else { rotated(&changed) };
            tell(&said, &changed, every, output)
        }
        KeyAction::Revoke { kid, output, .. } => {
            let changed = admin(settings, store)?.revoke(&kid, SystemClock.now()).await.map_err(failure)?;
            tell(&revoked(&changed, &kid), &changed, every, output)
        }
    }
}

fn admin(settings: &Settings, store: &Store) -> Result<KeyAdmin, Failure> {
    let key_encryption_key = DataFolder::existing(&settings.data)?.key_encryption_key()?;
    Ok(KeyAdmin::new(store.clone(), key_encryption_key))
}

fn failure(error: KeyAdminError) -> Failure {
    match error {
        KeyAdminError::Issuer(IssuerError::Store(error)) => store_failure(error),
        KeyAdminError::Issuer(error @ IssuerError::WrongKeyEncryptionKey(_)) => {
            Failure::data(error).hint("name the data folder of a server that uses this database with `--data DIR`")
        }
        KeyAdminError::Unknown(_) => Failure::data(error).hint("`daypassd key list` shows all"),
        KeyAdminError::TooMany(_) => Failure::data(error)
            .hint("retired ones are forgotten two days after they signed last; `daypassd key list` shows when"),
        KeyAdminError::Overtaken => Failure::data(error).hint("look with `daypassd key list`, and try again"),
        KeyAdminError::Issuer(error) => Failure::other(error),
    }
}

/// What was done, and what the operator must know besides.
struct Said {
    done: String,
    beside: Vec<String>,
}

fn rotated(changed: &KeysChanged) -> Said {
    let next = find(&changed.after, KeyState::Next);
    // The operator's own setting does not matter for a next key.
    let from = next.and_then(|next| until(next, &[], RotateEvery::Never)).map(|from| format!("{from:.0}"));
    let (kid, from) = (name(next), from.unwrap_or_default());
    if changed.before == changed.after {
        Said {
            done: format!("{kid} is the next key already and signs from {from} on\n"),
            beside: vec!["hint: `daypassd key rotate --now` lets it sign at once".to_owned()],
        }
    } else {
        Said { done: format!("{kid} is published now and signs from {from} on\n"), beside: Vec::new() }
    }
}

fn rotated_now(changed: &KeysChanged) -> Said {
    let (active, before) = (find(&changed.after, KeyState::Active), find(&changed.before, KeyState::Active));
    let next = find(&changed.before, KeyState::Next);
    let published_for = active.zip(next).map(|(active, next)| active.since.duration_since(next.since));
    let mut beside = Vec::new();
    if published_for.is_none_or(|published_for| published_for < PUBLISHED_AHEAD) {
        beside.push(format!(
            "warning: whoever verifies access tokens by a copy of the key set does not know it yet, and refuses new \
             access tokens until the copy is renewed, for up to {} minutes; the indexes of this server do know it",
            KEY_SET_MAX_AGE.as_mins()
        ));
    }
    let done = match before {
        Some(before) => format!("{} signs now; what {} signed stays good until it ends\n", name(active), before.kid),
        None => format!("{} signs now\n", name(active)),
    };
    Said { done, beside }
}

fn revoked(changed: &KeysChanged, kid: &str) -> Said {
    let mut done = format!("{kid} is revoked: within five seconds every access token that it signed is refused\n");
    let mut beside = vec![format!(
        "warning: whoever verifies access tokens by a copy of the key set believes it until the copy is renewed, for \
         up to {} minutes",
        KEY_SET_MAX_AGE.as_mins()
    )];
    if find(&changed.before, KeyState::Active).is_some_and(|active| active.kid == kid) {
        done = format!("{done}{} was made and signs now\n", name(find(&changed.after, KeyState::Active)));
        if let Some(next) = find(&changed.after, KeyState::Next) {
            let hint = "whoever got hold of one key may have the next one, too";
            beside.push(format!("hint: {hint}: `daypassd key revoke {}` makes sure", next.kid));
        }
    }
    Said { done, beside }
}

fn find(keys: &[StoredKey], state: KeyState) -> Option<&KeyFacts> {
    keys.iter().map(|stored| &stored.key).rfind(|key| key.state == state)
}

fn name(key: Option<&KeyFacts>) -> &str {
    key.map_or("no key", |key| &key.kid)
}

/// What was done is the data, or the keys as they are now; warnings are for people.
fn tell(said: &Said, changed: &KeysChanged, every: RotateEvery, output: Output) -> Result<(), Failure> {
    match output {
        Output::Text => say(&said.done)?,
        Output::Json => say(&list(&changed.after, every, output))?,
    }
    for line in &said.beside {
        // Nobody is left to tell when standard error is gone.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    Ok(())
}

fn list(stored: &[StoredKey], every: RotateEvery, output: Output) -> String {
    let keys: Vec<_> = stored.iter().map(|stored| stored.key.clone()).collect();
    stored.iter().map(|stored| line(stored, until(&stored.key, &keys, every), output)).collect()
}

/// `until`: when the key leaves its state by itself.
fn line(stored: &StoredKey, until: Option<daypass_core::Timestamp>, output: Output) -> String {
    let KeyFacts { kid, state, since } = &stored.key;
    match output {
        Output::Json => {
            let [created_at, since] = [stored.created_at, *since].map(|time| time.to_string());
            let until = until.map(|until| until.to_string());
            let key = json!({
                "kid": kid, "state": state.as_str(), "created_at": created_at, "since": since, "until": until,
            });
            format!("{key}\n")
        }
        Output::Text => {
            let what = match (state, until) {
                (KeyState::Next, Some(until)) => format!("signs from {until:.0}"),
                (KeyState::Next, None) => String::new(),
                (KeyState::Active, Some(until)) => format!("signs until {until:.0}"),
                (KeyState::Active, None) => "signs until it is rotated".to_owned(),
                (KeyState::Retired, Some(until)) => format!("is forgotten at {until:.0}"),
                (KeyState::Retired, None) => "verifies".to_owned(),
            };
            format!("{kid}  {state:<7}  since {since:.0}  {what}\n")
        }
    }
}
