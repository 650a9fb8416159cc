//! GitHub's API, as far as it says who somebody is (REST API version 2022-11-28).

use daypass_core::secret::Secret;
use http::{HeaderMap, Method, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use url::Url;

use super::{Inner, ProviderError, answer};
use crate::http::Answer;

/// How large one answer may be: a page of a hundred teams has about 300 KiB.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// How many pages of a list are read, of a hundred each.
const MAX_PAGES: usize = 5;

/// Somebody's access to the API.
pub(super) struct Api<'a> {
    inner: &'a Inner,
    url: &'a str,
    access_token: &'a Secret,
}

#[derive(Deserialize)]
pub(super) struct User {
    /// Stays when the login changes, and is never given to somebody else.
    pub(super) id: u64,
    pub(super) login: String,
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct EmailAddress {
    pub(super) email: String,
    pub(super) primary: bool,
    pub(super) verified: bool,
}

#[derive(Deserialize)]
pub(super) struct Organization {
    pub(super) id: u64,
    pub(super) login: String,
}

#[derive(Deserialize)]
pub(super) struct Team {
    pub(super) id: u64,
    pub(super) slug: String,
    pub(super) organization: Organization,
}

impl<'a> Api<'a> {
    pub(super) fn new(inner: &'a Inner, url: &'a str, access_token: &'a Secret) -> Self {
        Self { inner, url, access_token }
    }

    pub(super) async fn user(&self) -> Result<User, ProviderError> {
        answer::json(&self.get("/user", "your profile").await?)
    }

    pub(super) async fn primary_email(&self) -> Result<Option<EmailAddress>, ProviderError> {
        let all: Vec<EmailAddress> = self.list("/user/emails", "your e-mail addresses").await?;
        Ok(all.into_iter().find(|email| email.primary))
    }

    pub(super) async fn orgs(&self) -> Result<Vec<Organization>, ProviderError> {
        self.list("/user/orgs", "your organizations").await
    }

    pub(super) async fn teams(&self) -> Result<Vec<Team>, ProviderError> {
        self.list("/user/teams", "your teams").await
    }

    /// All pages of a list, up to a limit. Whether there is a next one is GitHub's to say; where it is, is not: an
    /// access token is not sent to wherever an answer points.
    async fn list<T: DeserializeOwned>(&self, path: &str, what: &'static str) -> Result<Vec<T>, ProviderError> {
        let mut all = Vec::new();
        for page in 1..=MAX_PAGES {
            let answer = self.get(&format!("{path}?per_page=100&page={page}"), what).await?;
            all.extend(answer::json::<Vec<T>>(&answer)?);
            if answer.headers.get("x-github-sso").is_some() {
                let provider = self.inner.name().as_str();
                tracing::warn!(provider, what, "GitHub leaves out organizations that want single sign-on first");
            }
            if !has_next_page(&answer.headers) {
                return Ok(all);
            }
        }
        tracing::warn!(
            provider = self.inner.name().as_str(),
            what,
            "a list is longer than five pages; the rest is ignored"
        );
        Ok(all)
    }

    async fn get(&self, path: &str, what: &'static str) -> Result<Answer, ProviderError> {
        let url = Url::parse(&format!("{}{path}", self.url)).map_err(|_| ProviderError::Nonsense("its URL is none"))?;
        let request = self.inner.http.request(Method::GET, &url)?.bearer_auth(self.access_token.expose());
        let request =
            request.header(header::ACCEPT, "application/vnd.github+json").header("x-github-api-version", "2022-11-28");
        let answer = answer::ask(self.inner, request, MAX_PAGE_BYTES).await?;
        answer::cannot_now(answer.status, &answer.headers)?;
        match answer.status {
            StatusCode::OK => Ok(answer),
            // GitHub says "not found" of what may not be known.
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Err(ProviderError::Forbidden(what)),
            StatusCode::UNAUTHORIZED => Err(ProviderError::Nonsense("it does not take its own access token")),
            _ => Err(ProviderError::Nonsense("its API answers something else")),
        }
    }
}

/// Whether a `Link` (RFC 8288) says that there is more.
fn has_next_page(headers: &HeaderMap) -> bool {
    let links = headers.get_all(header::LINK).iter().filter_map(|value| value.to_str().ok());
    links.flat_map(|value| value.split(',')).any(|link| {
        let (_, parameters) = link.rsplit_once('>').unwrap_or_default();
        parameters.split(';').any(|parameter| matches!(parameter.trim(), r#"rel="next""# | "rel=next"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_whether_there_is_more() {
        let has_next =
            |link: &'static str| has_next_page(&HeaderMap::from_iter([(header::LINK, link.parse().unwrap())]));
        let url = "https://api.example.com/user/1/orgs";
        let both = format!(r#"<{url}?page=2>; rel="next", <{url}?page=3>; rel="last""#);
        assert!(has_next(both.leak()));
        assert!(!has_next(format!(r#"<{url}?page=1>; rel="prev", <{url}?page=1>; rel="first""#).leak()));
        assert!(!has_next(format!(r#"<{url}?rel="next"&page=1>; rel="first""#).leak()));
        assert!(!has_next("") && !has_next_page(&HeaderMap::new()));
    }
}
