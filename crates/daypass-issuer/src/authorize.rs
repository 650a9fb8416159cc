//! `GET /oauth/authorize` (RFC 6749 §4.1.1): where a client sends the browser.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::{Extensions, HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::names::ClientId;

use crate::{
    caller::Caller,
    form::Form,
    issuer::Parts,
    pages::outcome::SignedIn,
    sign_in::{
        self, CodeRequest, Purpose, SignIn,
        browser::Browser,
        choose::{self, is_local},
    },
};

/// The longest `state` that is given back, in bytes as JSON: it must fit into a cookie, sealed and with all the rest.
const LONGEST_STATE: usize = 1024;

/// What is wrong with a request, for the client (RFC 6749 §4.1.2.1).
type Wrong = (&'static str, String);

/// Checks the request and begins a sign-in.
///
/// As long as the client and its redirect URI are not known to belong together, nothing is sent there: the person is
/// told (RFC 6749 §3.1.2.4). This server is no open redirector.
pub(crate) async fn get(
    State(parts): State<Arc<Parts>>,
    RawQuery(query): RawQuery,
    extensions: Extensions,
    headers: HeaderMap,
) -> Response {
    let caller = Caller::of(&extensions, &headers);
    let query = match Form::parse_query(&query.unwrap_or_default()) {
        Ok(query) => query,
        Err(error) => return tell(&parts, &caller, &error.description),
    };
    let mut asked = match who_asks(&parts, &query) {
        Ok(asked) => asked,
        Err(what) => return tell(&parts, &caller, what),
    };
    if let Err((error, description)) = check(&parts, &query, &mut asked) {
        let url = sign_in::answer_url(&parts, &asked, &[("error", error), ("error_description", &description)]);
        return see_other(&url);
    }
    let Some(browser) = Browser::of_or_new(&headers, &parts) else {
        return tell(&parts, &caller, "The server has no randomness at the moment.");
    };
    let sign_in = SignIn::begin(Purpose::Code(asked), &browser, parts.clock.now());
    let (provider, hint) = (query.find("provider"), query.find("login_hint"));
    let mut response = choose::begin(&parts, &caller, &sign_in, provider, hint).await;
    if let Some(cookie) = browser.set_cookie(&parts) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The client and its redirect URI, which must be one of its own.
fn who_asks(parts: &Parts, query: &Form) -> Result<CodeRequest, &'static str> {
    let client_id = query.find("client_id").ok_or("The link names no client.")?;
    let client_id: ClientId = client_id.parse().map_err(|_| "The link names a client that is not registered.")?;
    let client = parts.client(&client_id);
    let client = client.ok_or("The link names a client that is not registered.")?;
    let redirect_uri = query.find("redirect_uri").ok_or("The link does not say where to go on.")?;
    if !client.may_redirect_to(redirect_uri) {
        return Err("The link would go on to an address that is not registered for this client.");
    }
    let state = query.find("state").map(ToOwned::to_owned);
    Ok(CodeRequest { client_id, redirect_uri: redirect_uri.to_owned(), state, code_challenge: String::new() })
}

fn check(parts: &Parts, query: &Form, asked: &mut CodeRequest) -> Result<(), Wrong> {
    let invalid = |text: &str| ("invalid_request", text.to_owned());
    // A control character takes six bytes there. The two are the quotes.
    let length = |state: &String| serde_json::to_string(state).map_or(usize::MAX, |json| json.len() - 2);
    if asked.state.as_ref().is_some_and(|state| length(state) > LONGEST_STATE) {
        asked.state = None;
        return Err(invalid("`state` is too long"));
    }
    match query.find("response_type") {
        Some("code") => {}
        Some(_) => return Err(("unsupported_response_type", "use the response_type `code`".to_owned())),
        None => return Err(invalid("`response_type` is missing")),
    }
    if query.find("response_mode").is_some_and(|mode| mode != "query") {
        return Err(invalid("use the response_mode `query`"));
    }
    if query.find("request").is_some() || query.find("request_uri").is_some() {
        return Err(("request_not_supported", "send the parameters themselves".to_owned()));
    }
    // RFC 9700 §2.1.1: PKCE for every client, and only S256.
    let challenge =
        query.find("code_challenge").ok_or_else(|| invalid("`code_challenge` is missing (PKCE, RFC 7636)"))?;
    if query.find("code_challenge_method") != Some("S256") {
        return Err(invalid("use the code_challenge_method `S256`"));
    }
    if challenge.len() != 43 || URL_SAFE_NO_PAD.decode(challenge).is_err() {
        return Err(invalid("`code_challenge` is not a SHA-256 digest in base64url"));
    }
    challenge.clone_into(&mut asked.code_challenge);
    let mut targets = ["audience", "resource"].into_iter().filter_map(|name| query.find(name));
    if targets.any(|target| target.trim_end_matches('/') != parts.public_url.as_str()) {
        return Err(("invalid_target", format!("access tokens of this server are for `{}` only", parts.public_url)));
    }
    let known = |name: &str| parts.trust.in_force().policy.providers().iter().any(|known| known.name.as_str() == name);
    if query.find("provider").is_some_and(|name| !is_local(name) && !known(name)) {
        return Err(invalid("there is no such `provider` here; leave it out to choose"));
    }
    // OpenID Connect Core §3.1.2.1: without asking anybody there is nobody, as no browser is ever remembered.
    if query.find("prompt").is_some_and(|prompt| prompt.split(' ').any(|word| word == "none")) {
        return Err(("login_required", "a person must sign in".to_owned()));
    }
    Ok(())
}

/// `GET /oauth/signed-in`: where the command line sends the browser when all is done.
pub(crate) async fn signed_in(State(parts): State<Arc<Parts>>) -> Response {
    SignedIn { server: parts.public_url.authority(), person: None }.answer()
}

fn tell(parts: &Parts, caller: &Caller, what: &str) -> Response {
    let trouble = sign_in::Trouble {
        title: "This link does not work",
        what,
        next: "Begin again where you came from. If it happens again, tell whoever runs the program that sent you here.",
    };
    sign_in::tell(parts, caller, StatusCode::BAD_REQUEST, &trouble)
}

/// A redirect that is never kept and tells nobody where it came from.
pub(crate) fn see_other(url: &str) -> Response {
    let headers =
        [(header::LOCATION, url), (header::CACHE_CONTROL, "no-store"), (header::REFERRER_POLICY, "no-referrer")];
    (StatusCode::SEE_OTHER, headers).into_response()
}
