//! The device flow (RFC 8628): a device asks, a person at another browser decides.
//!
//! The device shows a short code. Whoever types it signs in, sees who asks and from where, and only then says yes: a
//! link with the code in it, sent by somebody else, is not enough (RFC 8628 §5.4).
//!
//! What is *not* here: the device's polling (`session::device_code`).

use std::sync::Arc;

use aws_lc_rs::rand;
use axum::{
    extract::{RawQuery, Request, State},
    http::{Extensions, HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use daypass_core::{
    Timestamp,
    audit::{AuditKind, Outcome},
    digest::Sha256,
    names::{ClientId, ProviderName},
    opaque::Kind,
    person::ProvenPerson,
};
use daypass_store::{AddDevice, DeviceDecision, DeviceState, NewDevice, StoredDevice};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    body,
    bounds::{DEVICE_LIFE, MOST_OPEN_DEVICES},
    caller::Caller,
    client_auth,
    error::{NO_STORE, OAuthError},
    form::Form,
    issuer::{self, NoRandomness, Parts},
    pages::device::{Confirm, Done, EnterCode, read_typed_code},
    refusal::Refusal,
    session::{pass, rights},
    sign_in::{self, Purpose, SignIn, browser::Browser, choose},
    token_endpoint,
};

/// How many seconds a device waits between two questions (RFC 8628 §3.2).
pub(crate) const INTERVAL: i64 = 5;

/// How long a device that finds too many others waiting should wait itself, in seconds.
const TOO_MANY_WAIT: u32 = 60;

/// No vowels, so no words; nothing that looks like something else (RFC 8628 §6.1). 20^8 codes.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// What a sealed approval is bound to.
const SEALED_AS: &str = "device-approval";

/// `POST /oauth/device_authorization` (RFC 8628 §3.1).
pub(crate) async fn authorize(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    let caller = Caller::of(request.extensions(), request.headers());
    let refusal = match body::read(request).await {
        Ok((headers, body)) => match begin(&parts, &caller, &headers, &body).await {
            Ok(answer) => return (StatusCode::OK, NO_STORE, answer).into_response(),
            Err(refusal) => refusal,
        },
        Err(refusal) => refusal,
    };
    token_endpoint::refuse(&parts, &caller, refusal).await.into_response()
}

async fn begin(parts: &Parts, caller: &Caller, headers: &HeaderMap, body: &[u8]) -> Result<String, Refusal> {
    let form = Form::parse(headers, body).map_err(|answer| Refusal::new(answer, "malformed_request"))?;
    let client = client_auth::client(parts, headers, &form)?;
    let (peer, now) = (caller.context.peer, parts.clock.now());
    if !parts.bounds.begin_device(peer, now) {
        return Err(too_many());
    }
    let added = add(parts, caller, &form, client.id, now).await;
    added.inspect_err(|_| parts.bounds.take_back_device(peer, now))
}

fn too_many() -> Refusal {
    let description = "too many devices are waiting; try again in a few minutes".to_owned();
    Refusal::new(OAuthError { description, ..OAuthError::slow_down(TOO_MANY_WAIT) }, "too_many_devices")
}

/// Remembers a device that waits from now on, and says how it goes on.
async fn add(
    parts: &Parts,
    caller: &Caller,
    form: &Form,
    client_id: ClientId,
    now: Timestamp,
) -> Result<String, Refusal> {
    let device_code = issuer::new_secret(Kind::DeviceCode).map_err(|error| pass::not_now(&error))?;
    // A user code that is taken is as rare as a lottery prize; three times in a row does not happen.
    for _ in 0..3 {
        let user_code = user_code().map_err(|_| pass::not_now(&NoRandomness))?;
        let device = NewDevice {
            device_code: Sha256::of(device_code.expose()),
            user_code: user_code.clone(),
            client_id: client_id.clone(),
            source: Some(caller.context.peer.to_string()),
            user_agent: caller.user_agent().map(ToOwned::to_owned),
            provider_hint: form.find("provider").and_then(|name| name.parse::<ProviderName>().ok()),
            created_at: now,
            expires_at: now.saturating_add(DEVICE_LIFE).unwrap_or(now),
        };
        match parts.store.add_device(device, MOST_OPEN_DEVICES, now).await.map_err(|error| pass::not_now(&error))? {
            AddDevice::Added => {
                let url = parts.public_url.join("/device");
                let answer = json!({
                    "device_code": device_code.expose(),
                    "user_code": user_code,
                    "verification_uri": url,
                    "verification_uri_complete": format!("{url}?user_code={user_code}"),
                    "expires_in": DEVICE_LIFE.as_secs(),
                    "interval": INTERVAL,
                });
                return Ok(answer.to_string());
            }
            AddDevice::UserCodeTaken => {}
            AddDevice::TooMany => break,
        }
    }
    Err(too_many())
}

fn user_code() -> Result<String, aws_lc_rs::error::Unspecified> {
    let mut code = String::with_capacity(9);
    while code.len() < 9 {
        let mut byte = [0];
        rand::fill(&mut byte)?;
        // 240 is a multiple of 20: every letter is as likely as any other.
        let letter = usize::from(byte[0]) % LETTERS.len();
        if byte[0] < 240
            && let Some(letter) = LETTERS.get(letter)
        {
            if code.len() == 4 {
                code.push('-');
            }
            code.push(char::from(*letter));
        }
    }
    Ok(code)
}

/// `GET /device`: where one types the code, or comes with it in the link.
///
/// A code that another site's page sends is shown and not looked at, so that its images cannot use up the guesses of
/// whoever opens it: there is a button to press first.
pub(crate) async fn page(
    State(parts): State<Arc<Parts>>,
    RawQuery(query): RawQuery,
    extensions: Extensions,
    headers: HeaderMap,
) -> Response {
    let caller = Caller::of(&extensions, &headers);
    let query = Form::parse_query(&query.unwrap_or_default()).ok();
    let typed = query.as_ref().and_then(|query| query.find("user_code")).unwrap_or_default();
    let typed: String = typed.chars().take(64).collect();
    let page = |problem| EnterCode { server: parts.public_url.authority(), typed: &typed, problem };
    if typed.is_empty() || !is_asked_by_a_person(&headers) {
        return page(None).answer();
    }
    if parts.bounds.guesses_too_much(caller.context.peer) {
        let problem = "Too many codes that do not exist were tried from your address. Wait ten minutes.";
        return page(Some(problem)).answer_with(StatusCode::TOO_MANY_REQUESTS);
    }
    let device = match read_typed_code(&typed) {
        Some(code) => match open_device(&parts, &code).await {
            Ok(device) => device,
            Err(error) => return sign_in::unavailable(&parts, &caller, &error),
        },
        None => None,
    };
    let Some(device) = device else {
        parts.bounds.count_guess(caller.context.peer);
        return page(Some("There is no such code, or its ten minutes are over. Look at your terminal again.")).answer();
    };
    let Some(browser) = Browser::of_or_new(&headers, &parts) else {
        return page(Some("The server has no randomness at the moment. Try again.")).answer();
    };
    let purpose = Purpose::Device { user_code: device.user_code.clone() };
    let sign_in = SignIn::begin(purpose, &browser, parts.clock.now());
    let hint = device.provider_hint.as_ref().map(ProviderName::as_str);
    // Always a page first: the code may have been typed into a form, or come with a link.
    let told = choose::Told::default();
    let mut response = match hint {
        Some(_) => choose::begin(&parts, &caller, &sign_in, hint, None).await,
        None => choose::page(&parts, &caller, &sign_in, told).await,
    };
    if let Some(cookie) = browser.set_cookie(&parts) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Whether a person went to the page: by typing, by a link in the terminal, with our own form. Browsers that do not say
/// (Fetch Metadata) are believed.
fn is_asked_by_a_person(headers: &HeaderMap) -> bool {
    let says = |name| headers.get_all(name).iter();
    !says("sec-fetch-site").any(|site| site == "cross-site") && says("sec-fetch-dest").all(|dest| dest == "document")
}

/// The device with this code that waits for a decision.
async fn open_device(parts: &Parts, user_code: &str) -> Result<Option<StoredDevice>, daypass_store::StoreError> {
    let now = parts.clock.now();
    let device = parts.store.device_by_user_code(user_code).await?;
    Ok(device.filter(|device| matches!(device.state, DeviceState::Pending) && device.expires_at > now))
}

/// A person who has proven who they are and is asked about a device.
#[derive(Serialize, Deserialize)]
struct Approval {
    sign_in: SignIn,
    person: ProvenPerson,
}

/// Asks the person who is signed in now whether the device may act for them.
pub(crate) async fn confirm_page(
    parts: &Parts,
    caller: &Caller,
    sign_in: &SignIn,
    user_code: &str,
    person: &ProvenPerson,
) -> Response {
    let device = match open_device(parts, user_code).await {
        Ok(Some(device)) => device,
        Ok(None) => return sign_in::lost(parts, caller),
        Err(error) => return sign_in::unavailable(parts, caller, &error),
    };
    let approval = Approval { sign_in: sign_in.clone(), person: person.clone() };
    let Some(request) = parts.seal(SEALED_AS, &approval) else { return sign_in::lost(parts, caller) };
    let client = parts.trust.in_force().policy.client(&device.client_id);
    let address = device.source.as_deref().unwrap_or("an unknown address");
    let page = Confirm {
        server: parts.public_url.authority(),
        person: person.shown(),
        user_code,
        client: client.as_ref().map_or(device.client_id.as_str(), |client| &client.name),
        address,
        same_address: address == caller.context.peer.to_string(),
        program: device.user_agent.as_deref(),
        asked_at: device.created_at,
        now: parts.clock.now(),
        request: &request,
    };
    page.answer()
}

/// `POST /device/confirm`: yes or no.
pub(crate) async fn decide(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    let caller = Caller::of(request.extensions(), request.headers());
    let Some((headers, form)) = choose::read(request).await else { return sign_in::lost(&parts, &caller) };
    let sealed = form.find("request").unwrap_or_default();
    let approval = parts.unseal::<Approval>(SEALED_AS, sealed);
    let Some(approval) = approval.filter(|approval| approval.sign_in.is_of(&headers, &parts)) else {
        return sign_in::lost(&parts, &caller);
    };
    let Purpose::Device { user_code } = &approval.sign_in.purpose else { return sign_in::lost(&parts, &caller) };
    let person = &approval.person;
    match rights::credential_is_newer(&parts, person, approval.sign_in.began()).await {
        Ok(false) => {}
        Ok(true) => return sign_in::lost(&parts, &caller),
        Err(error) => return sign_in::unavailable(&parts, &caller, &error),
    }
    let now = parts.clock.now();
    let (allowed, kind, outcome) = match form.find("decision") {
        Some("allow") => (true, AuditKind::DeviceApproved, Outcome::Success),
        Some("deny") => (false, AuditKind::DeviceDenied, Outcome::Refused),
        _ => return sign_in::lost(&parts, &caller),
    };
    let decision = if allowed {
        DeviceDecision::Approve { person: person.id(), groups: person.groups.clone() }
    } else {
        DeviceDecision::Deny
    };
    let mut event = caller.event(now, kind, outcome);
    event.actor = Some(rights::actor(&person.issuer, &person.subject));
    event.person = Some(person.shown().to_owned());
    match parts.store.decide_device(user_code, decision, now, event).await {
        Ok(true) => Done { server: parts.public_url.authority(), allowed }.answer(),
        Ok(false) => sign_in::lost(&parts, &caller),
        Err(error) => sign_in::unavailable(&parts, &caller, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_codes_are_what_people_can_read_out() {
        let codes: std::collections::HashSet<_> = (0..200).map(|_| user_code().unwrap()).collect();
        assert_eq!(codes.len(), 200);
        for code in codes {
            assert_eq!(read_typed_code(&code.to_lowercase().replace('-', " ")), Some(code));
        }
    }
}
