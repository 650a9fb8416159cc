//! How the made-up server signs people in: RFC 6749 with PKCE (RFC 7636), RFC 8628 and RFC 9207, refresh tokens that
//! rotate, and a session that says who it is. Written from the standards, as the rest.

use std::{collections::HashMap, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Form, Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{FakeIssuer, Shared, access_token, refused};

type Fields = HashMap<String, String>;

/// How the server behaves to people.
#[derive(Debug, Clone)]
pub(crate) struct Manners {
    /// What the person is called.
    pub(crate) person: &'static str,
    /// What has been decided about device codes.
    pub(crate) device: Decision,
    /// The poll interval that is told.
    pub(crate) interval: u64,
    /// How many polls are answered `slow_down`.
    pub(crate) slow_downs: usize,
    /// How many answers to a refresh are lost on their way.
    pub(crate) lost: usize,
    /// How long a refresh takes.
    pub(crate) delay: Duration,
    /// Another `iss` in the redirect.
    pub(crate) iss: Option<&'static str>,
    /// Instead of a code.
    pub(crate) denied: bool,
    /// Whether it answers 503.
    pub(crate) away: bool,
    /// Whether it answers a refresh with 429 and the seconds to wait.
    pub(crate) too_often: Option<u32>,
    /// Whether it answers 503 to whoever wants to end a session.
    pub(crate) keeps_sessions: bool,
    /// The life of a session, in seconds.
    pub(crate) session_life: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Pending,
    Approved,
    Denied,
    Expired,
}

/// One session: its refresh tokens, the newest last, and whether its newest access token was used.
#[derive(Debug, Default)]
struct Session {
    refresh_tokens: Vec<String>,
    access_tokens: Vec<String>,
    used: bool,
    ended: Option<&'static str>,
}

#[derive(Debug, Default)]
pub(crate) struct People {
    manners: Manners,
    /// By code: what the authorization request said.
    codes: HashMap<String, Fields>,
    sessions: Vec<Session>,
    made: usize,
    refreshes: usize,
    forms: Vec<Fields>,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            person: "ada@example.com",
            device: Decision::Pending,
            interval: 1,
            slow_downs: 0,
            lost: 0,
            delay: Duration::ZERO,
            iss: None,
            denied: false,
            away: false,
            too_often: None,
            keeps_sessions: false,
            session_life: 43_200,
        }
    }
}

impl People {
    pub(super) fn manners(&self) -> Manners {
        self.manners.clone()
    }

    /// Ends the session of a refresh token (RFC 7009).
    pub(super) fn end(&mut self, token: &str) {
        let of = |session: &&mut Session| session.refresh_tokens.iter().any(|known| known == token);
        if let Some(session) = self.sessions.iter_mut().find(of) {
            session.ended = Some("session_ended");
        }
    }

    fn tokens(&mut self, at: usize, expires_in: u64) -> Value {
        self.made += 1;
        let session = &mut self.sessions[at];
        session.refresh_tokens.push(refresh_token(self.made));
        session.access_tokens.push(access_token(1000 + self.made));
        session.used = false;
        json!({
            "access_token": session.access_tokens.last(), "token_type": "Bearer", "expires_in": expires_in,
            "refresh_token": session.refresh_tokens.last(), "scope": "offline_access",
            "session_expires_in": self.manners.session_life, "person": self.manners.person,
        })
    }
}

/// The refresh token that the server gives out as its `number`th.
pub(crate) fn refresh_token(number: usize) -> String {
    format!("daypass_rt_{number:043}CheckS")
}

/// The access token that came with it.
pub(crate) fn access_token_of_session(number: usize) -> String {
    access_token(1000 + number)
}

impl FakeIssuer {
    pub(crate) fn treat_people(&self, change: impl FnOnce(&mut Manners)) {
        change(&mut self.shared.1.lock().unwrap().people.manners);
    }

    /// How many requests to refresh there were, lost answers included.
    pub(crate) fn refreshes(&self) -> usize {
        self.shared.1.lock().unwrap().people.refreshes
    }

    /// How many sign-ins led to a session.
    pub(crate) fn sessions(&self) -> usize {
        self.shared.1.lock().unwrap().people.sessions.len()
    }

    /// What was asked of the token endpoint in the name of a person, and of the device endpoint.
    pub(crate) fn forms(&self) -> Vec<Fields> {
        self.shared.1.lock().unwrap().people.forms.clone()
    }

    /// Ends all sessions, as an administrator does.
    pub(crate) fn end_all_sessions(&self, reason: &'static str) {
        for session in &mut self.shared.1.lock().unwrap().people.sessions {
            session.ended = Some(reason);
        }
    }
}

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/oauth/authorize", get(authorize))
        .route("/oauth/device_authorization", post(device_authorization))
        .route("/oauth/signed-in", get(|| async { "You may close this tab." }))
        .route("/api/v1/session", get(session))
}

/// A browser comes; the person is signed in at the provider already and says yes at once.
async fn authorize(State(shared): State<Shared>, Query(query): Query<Fields>) -> Response {
    let mut seen = shared.1.lock().unwrap();
    let redirect_uri = &query["redirect_uri"];
    let loopback = redirect_uri.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.strip_suffix("/callback"));
    let as_agreed = loopback.is_some_and(|port| port.parse::<u16>().is_ok())
        && query["response_type"] == "code"
        && query["client_id"] == "daypass-cli"
        && query["code_challenge_method"] == "S256"
        && query["code_challenge"].len() == 43;
    if !as_agreed {
        return (StatusCode::BAD_REQUEST, format!("{query:?}")).into_response();
    }
    let iss = seen.people.manners.iss.unwrap_or(&shared.0);
    let state = &query["state"];
    let location = if seen.people.manners.denied {
        format!("{redirect_uri}?error=access_denied&error_description=not%20today&state={state}&iss={iss}")
    } else {
        let code = format!("daypass_ac_{:043}CheckS", seen.people.codes.len());
        let location = format!("{redirect_uri}?code={code}&state={state}&iss={iss}");
        seen.people.codes.insert(code, query.clone());
        location
    };
    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
}

async fn device_authorization(State(shared): State<Shared>, Form(form): Form<Fields>) -> Json<Value> {
    let mut seen = shared.1.lock().unwrap();
    assert_eq!(form["client_id"], "daypass-cli");
    seen.people.forms.push(form);
    Json(json!({
        "device_code": "daypass_dc_x", "user_code": "WDJB-MJHT", "verification_uri": format!("{}/device", shared.0),
        "verification_uri_complete": format!("{}/device?user_code=WDJB-MJHT", shared.0),
        "expires_in": 600, "interval": seen.people.manners.interval,
    }))
}

/// The token endpoint, for everything but exchanges.
pub(super) async fn token(shared: Shared, form: Fields) -> Response {
    let delay = shared.1.lock().unwrap().people.manners.delay;
    tokio::time::sleep(delay).await;
    let (answer, lost) = {
        let mut seen = shared.1.lock().unwrap();
        seen.requests += 1;
        if seen.people.manners.away {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        if let Some(seconds) = seen.people.manners.too_often {
            let body = json!({"error": "slow_down", "error_description": "this session is refreshed too often"});
            let headers = [(header::RETRY_AFTER, seconds.to_string())];
            return (StatusCode::TOO_MANY_REQUESTS, headers, Json(body)).into_response();
        }
        let expires_in = seen.behaviour.expires_in;
        let people = &mut seen.people;
        people.forms.push(form.clone());
        let answer = match form["grant_type"].as_str() {
            "authorization_code" => exchange_code(people, &form, expires_in),
            "refresh_token" => refresh(people, &form, expires_in),
            _ => device_code(people, expires_in),
        };
        let lost = form["grant_type"] == "refresh_token" && people.manners.lost > 0;
        people.manners.lost -= usize::from(lost);
        (answer, lost)
    };
    // The connection breaks; what was done is done.
    assert!(!lost, "this answer is lost on its way");
    answer
}

fn exchange_code(people: &mut People, form: &Fields, expires_in: u64) -> Response {
    let Some(asked) = people.codes.remove(&form["code"]) else { return refused("invalid_grant", "no such code") };
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
    if challenge != asked["code_challenge"] || form["redirect_uri"] != asked["redirect_uri"] {
        return refused("invalid_grant", "the code belongs to another request");
    }
    people.sessions.push(Session::default());
    Json(people.tokens(people.sessions.len() - 1, expires_in)).into_response()
}

fn refresh(people: &mut People, form: &Fields, expires_in: u64) -> Response {
    people.refreshes += 1;
    let token = &form["refresh_token"];
    let of = |session: &Session| session.refresh_tokens.contains(token);
    let Some(at) = people.sessions.iter().position(of) else { return refused("invalid_grant", "no such session") };
    let session = &mut people.sessions[at];
    let age = session.refresh_tokens.iter().rev().position(|known| known == token).unwrap();
    // An answer that was lost is forgiven as long as nothing of it was used.
    if age > 1 || age == 1 && session.used {
        session.ended = Some("replayed");
    }
    if let Some(reason) = session.ended {
        let body = json!({"error": "invalid_grant", "error_description": "sign in again", "reason": reason});
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    }
    if age == 1 {
        session.refresh_tokens.pop();
        session.access_tokens.pop();
    }
    Json(people.tokens(at, expires_in)).into_response()
}

fn device_code(people: &mut People, expires_in: u64) -> Response {
    if people.manners.slow_downs > 0 {
        people.manners.slow_downs -= 1;
        return refused("slow_down", "");
    }
    match people.manners.device {
        Decision::Pending => refused("authorization_pending", ""),
        Decision::Denied => refused("access_denied", "no"),
        Decision::Expired => refused("expired_token", ""),
        Decision::Approved => {
            people.sessions.push(Session::default());
            Json(people.tokens(people.sessions.len() - 1, expires_in)).into_response()
        }
    }
}

/// Who the holder of an access token is.
async fn session(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut seen = shared.1.lock().unwrap();
    if seen.people.manners.away {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let bearer = headers[header::AUTHORIZATION].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    let is_identitys = (0..=seen.exchanges.len()).any(|number| access_token(number) == bearer);
    let person = seen.people.manners.person;
    let mut found = seen.people.sessions.iter_mut();
    let session = found.find(|session| session.ended.is_none() && session.access_tokens.contains(&bearer));
    let is_persons = session.is_some();
    if let Some(session) = session {
        session.used = true;
    }
    if !is_identitys && !is_persons || seen.revoked.contains(&bearer) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"detail": "send a valid access token"}))).into_response();
    }
    let life = jiff::SignedDuration::from_secs(seen.people.manners.session_life.try_into().unwrap());
    let session_expires_at = (crate::person::now() + life).to_string();
    let person = is_persons.then(|| json!({"name": person, "provider": "corp", "email": person}));
    Json(json!({
        "person": person, "identity": is_identitys.then_some("ci/app"),
        "session_expires_at": is_persons.then_some(session_expires_at), "expires_at": "2033-05-18T01:00:00Z",
        "indexes": [{"index": "python", "url": format!("{}/python/simple/", shared.0), "projects": ["*"],
                     "actions": ["pull"]}],
    }))
    .into_response()
}
