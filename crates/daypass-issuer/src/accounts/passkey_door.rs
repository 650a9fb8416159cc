//! `POST /oauth/sign-in/passkey`, and the question that goes with it.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{digest::Sha256, person::PersonId};
use daypass_store::{Account, StoreError};

use super::{
    Failed, again,
    challenge::{self, Challenge},
    finish, relying_party, wait,
    webauthn::{self, NotAccepted, PublicKey, Used},
};
use crate::{
    caller::Caller,
    form::Form,
    issuer::Parts,
    pages::choose::PasskeyUse,
    sign_in::{self, SignIn, choose},
};

/// What everybody is told whose passkey does not let them in.
const WRONG: &str = "This passkey was not accepted. Try again, or use your password.";

/// What a passkey is asked to sign on a sign-in page.
pub(crate) struct PasskeyQuestion {
    rp_id: String,
    challenge: Challenge,
}

impl PasskeyQuestion {
    /// As the page shows it.
    pub(crate) fn view(&self) -> PasskeyUse<'_> {
        PasskeyUse { challenge: &self.challenge.text, rp_id: &self.rp_id, ceremony: &self.challenge.sealed }
    }
}

/// A question for this sign-in and no other; `None` where browsers know no passkeys.
pub(crate) fn passkey_question(parts: &Parts, sign_in: &SignIn) -> Option<PasskeyQuestion> {
    let us = relying_party(parts)?;
    Some(PasskeyQuestion { rp_id: us.id, challenge: challenge::make(parts, purpose(sign_in)?)? })
}

/// What the challenges of a sign-in are bound to. Its browser is a part of it.
fn purpose(sign_in: &SignIn) -> Option<Sha256> {
    Some(Sha256::of(serde_json::to_vec(sign_in).ok()?))
}

/// The account, as authenticators keep it: nothing that says who it is (WebAuthn §14.6.1).
pub(super) fn user_handle(person: PersonId) -> String {
    URL_SAFE_NO_PAD.encode(person.to_string())
}

/// Signs a person in by their passkey, which says itself whose it is.
pub(crate) async fn post(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    let caller = Caller::of(request.extensions(), request.headers());
    let Some((headers, form)) = choose::read(request).await else { return sign_in::lost(&parts, &caller) };
    let sealed = form.find("request").unwrap_or_default();
    match SignIn::open(&parts, &headers, sealed) {
        Ok(sign_in) => check(&parts, &caller, &sign_in, &form).await,
        Err(_) => sign_in::lost(&parts, &caller),
    }
}

async fn check(parts: &Parts, caller: &Caller, sign_in: &SignIn, form: &Form) -> Response {
    let (peer, now) = (caller.context.peer, parts.clock.now());
    if let Err(too_often) = parts.accounts.throttle.begin(None, peer, now) {
        return wait(parts, caller, sign_in, "", None, too_often).await;
    }
    match prove(parts, sign_in, form).await {
        Ok(account) => {
            parts.accounts.throttle.was_right(None, peer);
            finish(parts, caller, sign_in, account).await
        }
        Err(NoProof::Store(error)) => sign_in::unavailable(parts, caller, &error),
        Err(NoProof::Refused { code, reason, account }) => {
            let account = account.as_ref().map(|account| &account.name);
            again(parts, caller, sign_in, "", WRONG, Failed { code, reason: &reason, account }).await
        }
    }
}

/// Why a passkey proved nothing.
enum NoProof {
    Store(StoreError),
    Refused { code: &'static str, reason: String, account: Option<Box<Account>> },
}

impl NoProof {
    fn new(code: &'static str, reason: &str) -> Self {
        Self::Refused { code, reason: reason.to_owned(), account: None }
    }

    /// Says whose passkey it was.
    fn of(self, whose: &Account) -> Self {
        match self {
            Self::Refused { code, reason, .. } => Self::Refused { code, reason, account: Some(whose.clone().into()) },
            store @ Self::Store(_) => store,
        }
    }
}

impl From<NotAccepted> for NoProof {
    fn from(why: NotAccepted) -> Self {
        Self::new(why.code(), &why.to_string())
    }
}

impl From<StoreError> for NoProof {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The account whose passkey answered this sign-in's challenge.
async fn prove(parts: &Parts, sign_in: &SignIn, form: &Form) -> Result<Account, NoProof> {
    let field = |name| form.find(name).unwrap_or_default();
    let bytes = |name| URL_SAFE_NO_PAD.decode(field(name)).map_err(|_| NotAccepted::Malformed);
    let (purpose, now) = (purpose(sign_in).ok_or(NotAccepted::WrongChallenge)?, parts.clock.now());
    let us = relying_party(parts).ok_or(NotAccepted::WrongRelyingParty)?;
    // Spent by the attempt, whatever comes of it.
    let challenge = challenge::spend(parts, &parts.accounts.spent, field("ceremony"), purpose, now)
        .ok_or(NotAccepted::WrongChallenge)?;

    let unknown = || NoProof::new("passkey_unknown", "there is no such passkey");
    let (name, passkey) = parts.store.passkey(field("credential")).await?.ok_or_else(unknown)?;
    let account = parts.store.account(&name).await?.ok_or_else(unknown)?;
    let refuse = |why: NotAccepted| NoProof::from(why).of(&account);
    let public_key = PublicKey::from_stored(&passkey.public_key).map_err(refuse)?;
    let (client_data, data, signature) = (bytes("client_data")?, bytes("authenticator_data")?, bytes("signature")?);
    let used = Used { client_data: &client_data, authenticator_data: &data, signature: &signature };
    let sign_count = webauthn::check_use(&us, &challenge, &public_key, &used).map_err(refuse)?;
    // WebAuthn §7.2, step 6: nobody named the account before, so the passkey must.
    if field("user_handle") != user_handle(account.person) {
        return Err(NoProof::new("passkey_other_account", "the passkey names another account").of(&account));
    }
    if account.disabled {
        return Err(NoProof::new("account_disabled", "the account is disabled").of(&account));
    }
    if !parts.store.note_passkey_used(&passkey.credential_id, i64::from(sign_count), now).await? {
        let reason = "the passkey's counter went back: there may be a copy of it";
        return Err(NoProof::new("passkey_copied", reason).of(&account));
    }
    Ok(account)
}
