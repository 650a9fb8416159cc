//! The choice of how to sign in: shown, and made.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use daypass_core::{
    client::COMMAND_LINE, names::ProviderName, person::LOCAL_PROVIDER, policy::Policy, provider::Provider,
};

use super::{Purpose, SignIn, lost, provider_door};
use crate::{
    accounts::{PasskeyQuestion, passkey_question},
    body,
    caller::Caller,
    form::Form,
    issuer::Parts,
    pages::choose::{Asker, Choose, Local, ProviderButton},
};

/// What the page says of the choice before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told<'a> {
    /// What was wrong with it.
    pub(crate) problem: Option<&'a str>,
    /// The one provider to be shown: the others were not asked for.
    pub(crate) only: Option<&'a ProviderName>,
    /// The e-mail address that was typed.
    pub(crate) email: &'a str,
    /// The account's name that was typed.
    pub(crate) name: &'a str,
    /// What was wrong with the name or the password.
    pub(crate) local_problem: Option<&'a str>,
    /// Another status than the page's own.
    pub(crate) status: Option<StatusCode>,
}

/// Begins where a client or a device sent the person: at the one provider there is, at the one that is asked for, or
/// with the choice.
///
/// A code for a loopback port always begins with the page, and a click on it: whoever shares the computer may listen
/// there, and a provider that still knows the person would ask nothing (RFC 8252 §8.6).
pub(crate) async fn begin(
    parts: &Parts,
    caller: &Caller,
    sign_in: &SignIn,
    provider: Option<&str>,
    login_hint: Option<&str>,
) -> Response {
    let trust = parts.trust.in_force();
    let asked = provider.and_then(|name| trust.policy.providers().iter().find(|known| known.name.as_str() == name));
    let by_domain = login_hint.and_then(|hint| of_domain(&trust.policy, hint));
    let only = match trust.policy.providers() {
        [only] if provider.is_none() && !has_accounts(parts).await => Some(only),
        _ => None,
    };
    match asked.or(by_domain.filter(|_| provider.is_none())).or(only) {
        Some(provider) if !sign_in.goes_to_loopback() => {
            provider_door::start(parts, caller, sign_in, &provider.name, login_hint).await
        }
        chosen => {
            let email = login_hint.unwrap_or_default();
            page(parts, caller, sign_in, Told { email, only: chosen.map(|chosen| &chosen.name), ..Told::default() })
                .await
        }
    }
}

/// The choice.
pub(crate) async fn page(parts: &Parts, caller: &Caller, sign_in: &SignIn, told: Told<'_>) -> Response {
    let Ok(request) = sign_in.seal(parts) else { return lost(parts, caller) };
    let policy = parts.trust.in_force().policy.clone();
    let shown = |provider: &&Provider| told.only.is_none_or(|only| provider.name == *only);
    let providers: Vec<_> = policy.providers().iter().filter(shown).map(button).collect();
    let local = told.only.is_none() && (has_accounts(parts).await || providers.is_empty());
    let passkey = if local { passkey_question(parts, sign_in) } else { None };
    let client = match &sign_in.purpose {
        Purpose::Code(asked) if asked.client_id.as_str() != COMMAND_LINE => parts.client(&asked.client_id),
        _ => None,
    };
    let asker = match (&sign_in.purpose, &client) {
        (Purpose::Device { user_code }, _) => Asker::Device(user_code),
        (_, Some(client)) => Asker::Client(&client.name),
        (_, None) => Asker::ThisComputer,
    };
    let page = Choose {
        server: parts.public_url.authority(),
        asker,
        email: (told.only.is_none() && policy.providers().iter().any(|provider| !provider.domains.is_empty()))
            .then_some(told.email),
        providers: &providers,
        local: local.then(|| Local {
            name: told.name,
            problem: told.local_problem,
            passkey: passkey.as_ref().map(PasskeyQuestion::view),
        }),
        request: &request,
        problem: told.problem,
    };
    match told.status {
        Some(status) => page.answer_with(status),
        None => page.answer(),
    }
}

/// `POST /oauth/sign-in`: a provider's button, or an e-mail address.
pub(crate) async fn post(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    let caller = Caller::of(request.extensions(), request.headers());
    let Some((headers, form)) = read(request).await else { return lost(&parts, &caller) };
    let sealed = form.find("request").unwrap_or_default();
    let Ok(sign_in) = SignIn::open(&parts, &headers, sealed) else { return lost(&parts, &caller) };
    let policy = parts.trust.in_force().policy.clone();
    if let Some(name) = form.find("provider") {
        return match name.parse::<ProviderName>() {
            Ok(name) if policy.provider(&name).is_some() => {
                provider_door::start(&parts, &caller, &sign_in, &name, None).await
            }
            _ => lost(&parts, &caller),
        };
    }
    let email = form.find("email").unwrap_or_default();
    if let Some(provider) = of_domain(&policy, email) {
        return provider_door::start(&parts, &caller, &sign_in, &provider.name, Some(email)).await;
    }
    let problem = Some("No provider is known for this address. Choose one below, or check the spelling.");
    page(&parts, &caller, &sign_in, Told { problem, email, ..Told::default() }).await
}

/// A form of one of our pages, or nothing that could be one.
pub(crate) async fn read(request: Request) -> Option<(HeaderMap, Form)> {
    let (headers, body) = body::read(request).await.ok()?;
    let form = Form::parse(&headers, &body).ok()?;
    Some((headers, form))
}

fn button(provider: &Provider) -> ProviderButton<'_> {
    ProviderButton { name: provider.name.as_str(), label: &provider.label }
}

/// The provider whose domain an e-mail address has.
fn of_domain<'p>(policy: &'p Policy, email: &str) -> Option<&'p Provider> {
    let (_, domain) = email.trim().rsplit_once('@')?;
    let domain = domain.to_ascii_lowercase();
    policy.providers().iter().find(|provider| provider.domains.iter().any(|known| **known == *domain))
}

/// Whether anybody could sign in with a name and a password or a passkey.
async fn has_accounts(parts: &Parts) -> bool {
    // Where it cannot be told, the form does no harm.
    parts.store.has_accounts().await.unwrap_or(true)
}

/// The provider of the built-in accounts as a parameter asks for it.
pub(crate) fn is_local(provider: &str) -> bool {
    provider == LOCAL_PROVIDER
}
