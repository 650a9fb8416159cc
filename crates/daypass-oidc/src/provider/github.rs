//! Signing in at GitHub: OAuth 2.0 with PKCE, and its API for who came back.
//!
//! GitHub is not an OpenID provider for people. What it says is not signed; it is believed because it comes over TLS
//! from the API that the access token is for, which nobody else gets to see.

mod api;

use daypass_core::person::ProvenPerson;
use http::{Method, header};
use url::Url;

use super::{
    Begun, Callback, Inner, PendingSignIn, ProviderError,
    answer::{self, MAX_ANSWER_BYTES, Redeemed},
    begin::{authorization_url, good_hint},
    check_callback_issuer,
    rules::{self, Email},
};
use crate::http::{HttpClient, HttpError};
use api::Api;

/// Scopes that let organizations and teams be read.
const ORGANIZATION_SCOPES: [&str; 3] = ["read:org", "write:org", "admin:org"];

/// Scopes that let e-mail addresses be read.
const EMAIL_SCOPES: [&str; 2] = ["user:email", "user"];

/// Checks that both may be asked, as far as URLs tell.
pub(super) fn check_urls(http: &HttpClient, site: &str, api: &str) -> Result<(), HttpError> {
    for text in [site, api] {
        let not_a_url = |_| HttpError::NotAllowed { host: text.to_owned(), rule: "it is not a URL" };
        http.check(&Url::parse(text).map_err(not_a_url)?)?;
    }
    Ok(())
}

pub(super) fn begin(inner: &Inner, redirect_uri: &str, login_hint: Option<&str>) -> Result<Begun, ProviderError> {
    let provider = &inner.provider;
    let pending = PendingSignIn::new(&provider.name)?;
    let scope = provider.scopes.join(" ");
    let endpoint = endpoint(&provider.url, "/login/oauth/authorize")?;
    let mut url = authorization_url(&endpoint, &provider.client_id, redirect_uri, &scope, &pending);
    // It wants a login there, which an e-mail address is not.
    if let Some(login) = good_hint(login_hint).filter(|hint| !hint.contains('@')) {
        url.query_pairs_mut().append_pair("login", login);
    }
    Ok(Begun { url, pending })
}

pub(super) async fn finish(
    inner: &Inner,
    api_url: &str,
    redirect_uri: &str,
    pending: &PendingSignIn,
    callback: &Callback,
) -> Result<ProvenPerson, ProviderError> {
    let provider = &inner.provider;
    // github.com sends it since April 2026, Enterprise Servers of before that do not. It is not the site's own URL.
    check_callback_issuer(callback, &format!("{}/login/oauth", provider.url), false)?;
    let redeemed = redeem(inner, redirect_uri, pending, callback).await?;
    let access_token = redeemed.bearer().ok_or(ProviderError::Nonsense("there is no access token"))?;
    let api = Api::new(inner, api_url, access_token);
    let user = api.user().await?;
    let asked_for = |any: &[&str]| provider.scopes.iter().any(|scope| any.contains(&&**scope));
    let email = if asked_for(&EMAIL_SCOPES) { api.primary_email().await? } else { None };
    let email = email.and_then(|email| Email::new(&email.email, email.verified));
    let email = rules::let_in(provider, email.as_ref())?;
    let groups = if asked_for(&ORGANIZATION_SCOPES) { groups(&api).await? } else { Vec::new() };
    let subject = user.id.to_string();
    let name = rules::name([user.name.as_deref(), Some(&*user.login)]).unwrap_or_else(|| subject.clone());
    Ok(ProvenPerson {
        provider: provider.name.clone(),
        issuer: provider.url.to_string(),
        subject,
        name,
        email,
        groups: rules::groups(&provider.name, groups),
    })
}

/// Organizations and teams, each under its name and under its number: a name can be given up and taken by others.
async fn groups(api: &Api<'_>) -> Result<Vec<String>, ProviderError> {
    let (orgs, teams) = (api.orgs().await?, api.teams().await?);
    let of_org = |org: api::Organization| [org.login, format!("#{}", org.id)];
    let of_team = |team: api::Team| {
        let api::Team { id, slug, organization: org } = team;
        [format!("{}/{slug}", org.login), format!("#{}/{id}", org.id)]
    };
    Ok(orgs.into_iter().flat_map(of_org).chain(teams.into_iter().flat_map(of_team)).collect())
}

async fn redeem(
    inner: &Inner,
    redirect_uri: &str,
    pending: &PendingSignIn,
    callback: &Callback,
) -> Result<Redeemed, ProviderError> {
    let url = endpoint(&inner.provider.url, "/login/oauth/access_token")?;
    let mut form = vec![
        ("client_id", &*inner.provider.client_id),
        ("code", callback.code.expose()),
        ("redirect_uri", redirect_uri),
        ("code_verifier", pending.verifier.expose()),
    ];
    form.extend(inner.client_secret.as_ref().map(|secret| ("client_secret", secret.expose())));
    // Without this it answers with a form.
    let request = inner.http.request(Method::POST, &url)?.form(&form).header(header::ACCEPT, "application/json");
    let answer = answer::ask(inner, request, MAX_ANSWER_BYTES).await?;
    answer::redeemed(inner, &answer)
}

fn endpoint(site: &str, path: &str) -> Result<Url, ProviderError> {
    Url::parse(&format!("{site}{path}")).map_err(|_| ProviderError::Nonsense("its URL is none"))
}
