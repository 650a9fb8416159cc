//! `POST /oauth/sign-in/password`.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use daypass_core::{names::AccountName, secret::Secret};

use super::{Failed, again, busy, finish, wait};
use crate::{
    caller::Caller,
    form::Form,
    issuer::Parts,
    sign_in::{self, SignIn, choose},
};

/// What everybody is told who was wrong, whatever was wrong: whether there is such an account is nobody's business.
const WRONG: &str = "The account or the password is wrong.";

/// Signs a person in by the name and the password of their account.
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
    let typed: String = form.find("name").unwrap_or_default().trim().chars().take(64).collect();
    let password = Secret::new(form.find("password").unwrap_or_default());
    // Phones write names with a capital.
    let name: Option<AccountName> = typed.to_lowercase().parse().ok();
    let (peer, now) = (caller.context.peer, parts.clock.now());
    if let Err(too_often) = parts.accounts.throttle.begin(name.as_ref(), peer, now) {
        let account = match &name {
            // Looked up only where it is to be recorded.
            Some(name) if too_often.first => parts.store.account(name).await,
            _ => Ok(None),
        };
        return match account {
            Ok(account) => {
                wait(parts, caller, sign_in, &typed, account.as_ref().map(|account| &account.name), too_often).await
            }
            Err(error) => sign_in::unavailable(parts, caller, &error),
        };
    }
    let account = match &name {
        Some(name) => match parts.store.account(name).await {
            Ok(account) => account,
            Err(error) => return sign_in::unavailable(parts, caller, &error),
        },
        None => None,
    };
    let hash = account.as_ref().and_then(|account| account.password_hash.clone());
    let Ok(same) = parts.accounts.hasher.verify(password, hash).await else { return busy(parts, caller) };
    let (code, reason) = match account {
        Some(account) if same && !account.disabled => {
            parts.accounts.throttle.was_right(name.as_ref(), peer);
            return finish(parts, caller, sign_in, account).await;
        }
        Some(_) if same => ("account_disabled", "the account is disabled"),
        Some(ref account) if account.password_hash.is_none() => ("no_password", "the account has no password"),
        Some(_) => ("wrong_password", "the password is wrong"),
        None => ("account_unknown", "there is no such account"),
    };
    let account = name.as_ref().filter(|_| code != "account_unknown");
    again(parts, caller, sign_in, &typed, WRONG, Failed { code, reason, account }).await
}
