//! Signing in at an OpenID provider: authorization code with PKCE (OpenID Connect Core 1.0 §3.1).

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use daypass_core::{clock::Clock, person::ProvenPerson, secret::Secret};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded::byte_serialize};

use super::{
    Begun, Callback, Inner, PendingSignIn, ProviderError,
    answer::{self, MAX_ANSWER_BYTES, Redeemed},
    begin::{authorization_url, good_hint},
    check_callback_issuer,
    discovery::{Authentication, Discovery, Endpoints},
    person::Documents,
};
use crate::{
    http::{HttpClient, HttpError},
    issuer_keys::IssuerKeys,
    strict_json,
    verify::{self, ExpectedId, Identified},
};

/// An OpenID provider and what was fetched of it.
pub(super) struct OpenId {
    discovery: Discovery,
    keys: IssuerKeys,
    groups_claim: Box<str>,
}

impl OpenId {
    pub(super) fn new(
        url: &str,
        groups_claim: &str,
        http: &HttpClient,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, HttpError> {
        Ok(Self {
            discovery: Discovery::of(url, http.clone(), Arc::clone(clock))?,
            keys: IssuerKeys::published_by(url, http.clone(), Arc::clone(clock))?,
            groups_claim: groups_claim.into(),
        })
    }
}

pub(super) async fn begin(
    inner: &Inner,
    openid: &OpenId,
    redirect_uri: &str,
    login_hint: Option<&str>,
) -> Result<Begun, ProviderError> {
    let endpoints = openid.discovery.endpoints().await?;
    let provider = &inner.provider;
    let pending = PendingSignIn::new(&provider.name)?;
    let mut scopes: Vec<&str> = provider.scopes.iter().map(|scope| &**scope).collect();
    if !scopes.contains(&"openid") {
        // Without it there is no ID token (§3.1.2.1).
        scopes.insert(0, "openid");
    }
    let scope = scopes.join(" ");
    let mut url = authorization_url(&endpoints.authorization, &provider.client_id, redirect_uri, &scope, &pending);
    url.query_pairs_mut().append_pair("nonce", pending.nonce.expose());
    if let Some(hint) = good_hint(login_hint) {
        url.query_pairs_mut().append_pair("login_hint", hint);
    }
    Ok(Begun { url, pending })
}

pub(super) async fn finish(
    inner: &Inner,
    openid: &OpenId,
    redirect_uri: &str,
    pending: &PendingSignIn,
    callback: &Callback,
) -> Result<ProvenPerson, ProviderError> {
    let endpoints = openid.discovery.endpoints().await?;
    check_callback_issuer(callback, &inner.provider.url, endpoints.promises_issuer)?;
    let redeemed = redeem(inner, &endpoints, redirect_uri, pending, &callback.code).await?;
    let id_token = redeemed.id_token.as_ref().ok_or(ProviderError::Nonsense("there is no ID token"))?;
    let identified = identify(inner, &openid.keys, id_token, pending).await?;
    let mut documents = Documents::new(inner, &identified, &openid.groups_claim);
    documents.check_claims()?;
    if documents.are_incomplete()
        && let (Some(userinfo), Some(access_token)) = (&endpoints.userinfo, redeemed.bearer())
    {
        documents.add(ask_about(inner, userinfo, access_token, &identified.subject).await?);
    }
    documents.person()
}

/// Redeems the code (§3.1.3.1).
async fn redeem(
    inner: &Inner,
    endpoints: &Endpoints,
    redirect_uri: &str,
    pending: &PendingSignIn,
    code: &Secret,
) -> Result<Redeemed, ProviderError> {
    let client_id = &*inner.provider.client_id;
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code.expose()),
        ("redirect_uri", redirect_uri),
        ("code_verifier", pending.verifier.expose()),
    ];
    let mut authorization = None;
    match &inner.client_secret {
        None => form.push(("client_id", client_id)),
        Some(secret) => match endpoints.authentication.ok_or(ProviderError::Authentication)? {
            Authentication::Basic => authorization = Some(basic(client_id, secret)?),
            Authentication::Post => form.extend([("client_id", client_id), ("client_secret", secret.expose())]),
        },
    }
    let mut request = inner.http.request(Method::POST, &endpoints.token)?.form(&form);
    request = request.header(header::ACCEPT, "application/json");
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let answer = answer::ask(inner, request, MAX_ANSWER_BYTES).await?;
    answer::redeemed(inner, &answer)
}

/// RFC 6749 §2.3.1: both are encoded as in a form first, so that a colon stays in its half.
fn basic(client_id: &str, secret: &Secret) -> Result<HeaderValue, ProviderError> {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let credentials = STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret.expose())));
    let mut value =
        HeaderValue::from_str(&format!("Basic {credentials}")).map_err(|_| ProviderError::Authentication)?;
    value.set_sensitive(true);
    Ok(value)
}

async fn identify(
    inner: &Inner,
    keys: &IssuerKeys,
    id_token: &Secret,
    pending: &PendingSignIn,
) -> Result<Identified, ProviderError> {
    let raw = id_token.expose();
    let kid = verify::peek(raw)?.kid;
    let keys = keys.for_kid(kid.as_deref()).await?;
    let expected = ExpectedId {
        issuer_url: &inner.provider.url,
        client_id: &inner.provider.client_id,
        nonce: pending.nonce.expose(),
        now: inner.clock.now(),
    };
    Ok(verify::verify_id_token(raw, &expected, &keys)?)
}

/// Asks userinfo (§5.3), which must be about the same person (§5.3.2).
async fn ask_about(
    inner: &Inner,
    userinfo: &Url,
    access_token: &Secret,
    subject: &str,
) -> Result<Map<String, Value>, ProviderError> {
    let request = inner.http.request(Method::GET, userinfo)?.bearer_auth(access_token.expose());
    let request = request.header(header::ACCEPT, "application/json");
    let answer = answer::ask(inner, request, MAX_ANSWER_BYTES).await?;
    answer::cannot_now(answer.status, &answer.headers)?;
    if answer.status != StatusCode::OK {
        return Err(ProviderError::Nonsense("it says nothing about you"));
    }
    let claims = strict_json::parse_object(&answer.body)
        .map_err(|_| ProviderError::Nonsense("what it says about you is not plain JSON"))?;
    if claims.get("sub").and_then(Value::as_str) != Some(subject) {
        return Err(ProviderError::OtherPerson);
    }
    Ok(claims)
}
