//! The endpoints of a sign-in: as strict as a certified server, unless told to lie.

use std::{future, sync::Arc};

use axum::{
    Router,
    extract::{RawQuery, State as From},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use serde_json::{Value, json};

use super::{
    State,
    answers::{json, sent},
    keys::Keys,
    locked, overlay,
    people::{Authentication, Client, Granted, Lie, People},
    random,
};
use crate::form::{Form, basic_credentials, check_pkce, with_query};

type Shared = Arc<State>;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/authorize", get(authorize))
        .route("/oauth/token", post(token))
        .route("/userinfo", get(userinfo))
        .route("/elsewhere", any(elsewhere))
}

/// Asks nobody anything: the person has a session, and consents.
async fn authorize(From(state): From<Shared>, RawQuery(query): RawQuery) -> Response {
    let mut people = locked(&state.people);
    match grant(&mut people, &query.unwrap_or_default()) {
        Ok((redirect_uri, code, given_state)) => {
            let iss = match people.lie {
                Lie::CallbackNamesAnother => Some("https://other.example.com"),
                Lie::CallbackNamesNobody => None,
                _ => Some(&*state.url),
            };
            let mut fields = vec![("code", &*code), ("state", &*given_state)];
            fields.extend(iss.map(|iss| ("iss", iss)));
            (StatusCode::SEE_OTHER, [(header::LOCATION, with_query(&redirect_uri, &fields))]).into_response()
        }
        Err(complaint) => {
            people.complaints.push(complaint.clone());
            (StatusCode::BAD_REQUEST, complaint).into_response()
        }
    }
}

fn grant(people: &mut People, query: &str) -> Result<(String, String, String), String> {
    let form = Form::read(query)?;
    form.must_be("response_type", "code")?;
    form.must_be("client_id", &people.client.id)?;
    form.must_be("redirect_uri", &people.client.redirect_uri)?;
    form.must_be("code_challenge_method", "S256")?;
    let challenge = form.need("code_challenge")?;
    if challenge.len() != 43 {
        return Err("the `code_challenge` is not of SHA-256".to_owned());
    }
    if !form.need("scope")?.split(' ').any(|scope| scope == "openid") {
        return Err("the `scope` has no `openid`".to_owned());
    }
    let given_state = form.need("state")?;
    form.need("nonce")?;
    let code = format!("code-{:016x}", random());
    let granted = Granted { nonce: form.get("nonce").map(str::to_owned), challenge: challenge.to_owned() };
    people.codes.insert(code.clone(), granted);
    Ok((people.client.redirect_uri.clone(), code, given_state.to_owned()))
}

async fn token(From(state): From<Shared>, headers: HeaderMap, body: String) -> Response {
    let lie = {
        let mut people = locked(&state.people);
        people.asked.token += 1;
        people.lie
    };
    match lie {
        Lie::TokenRedirects => return redirect(),
        Lie::TokenHangs => future::pending().await,
        Lie::TokenFails => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Lie::TokenIsNotJson => return "<html>Maintenance</html>".into_response(),
        Lie::RotateBeforeSigning => {
            let mut keys = locked(&state.keys);
            *keys = Keys::generate(keys.generation() + 1);
        }
        _ => {}
    }
    let outcome = redeem(&mut locked(&state.people), &headers, &body);
    match outcome {
        Ok(granted) => json(&tokens(&state, &granted)),
        Err((error, complaint)) => {
            let answer = json!({ "error": error, "error_description": complaint });
            locked(&state.people).complaints.push(complaint);
            let status = if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
            (status, [(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
        }
    }
}

fn redeem(people: &mut People, headers: &HeaderMap, body: &str) -> Result<Granted, (&'static str, String)> {
    let invalid_request = |complaint| ("invalid_request", complaint);
    let form = Form::read(body).map_err(invalid_request)?;
    authenticate(&people.client, headers, &form).map_err(|complaint| ("invalid_client", complaint))?;
    form.must_be("grant_type", "authorization_code").map_err(invalid_request)?;
    let code = form.need("code").map_err(invalid_request)?;
    let verifier = form.need("code_verifier").map_err(invalid_request)?;
    // Spent by the first who brings it, whatever else is wrong.
    let granted = people.codes.remove(code).ok_or(("invalid_grant", "the code is unknown or spent".to_owned()))?;
    let invalid_grant = |complaint| ("invalid_grant", complaint);
    form.must_be("redirect_uri", &people.client.redirect_uri).map_err(invalid_grant)?;
    check_pkce(&granted.challenge, verifier).map_err(invalid_grant)?;
    Ok(granted)
}

fn authenticate(client: &Client, headers: &HeaderMap, form: &Form) -> Result<(), String> {
    let header = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let in_header = header.and_then(basic_credentials);
    let in_form = form.get("client_secret");
    match client.authentication {
        Authentication::Basic => {
            if in_form.is_some() {
                return Err("the secret is in the form, too".to_owned());
            }
            let (id, secret) = in_header.ok_or("there is no `Authorization: Basic`")?;
            if id == client.id && Some(secret) == client.secret { Ok(()) } else { Err("wrong secret".to_owned()) }
        }
        Authentication::Post | Authentication::None if header.is_some() => {
            Err("there is an `Authorization`".to_owned())
        }
        Authentication::Post => {
            form.must_be("client_id", &client.id)?;
            if in_form == client.secret.as_deref() { Ok(()) } else { Err("wrong secret".to_owned()) }
        }
        Authentication::None if in_form.is_some() => Err("a public client has no secret".to_owned()),
        Authentication::None => form.must_be("client_id", &client.id),
    }
}

fn tokens(state: &State, granted: &Granted) -> Value {
    let mut people = locked(&state.people);
    let mut claims = json!({ "aud": people.client.id, "nonce": granted.nonce });
    overlay(&mut claims, people.in_id_token.clone());
    let forge = state.forge(claims);
    let forge = people.forging.as_ref().map_or(forge.clone(), |forging| (forging.0)(forge));
    let access_token = format!("access-{:016x}{:016x}", random(), random());
    people.access_tokens.push(access_token.clone());
    let mut answer = json!({
        "access_token": access_token, "token_type": "Bearer", "expires_in": 3600, "id_token": forge.build(),
    });
    match people.lie {
        Lie::NoIdToken => overlay(&mut answer, json!({ "id_token": null })),
        Lie::OtherTokenType => overlay(&mut answer, json!({ "token_type": "DPoP" })),
        Lie::TokenIsHuge => overlay(&mut answer, huge()),
        _ => {}
    }
    answer
}

async fn userinfo(From(state): From<Shared>, headers: HeaderMap) -> Response {
    let mut people = locked(&state.people);
    people.asked.userinfo += 1;
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bearer = bearer.strip_prefix("Bearer ").unwrap_or_default();
    if !people.access_tokens.iter().any(|known| known == bearer) {
        return (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")])
            .into_response();
    }
    let mut answer = json!({ "sub": people.in_id_token.get("sub") });
    overlay(&mut answer, people.in_userinfo.clone());
    match people.lie {
        Lie::UserinfoOfAnother => overlay(&mut answer, json!({ "sub": "somebody else" })),
        Lie::UserinfoOfNobody => overlay(&mut answer, json!({ "sub": null })),
        Lie::UserinfoIsHuge => overlay(&mut answer, huge()),
        Lie::UserinfoRedirects => return redirect(),
        Lie::UserinfoFails => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => {}
    }
    sent(answer.to_string())
}

/// Where a redirect leads that should not have been followed.
async fn elsewhere(From(state): From<Shared>) -> StatusCode {
    locked(&state.people).asked.elsewhere += 1;
    StatusCode::OK
}

/// 307, so that a form would go along.
fn redirect() -> Response {
    (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]).into_response()
}

fn huge() -> Value {
    json!({ "padding": "x".repeat(10 << 20) })
}
