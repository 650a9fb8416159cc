//! `/invite/{invite}`: whoever has the link chooses the account's credential, once.

use std::sync::Arc;

use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{
    audit::{AuditKind, Outcome},
    digest::Sha256,
    opaque::Kind,
    secret::Secret,
};
use daypass_store::{Account, Credential, StoreError, StoredPasskey};
use serde::{Deserialize, Serialize};

use super::{busy, challenge, passkey_door::user_handle, password, relying_party, webauthn};
use crate::{
    caller::Caller,
    form::Form,
    issuer::Parts,
    pages::invite::{Accept, Accepted, PasskeyMake},
    session::rights,
    sign_in::{self, browser::Browser, choose},
};

/// How long a person may take to fill in the form, in seconds.
const PATIENCE: i64 = 30 * 60;

/// What a sealed form is bound to.
const SEALED_AS: &str = "invite form";

/// What binds a form to the browser that asked for it: another site's form, with an invite of its own choosing, lacks
/// the one or the other half.
#[derive(Serialize, Deserialize)]
struct Bound {
    invite: Sha256,
    browser: Sha256,
    /// When the form was drawn, in seconds since the epoch.
    at: i64,
}

/// An invite that may be accepted, and the account it is for.
struct Open {
    digest: Sha256,
    account: Account,
}

/// Shows the choice.
pub(crate) async fn get(
    State(parts): State<Arc<Parts>>,
    Path(invite): Path<String>,
    extensions: axum::http::Extensions,
    headers: HeaderMap,
) -> Response {
    let caller = Caller::of(&extensions, &headers);
    let open = match find(&parts, &invite).await {
        Ok(Some(open)) => open,
        Ok(None) => return gone(&parts, &caller),
        Err(error) => return sign_in::unavailable(&parts, &caller, &error),
    };
    let Some(browser) = Browser::of_or_new(&headers, &parts) else { return sign_in::lost(&parts, &caller) };
    let mut response = page(&parts, &caller, &open, &browser, None);
    if let Some(cookie) = browser.set_cookie(&parts) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Takes the choice.
pub(crate) async fn post(State(parts): State<Arc<Parts>>, Path(invite): Path<String>, request: Request) -> Response {
    let caller = Caller::of(request.extensions(), request.headers());
    let Some((headers, form)) = choose::read(request).await else { return sign_in::lost(&parts, &caller) };
    let open = match find(&parts, &invite).await {
        Ok(Some(open)) => open,
        Ok(None) => return gone(&parts, &caller),
        Err(error) => return sign_in::unavailable(&parts, &caller, &error),
    };
    let Some(browser) = bound(&parts, &headers, &open, &form) else { return sign_in::lost(&parts, &caller) };
    let chosen = match choose_credential(&parts, &open, &browser, &form).await {
        Ok(chosen) => chosen,
        Err(NotChosen::Busy) => return busy(&parts, &caller),
        Err(NotChosen::Unfit(problem)) => return page(&parts, &caller, &open, &browser, Some(&problem)),
    };
    accept(&parts, &caller, &open, chosen).await
}

async fn find(parts: &Parts, invite: &str) -> Result<Option<Open>, StoreError> {
    let Some(digest) = Kind::Invite.digest(invite) else { return Ok(None) };
    let Some(invite) = parts.store.invite(&digest, parts.clock.now()).await? else { return Ok(None) };
    let account = parts.store.account(&invite.account).await?;
    Ok(account.map(|account| Open { digest, account }))
}

/// The browser that this form was drawn for, if it is the one that sent it.
fn bound(parts: &Parts, headers: &HeaderMap, open: &Open, form: &Form) -> Option<Browser> {
    let bound: Bound = parts.unseal(SEALED_AS, form.find("request")?)?;
    let age = parts.clock.now().as_second() - bound.at;
    let browser = Browser::of(headers, parts)?;
    let same = bound.invite == open.digest && bound.browser == browser.digest();
    (same && (-60..=PATIENCE).contains(&age)).then_some(browser)
}

fn page(parts: &Parts, caller: &Caller, open: &Open, browser: &Browser, problem: Option<&str>) -> Response {
    let account = &open.account;
    let bound = Bound { invite: open.digest, browser: browser.digest(), at: parts.clock.now().as_second() };
    let Some(request) = parts.seal(SEALED_AS, &bound) else { return sign_in::lost(parts, caller) };
    let us = relying_party(parts);
    let challenge = us.as_ref().and_then(|_| challenge::make(parts, purpose(open, browser)));
    let user_id = user_handle(account.person);
    let passkey = us.as_ref().zip(challenge.as_ref()).map(|(us, challenge)| PasskeyMake {
        challenge: &challenge.text,
        rp_id: &us.id,
        user_id: &user_id,
        ceremony: &challenge.sealed,
    });
    let named = (account.display_name != account.name.as_str()).then_some(&*account.display_name);
    let page = Accept {
        server: parts.public_url.authority(),
        account: account.name.as_str(),
        display_name: named,
        role: account.role.as_str(),
        passkey,
        request: &request,
        problem,
    };
    page.answer()
}

/// What the challenge for a new passkey is bound to.
fn purpose(open: &Open, browser: &Browser) -> Sha256 {
    Sha256::of(format!("{} {}", open.digest, browser.digest()))
}

enum NotChosen {
    /// For the person.
    Unfit(String),
    Busy,
}

async fn choose_credential(
    parts: &Parts,
    open: &Open,
    browser: &Browser,
    form: &Form,
) -> Result<Credential, NotChosen> {
    if let Some(ceremony) = form.find("ceremony") {
        let made = make_passkey(parts, open, browser, ceremony, form);
        return made.map(Credential::Passkey).ok_or_else(|| {
            NotChosen::Unfit("The passkey was not accepted. Try again, or choose a password.".to_owned())
        });
    }
    let password = Secret::new(form.find("password").unwrap_or_default());
    password::check(&password, &open.account.name).map_err(|unfit| NotChosen::Unfit(unfit.to_string()))?;
    if form.find("again") != Some(password.expose()) {
        return Err(NotChosen::Unfit("The two passwords differ.".to_owned()));
    }
    let hash = parts.accounts.hasher.hash(password).await.map_err(|_| NotChosen::Busy)?;
    Ok(Credential::PasswordHash(hash))
}

fn make_passkey(parts: &Parts, open: &Open, browser: &Browser, ceremony: &str, form: &Form) -> Option<StoredPasskey> {
    let (us, now) = (relying_party(parts)?, parts.clock.now());
    let challenge = challenge::spend(parts, &parts.accounts.spent, ceremony, purpose(open, browser), now)?;
    let bytes = |name| URL_SAFE_NO_PAD.decode(form.find(name).unwrap_or_default()).ok();
    let (client_data, attestation) = (bytes("client_data")?, bytes("attestation")?);
    match webauthn::check_made(&us, &challenge, &client_data, &attestation) {
        Ok(made) => Some(StoredPasskey {
            credential_id: URL_SAFE_NO_PAD.encode(made.credential_id),
            public_key: made.public_key.to_stored(),
            sign_count: i64::from(made.sign_count),
            created_at: now,
        }),
        Err(why) => {
            tracing::info!(account = %open.account.name, code = why.code(), "a new passkey was not accepted");
            None
        }
    }
}

/// Spends the invite; only then is the account ready.
async fn accept(parts: &Parts, caller: &Caller, open: &Open, chosen: Credential) -> Response {
    let (account, now) = (&open.account, parts.clock.now());
    let passkey = matches!(chosen, Credential::Passkey(_));
    let mut event = caller.event(now, AuditKind::AccountChanged, Outcome::Success);
    event.actor = Some(rights::actor(parts.public_url.as_str(), account.name.as_str()));
    event.person = Some(account.display_name.clone());
    let what = if passkey { "a passkey" } else { "a password" };
    event.reason = Some(format!("accepted the invite and chose {what}"));
    match parts.store.accept_invite(&open.digest, now, chosen, event).await {
        Ok(true) => {
            let (server, account) = (parts.public_url.authority(), account.name.as_str());
            Accepted { server, account, passkey, login_url: parts.public_url.as_str() }.answer()
        }
        Ok(false) => gone(parts, caller),
        Err(error) => sign_in::unavailable(parts, caller, &error),
    }
}

/// Spent, expired, replaced by a younger one, or never made: it is all the same to whoever has the link.
fn gone(parts: &Parts, caller: &Caller) -> Response {
    let trouble = sign_in::Trouble {
        title: "This invite is not good any more",
        what: "An invite can be used once, and for seven days.",
        next: "Ask whoever sent it for a new one.",
    };
    sign_in::tell(parts, caller, StatusCode::NOT_FOUND, &trouble)
}
