//! What GitHub answers.

use std::sync::Arc;

use axum::{
    Router,
    extract::{RawQuery, State as From},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{Inner, State, Trouble};
use crate::form::{Form, check_pkce, with_query};

type Shared = Arc<State>;

pub(super) fn router(state: Shared) -> Router {
    Router::new()
        .route("/login/oauth/authorize", get(authorize))
        .route("/login/oauth/access_token", post(access_token))
        .route("/api/v3/user", get(user))
        .route("/api/v3/user/emails", get(emails))
        .route("/api/v3/user/orgs", get(orgs))
        .route("/api/v3/user/teams", get(teams))
        .with_state(state)
}

async fn authorize(From(state): From<Shared>, RawQuery(query): RawQuery) -> Response {
    match grant(&state, &query.unwrap_or_default()) {
        Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Err(complaint) => {
            state.inner().complaints.push(complaint.clone());
            (StatusCode::NOT_FOUND, complaint).into_response()
        }
    }
}

fn grant(state: &State, query: &str) -> Result<String, String> {
    let form = Form::read(query)?;
    form.must_be("client_id", &state.client_id)?;
    form.must_be("redirect_uri", &state.redirect_uri)?;
    form.must_be("code_challenge_method", "S256")?;
    let (challenge, given_state) = (form.need("code_challenge")?, form.need("state")?);
    let mut inner = state.inner();
    inner.given_out += 1;
    let code = format!("{:020x}", inner.given_out);
    inner.codes.insert(code.clone(), challenge.to_owned());
    let iss = match inner.trouble {
        Trouble::CallbackNamesAnother => Some("https://other.example.com/login/oauth".to_owned()),
        Trouble::CallbackNamesNobody => None,
        // Not the site's URL: an identifier of its own, under it.
        _ => Some(format!("{}/login/oauth", state.url)),
    };
    let mut fields = vec![("code", &*code)];
    fields.extend(iss.as_deref().map(|iss| ("iss", iss)));
    fields.push(("state", given_state));
    Ok(with_query(&state.redirect_uri, &fields))
}

async fn access_token(From(state): From<Shared>, headers: HeaderMap, body: String) -> Response {
    let mut inner = state.inner();
    if inner.trouble == Trouble::TokenRedirects {
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/api/v3/user")]).into_response();
    }
    let answer = match redeem(&state, &mut inner, &body) {
        Ok(access_token) => {
            json!({ "access_token": access_token, "scope": "read:org,read:user,user:email", "token_type": "bearer" })
        }
        Err((error, description)) => {
            inner.complaints.push(description.clone());
            let page = error.replace('_', "-");
            let guide = "/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors";
            json!({ "error": error, "error_description": description, "error_uri": format!("{guide}/#{page}") })
        }
    };
    let wants_json = headers.get(header::ACCEPT).is_some_and(|accept| accept == "application/json");
    if !wants_json || inner.trouble == Trouble::AnswersAsForm {
        let text = |(name, value): (&String, &Value)| format!("{name}={}", value.as_str().unwrap_or_default());
        let fields: Vec<_> = answer.as_object().into_iter().flatten().map(text).collect();
        let kind = [(header::CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")];
        return (kind, fields.join("&")).into_response();
    }
    // Status 200 even when it refuses.
    sent(&answer)
}

fn redeem(state: &State, inner: &mut Inner, body: &str) -> Result<String, (&'static str, String)> {
    let bad_code = || ("bad_verification_code", "The code passed is incorrect or expired.".to_owned());
    let wrong = ("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.".to_owned());
    let form = Form::read(body).map_err(|complaint| ("invalid_request", complaint))?;
    let genuine =
        form.get("client_id") == Some(&state.client_id) && form.get("client_secret") == Some(&state.client_secret);
    if !genuine || inner.trouble == Trouble::IncorrectClientCredentials {
        return Err(wrong);
    }
    let challenge = form.get("code").and_then(|code| inner.codes.remove(code)).ok_or_else(bad_code)?;
    if inner.trouble == Trouble::BadVerificationCode {
        return Err(bad_code());
    }
    if inner.trouble == Trouble::UnverifiedUserEmail {
        let description = "The user must have a verified primary email.".to_owned();
        return Err(("unverified_user_email", description));
    }
    if form.get("redirect_uri").is_some_and(|uri| uri != state.redirect_uri) {
        let description = "The redirect_uri MUST match the registered callback URL for this application.".to_owned();
        return Err(("redirect_uri_mismatch", description));
    }
    check_pkce(&challenge, form.get("code_verifier").unwrap_or_default()).map_err(|_| bad_code())?;
    let access_token = format!("gho_{:036x}", inner.given_out);
    inner.access_tokens.push(access_token.clone());
    Ok(access_token)
}

async fn user(From(state): From<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    api(&state, &uri, &headers, |inner, api| {
        let mut user = inner.person.json(api);
        if let (Trouble::NoId, Some(user)) = (inner.trouble, user.as_object_mut()) {
            user.remove("id");
        }
        user
    })
}

async fn emails(From(state): From<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    api(&state, &uri, &headers, |inner, _| inner.person.emails_json().into())
}

async fn orgs(From(state): From<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    if state.inner().trouble == Trouble::OrgsForbidden {
        return refusal(
            StatusCode::FORBIDDEN,
            "You need at least read:org scope or user scope to list your organizations.",
        );
    }
    api(&state, &uri, &headers, |inner, api| inner.person.orgs_json(api).into())
}

async fn teams(From(state): From<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    api(&state, &uri, &headers, |inner, api| inner.person.teams_json(api).into())
}

/// What all API calls have in common: who may call, and pages.
fn api(state: &State, uri: &Uri, headers: &HeaderMap, document: impl Fn(&Inner, &str) -> Value) -> Response {
    let mut inner = state.inner();
    inner.api_requests.push(uri.to_string().replace("/api/v3", ""));
    if headers.get(header::USER_AGENT).is_none_or(HeaderValue::is_empty) {
        inner.complaints.push("no User-Agent".to_owned());
        return (
            StatusCode::FORBIDDEN,
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.",
        )
            .into_response();
    }
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bearer = bearer.strip_prefix("Bearer ").or_else(|| bearer.strip_prefix("token ")).unwrap_or_default();
    let known = inner.access_tokens.iter().any(|known| known == bearer);
    match inner.trouble {
        Trouble::ApiFails => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Trouble::ApiRateLimited => {
            let mut refused = refusal(StatusCode::FORBIDDEN, "API rate limit exceeded for user ID 583231.");
            refused.headers_mut().insert("x-ratelimit-remaining", HeaderValue::from_static("0"));
            return refused;
        }
        Trouble::ApiUnauthorized => return refusal(StatusCode::UNAUTHORIZED, "Bad credentials"),
        _ if !known => return refusal(StatusCode::UNAUTHORIZED, "Bad credentials"),
        _ => {}
    }
    match document(&inner, &format!("{}/api/v3", state.url)) {
        Value::Array(all) => page(state, uri, &all, inner.trouble),
        one => sent(&one),
    }
}

/// One page, and a `Link` to the next. GitHub's own links go by ids, not by the path that was asked.
fn page(state: &State, uri: &Uri, all: &[Value], trouble: Trouble) -> Response {
    let Ok(query) = Form::read(uri.query().unwrap_or_default()) else {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, "Invalid request.");
    };
    let number = |name: &str, default: usize| query.get(name).and_then(|value| value.parse().ok()).unwrap_or(default);
    let (per_page, page) = (number("per_page", 30).clamp(1, 100), number("page", 1).max(1));
    let endless = trouble == Trouble::PagesWithoutEnd;
    let skipped = if endless { 0 } else { (page - 1) * per_page };
    let mut members: Vec<_> = all.iter().skip(skipped).take(per_page).cloned().collect();
    if trouble == Trouble::HugePages {
        members.push(json!({ "padding": "x".repeat(10 << 20) }));
    }
    let mut answer = sent(&Value::Array(members));
    if endless || all.len() > skipped + per_page {
        let list = uri.path().rsplit('/').next().unwrap_or_default();
        let to = |page: usize| format!("{}/api/v3/user/583231/{list}?per_page={per_page}&page={page}", state.url);
        let pages = all.len().div_ceil(per_page);
        let link = format!("<{}>; rel=\"next\", <{}>; rel=\"last\"", to(page + 1), to(pages));
        if let Ok(link) = HeaderValue::from_str(&link) {
            answer.headers_mut().insert(header::LINK, link);
        }
    }
    answer
}

fn refusal(status: StatusCode, message: &str) -> Response {
    let body = json!({
        "message": message, "documentation_url": "https://docs.github.com/rest", "status": status.as_str(),
    });
    (status, sent(&body)).into_response()
}

fn sent(document: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], document.to_string()).into_response()
}
