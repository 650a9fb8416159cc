//! An upstream among the sources of an index: where it is, who we are there, how old its pages may become.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use daypass_core::{clock::Ttl, secret::Secret};
use daypass_index::{Freshness, SecretSource, UpstreamCredential, UpstreamSpec};
use serde::Deserialize;
use url::Url;

use super::read_text;
use crate::failure::Failure;

/// One upstream, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenUpstream {
    upstream: Option<Url>,
    /// With a password: HTTP Basic.
    username: Option<String>,
    password_file: Option<PathBuf>,
    password_env: Option<String>,
    /// Without a user name: a bearer token.
    token_file: Option<PathBuf>,
    token_env: Option<String>,
    /// Authorities in PEM, believed besides those of the system.
    ca: Option<PathBuf>,
    #[serde(default)]
    offline: bool,
    fresh: Option<Ttl>,
    stale_while_revalidate: Option<Ttl>,
    stale_if_error: Option<Ttl>,
}

/// What the environment says.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The environment of this process.
#[expect(clippy::disallowed_methods, reason = "the configuration names the variables; this is where they are read")]
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl From<Url> for WrittenUpstream {
    fn from(url: Url) -> Self {
        Self { upstream: Some(url), ..Self::default() }
    }
}

impl WrittenUpstream {
    /// Checks it; its files are relative to `base`.
    pub(super) fn check(self, base: &Path, environment: Environment<'_>) -> Result<UpstreamSpec, Failure> {
        let url = self.upstream.clone().ok_or_else(|| Failure::configuration("an upstream has no URL"))?;
        let url = check_upstream(url)?;
        let credential = self.credential(base, environment)?;
        if credential.is_some() && url.scheme() == "http" && !is_loopback(&url) {
            return Err(bad("has a credential, which would cross the network unencrypted: its URL must be `https://`"));
        }
        let ca = match &self.ca {
            Some(path) => Some(authorities(&base.join(path))?),
            None => None,
        };
        let default = Freshness::default();
        let or = |written: Option<Ttl>, usual| written.map_or(usual, duration);
        let freshness = Freshness {
            fresh: or(self.fresh, default.fresh),
            while_revalidate: or(self.stale_while_revalidate, default.while_revalidate),
            if_error: or(self.stale_if_error, default.if_error),
        };
        Ok(UpstreamSpec { url, credential, ca, offline: self.offline, freshness })
    }

    fn credential(&self, base: &Path, environment: Environment<'_>) -> Result<Option<UpstreamCredential>, Failure> {
        let password =
            secret("password", self.password_file.as_deref(), self.password_env.as_deref(), base, environment)?;
        let token = secret("token", self.token_file.as_deref(), self.token_env.as_deref(), base, environment)?;
        match (&self.username, password, token) {
            (None, None, None) => Ok(None),
            (Some(username), Some(password), None) if !username.contains(':') => {
                Ok(Some(UpstreamCredential::Basic { username: username.clone(), password }))
            }
            (None, None, Some(token)) => Ok(Some(UpstreamCredential::Bearer(token))),
            (Some(_), Some(_), None) => Err(bad("has a colon in its `username`")),
            _ => Err(bad(
                "has a credential that is not complete: `username` with `password_file` or `password_env`, or \
                          else `token_file` or `token_env`",
            )),
        }
    }
}

/// A secret in a file, which must be readable now and is read again each time it is used, or in the environment.
fn secret(
    what: &str,
    file: Option<&Path>,
    variable: Option<&str>,
    base: &Path,
    environment: Environment<'_>,
) -> Result<Option<SecretSource>, Failure> {
    match (file, variable) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(bad(&format!("has both `{what}_file` and `{what}_env`"))),
        (Some(file), None) => {
            let path = base.join(file);
            if read_text(&path)?.trim().is_empty() {
                return Err(bad(&format!("has a `{what}_file` that is empty: {}", path.display())));
            }
            Ok(Some(SecretSource::File(path)))
        }
        (None, Some(variable)) => {
            let value = environment(variable);
            let value = value.ok_or_else(|| bad(&format!("has its `{what}` in `{variable}`, which is not set")))?;
            Ok(Some(SecretSource::Given(Secret::new(value))))
        }
    }
}

fn authorities(path: &Path) -> Result<Arc<str>, Failure> {
    let text = read_text(path)?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(bad(&format!("has a `ca` without a certificate in PEM: {}", path.display())));
    }
    Ok(text.into())
}

fn duration(written: Ttl) -> Duration {
    Duration::from_secs(u64::try_from(written.as_secs()).unwrap_or(0))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn bad(why: &str) -> Failure {
    Failure::configuration(format!("an upstream {why}"))
}

/// A simple index's URL ends with a slash (PEP 503), so that project names can be joined to it.
pub(super) fn check_upstream(mut url: Url) -> Result<Url, Failure> {
    let bad = |why| Failure::configuration(format!("the upstream URL {why}"));
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err(bad("must begin with `https://` or `http://`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("must not hold a user name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("must not have a query or a fragment"));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(base: &Path, text: &str) -> Result<UpstreamSpec, String> {
        let written: WrittenUpstream = toml::from_str(text).map_err(|error| error.to_string())?;
        let environment = |name: &str| (name == "MIRROR_PASSWORD").then(|| "from the environment".to_owned());
        written.check(base, &environment).map_err(|failure| failure.to_string())
    }

    #[test]
    fn an_upstream_gets_its_slash_and_may_not_hold_a_password() {
        let url = |text: &str| check_upstream(text.parse().unwrap());
        assert_eq!(url("https://mirror.example.com/simple").unwrap().as_str(), "https://mirror.example.com/simple/");
        for bad in ["ftp://mirror.example.com/", "https://u:p@mirror.example.com/", "https://mirror.example.com/?a"] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_upstream_has_a_credential_an_authority_and_times_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "from the file\n").unwrap();
        std::fs::write(folder.path().join("ca.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
        let url = "upstream = \"https://mirror.example.com/simple/\"\n";
        let read = |text: &str| read(folder.path(), &format!("{url}{text}"));
        assert_eq!(read("").unwrap(), UpstreamSpec::from(Url::parse("https://mirror.example.com/simple/").unwrap()));
        let file = SecretSource::File(folder.path().join("secret"));
        let given = SecretSource::Given(Secret::new("from the environment"));
        let basic = |password| Some(UpstreamCredential::Basic { username: "reader".to_owned(), password });
        let credential = |text: &str| read(text).unwrap().credential;
        assert_eq!(credential("username = \"reader\"\npassword_file = \"secret\""), basic(file.clone()));
        assert_eq!(credential("username = \"reader\"\npassword_env = \"MIRROR_PASSWORD\""), basic(given));
        assert_eq!(credential("token_file = \"secret\""), Some(UpstreamCredential::Bearer(file)));
        let spec = read("ca = \"ca.pem\"\noffline = true\nfresh = \"1m\"\nstale_if_error = \"30d\"").unwrap();
        assert!(spec.ca.is_some() && spec.offline);
        assert_eq!(spec.freshness.fresh, Duration::from_mins(1));
        assert_eq!(spec.freshness.if_error, Duration::from_hours(30 * 24));
        assert_eq!(spec.freshness.while_revalidate, Freshness::default().while_revalidate);
    }

    #[test]
    fn what_is_half_a_credential_or_none_at_all_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        for bad in [
            "username = \"reader\"",
            "password_file = \"secret\"",
            "username = \"reader\"\ntoken_file = \"secret\"",
            "username = \"a:b\"\npassword_file = \"secret\"",
            "token_file = \"secret\"\ntoken_env = \"MIRROR_PASSWORD\"",
            "token_env = \"NOT_SET\"",
            "token_file = \"missing\"",
            "token_file = \"empty\"",
            "ca = \"secret\"",
            "ca = \"missing\"",
            "fresh = \"0s\"",
            "password = \"secret\"",
        ] {
            let text = format!("upstream = \"https://mirror.example.com/\"\n{bad}");
            assert!(read(folder.path(), &text).is_err(), "{bad}");
        }
        let plain = "upstream = \"http://mirror.example.com/\"\ntoken_file = \"secret\"";
        assert!(read(folder.path(), plain).unwrap_err().contains("https"));
        assert!(read(folder.path(), "upstream = \"http://127.0.0.1:1/\"\ntoken_file = \"secret\"").is_ok());
        assert!(read(folder.path(), "offline = true").is_err());
    }
}
