//! Which database: `sqlite:PATH`, a bare path, or `postgres://…`.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use url::Url;

/// Names a database. Shows where it is, never the password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(Place);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Url),
}

/// A text does not name a database. The text is not quoted: there may be a password in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStoreUrl {
    /// Another scheme, or no place.
    #[error("not a database: use `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`")]
    Form,
    /// A parameter that PostgreSQL URLs do not have, or that has no meaning here.
    #[error("a database URL has no parameter `{0}`: use `sslmode`, `sslrootcert`, `host`, `options` and their like")]
    Parameter(String),
}

/// What may follow the `?` of a PostgreSQL URL. The driver would log others, with their values.
const PARAMETERS: [&str; 15] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-mode",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

impl StoreUrl {
    /// The SQLite database in the file `path`.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Place::Sqlite(path.into()))
    }

    /// The file, when it is an SQLite database.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Place::Sqlite(path) => Some(path),
            Place::Postgres(_) => None,
        }
    }

    pub(crate) const fn place(&self) -> &Place {
        &self.0
    }
}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStoreUrl> {
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return postgres(text);
        }
        let path = match text.strip_prefix("sqlite:") {
            Some(path) => path.strip_prefix("//").unwrap_or(path),
            None if text.contains("://") => return Err(InvalidStoreUrl::Form),
            None => text,
        };
        // `:memory:` would forget, `?mode=…` belongs to other programs' URLs.
        if path.is_empty() || path.starts_with(':') || path.contains(['\0', '?']) {
            return Err(InvalidStoreUrl::Form);
        }
        Ok(Self::sqlite(path))
    }
}

fn postgres(text: &str) -> Result<StoreUrl, InvalidStoreUrl> {
    let url: Url = text.parse().map_err(|_| InvalidStoreUrl::Form)?;
    if url.cannot_be_a_base() || url.fragment().is_some() {
        return Err(InvalidStoreUrl::Form);
    }
    for (key, _) in url.query_pairs() {
        let known = PARAMETERS.contains(&&*key) || key.starts_with("options[") && key.ends_with(']');
        if !known {
            return Err(InvalidStoreUrl::Parameter(key.chars().take(40).flat_map(char::escape_debug).collect()));
        }
    }
    Ok(StoreUrl(Place::Postgres(url)))
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "{}", path.display()),
            // Put together from the harmless parts: a password may stand in two places of the URL.
            Place::Postgres(url) => {
                f.write_str("postgres://")?;
                if !url.username().is_empty() {
                    write!(f, "{}@", url.username())?;
                }
                f.write_str(url.host_str().unwrap_or_default())?;
                if let Some(port) = url.port() {
                    write!(f, ":{port}")?;
                }
                f.write_str(url.path())
            }
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_or_without_scheme_is_sqlite() {
        for (text, path) in [
            ("sqlite:/var/lib/daypass.db", "/var/lib/daypass.db"),
            ("sqlite:///var/lib/daypass.db", "/var/lib/daypass.db"),
            ("sqlite:data/daypass.db", "data/daypass.db"),
            ("data/a b#c.db", "data/a b#c.db"),
        ] {
            assert_eq!(text.parse::<StoreUrl>().unwrap().path(), Some(Path::new(path)), "{text}");
        }
    }

    #[test]
    fn what_names_no_lasting_database_is_refused_and_not_quoted() {
        for text in ["", "sqlite:", "sqlite::memory:", ":memory:", "sqlite:a.db?mode=memory", "mysql://u:pw@h/d"] {
            let error = text.parse::<StoreUrl>().unwrap_err();
            assert!(!error.to_string().contains("pw"), "{text}");
        }
        for text in ["postgres:x", "postgres://h:port/d", "postgres://u:pw@h/d#pw"] {
            let error = text.parse::<StoreUrl>().unwrap_err();
            assert!(!error.to_string().contains("pw"), "{text}");
        }
    }

    #[test]
    fn an_unknown_parameter_is_refused_and_its_value_not_quoted() {
        let error = "postgres://h/d?sslpassword=hunter2".parse::<StoreUrl>().unwrap_err();
        assert_eq!(error, InvalidStoreUrl::Parameter("sslpassword".to_owned()));
        assert!("postgres://h/d?sslmode=require&options[search_path]=x".parse::<StoreUrl>().is_ok());
    }

    #[test]
    fn no_password_is_printed_wherever_it_stands() {
        for text in ["postgres://app:hunter2@db.example.com:5433/daypass", "postgresql://app@h/d?password=hunter2"] {
            let url: StoreUrl = text.parse().unwrap();
            let printed = format!("{url} {url:?} {url:#?}");
            assert!(!printed.contains("hunter2"), "{printed}");
            assert!(printed.contains("postgres://app@"), "{printed}");
        }
    }
}
