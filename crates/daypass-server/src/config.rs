//! What the server is told: the configuration file, and the flags, which win.

pub(crate) mod byte_size;
pub(crate) mod files;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use daypass_core::{
    clock::Ttl, key_rotation::RotateEvery, names::IndexName, policy::LONGEST_TTL, public_url::PublicUrl,
    session::SessionLimits,
};
use daypass_index::IndexSpec;
use daypass_store::StoreUrl;
use files::{FilesSettings, WrittenFiles};
use ipnet::IpNet;
use serde::Deserialize;

use self::{attestations::WrittenAttestations, index::WrittenIndex};
use crate::{arguments::Place, failure::Failure};

pub(crate) mod attestations;
mod index;
mod upstream;

/// The commented file that `daypassd init` writes.
pub(crate) const EXAMPLE: &str = include_str!("config/daypassd.toml");

/// The commented policy that `daypassd init` writes.
pub(crate) const EXAMPLE_POLICY: &str = include_str!("config/policy.toml");

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7411);
const DEFAULT_DATA: &str = "daypass-data";
/// The largest configuration file, in bytes; anything larger is the wrong file.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Everything the server needs to know, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) dev: bool,
    pub(crate) listen: SocketAddr,
    /// `None`: the address that was bound.
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) data: PathBuf,
    pub(crate) database: StoreUrl,
    pub(crate) policy: Vec<PathBuf>,
    pub(crate) indexes: Vec<IndexSpec>,
    /// Whom attestations are believed from.
    pub(crate) trusted_root: Option<PathBuf>,
    pub(crate) files: FilesSettings,
    /// The files with the package policies of indexes.
    pub(crate) package_policies: Vec<(IndexName, PathBuf)>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) sessions: SessionLimits,
    pub(crate) rotate_keys_every: RotateEvery,
    pub(crate) log: Log,
}

/// The configuration file. Unknown keys are errors.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    listen: Option<SocketAddr>,
    public_url: Option<PublicUrl>,
    data: Option<PathBuf>,
    database: Option<String>,
    #[serde(default)]
    policy: Vec<PathBuf>,
    #[serde(default)]
    index: Vec<WrittenIndex>,
    #[serde(default)]
    files: WrittenFiles,
    #[serde(default)]
    trusted_proxies: Vec<IpNet>,
    #[serde(default)]
    attestations: WrittenAttestations,
    #[serde(default)]
    session: WrittenSession,
    #[serde(default)]
    keys: WrittenKeys,
    #[serde(default)]
    log: Log,
}

/// How long sessions last.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSession {
    absolute: Option<Ttl>,
    idle: Option<Ttl>,
    access_token: Option<Ttl>,
}

/// What becomes of the signing keys.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenKeys {
    rotate_every: RotateEvery,
}

/// The longest session. Whoever wants to be signed in for longer than a month wants a password.
const LONGEST_SESSION: Ttl = Ttl::from_secs(30 * 24 * 3600);

impl WrittenSession {
    fn check(&self) -> Result<SessionLimits, Failure> {
        let default = SessionLimits::default();
        let absolute = self.absolute.unwrap_or(default.absolute);
        let idle = self.idle.unwrap_or(default.idle).min(absolute);
        let access_token = self.access_token.unwrap_or(default.access_token).min(absolute);
        let too_long = |what, longest| Failure::configuration(format!("`[session] {what}` is longer than {longest}"));
        if absolute > LONGEST_SESSION {
            return Err(too_long("absolute", "30 days"));
        }
        if self.access_token.unwrap_or(default.access_token) > LONGEST_TTL {
            return Err(too_long("access_token", "24 hours"));
        }
        Ok(SessionLimits { absolute, idle, access_token })
    }
}

/// What is logged, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`, or a `tracing` filter.
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Settings {
    /// Reads the file, if one is named, lays the flags over it, and checks the whole.
    pub(crate) fn read(place: &Place) -> Result<Self, Failure> {
        let (written, base) = match &place.config {
            Some(path) => (read_file(path)?, path.parent().unwrap_or(Path::new("")).to_owned()),
            None => (Written::default(), PathBuf::new()),
        };
        let listen = place.listen.or(written.listen).unwrap_or(DEFAULT_LISTEN);
        let public_url = match &place.public_url {
            Some(text) => {
                Some(text.parse().map_err(|error| Failure::configuration(format!("`--public-url`: {error}")))?)
            }
            None => written.public_url,
        };
        // Paths in the file are relative to the file, paths on the command line to the current folder.
        let in_file = || base.join(written.data.unwrap_or_else(|| PathBuf::from(DEFAULT_DATA)));
        let data = place.data.clone().unwrap_or_else(in_file);
        let database = written.database.unwrap_or_else(|| data.join("daypass.sqlite").display().to_string());
        let database = database.parse().map_err(|error| Failure::configuration(format!("`database`: {error}")))?;
        let policy = if place.policy.is_empty() {
            written.policy.iter().map(|path| base.join(path)).collect()
        } else {
            place.policy.clone()
        };
        let package_policies = index::package_policies(&written.index, &base);
        let indexes = index::indexes(written.index, &base, place.upstream.clone())?;
        let settings = Self {
            dev: place.dev,
            listen,
            public_url,
            data,
            database,
            policy,
            indexes,
            trusted_root: written.attestations.trusted_root.map(|path| base.join(path)),
            files: written.files.check(&base, files::environment)?,
            package_policies,
            trusted_proxies: written.trusted_proxies,
            sessions: written.session.check()?,
            rotate_keys_every: written.keys.rotate_every,
            log: written.log,
        };
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), Failure> {
        let loopback = self.listen.ip().is_loopback();
        if self.dev && !loopback {
            return Err(Failure::configuration(format!("`--dev` listens on loopback only, not on {}", self.listen))
                .hint("leave `--dev` out and set `public_url` to serve others"));
        }
        if !loopback && self.public_url.is_none() {
            return Err(Failure::configuration(format!("listening on {} needs a `public_url`", self.listen))
                .hint("set `public_url` to the `https://` URL of the proxy that terminates TLS in front of daypassd"));
        }
        Ok(())
    }

    /// Whether nobody could ever get an access token.
    pub(crate) fn identities_missing(&self) -> bool {
        self.policy.is_empty()
    }

    /// The server's public URL, once the address is known.
    pub(crate) fn public_url_at(&self, bound: SocketAddr) -> Result<PublicUrl, Failure> {
        match &self.public_url {
            Some(url) => Ok(url.clone()),
            None => format!("http://{bound}").parse().map_err(Failure::configuration),
        }
    }
}

fn read_file(path: &Path) -> Result<Written, Failure> {
    let text = read_text(path)?;
    toml::from_str(&text).map_err(|error| {
        Failure::configuration(format!("{}: {}", path.display(), error.to_string().trim_end()))
            .hint("`daypassd init` writes a commented example")
    })
}

/// Reads a small text file that the operator wrote.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        Failure::configuration(format!("could not read {}: {error}", path.display()))
            .hint("see that the path is right, and that the user who runs daypassd may read it")
    };
    if std::fs::metadata(path).map_err(failed)?.len() > LARGEST_FILE {
        return Err(Failure::configuration(format!("{} is larger than 1 MiB", path.display())));
    }
    std::fs::read_to_string(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_configuration_is_valid() {
        let written: Written = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(written.index.len(), 1);
        daypass_core::policy::Policy::merge([daypass_core::policy::Policy::parse(EXAMPLE_POLICY).unwrap()]).unwrap();
    }

    #[test]
    fn unknown_keys_are_errors() {
        assert!(toml::from_str::<Written>("lisen = \"127.0.0.1:1\"").is_err());
        assert!(toml::from_str::<Written>("[log]\nlvl = \"info\"").is_err());
    }

    #[test]
    fn sessions_have_sane_limits() {
        let read = |text: &str| toml::from_str::<Written>(text).unwrap().session.check();
        assert_eq!(read("").unwrap(), SessionLimits::default());
        let short = read("[session]\nabsolute = \"30m\"").unwrap();
        assert_eq!((short.idle.as_secs(), short.access_token.as_secs()), (1800, 1800));
        assert!(read("[session]\nabsolute = \"31d\"").is_err());
        assert!(read("[session]\nabsolute = \"10d\"\naccess_token = \"2d\"").is_err());
        assert!(toml::from_str::<Written>("[session]\nlength = \"1h\"").is_err());
    }

    #[test]
    fn keys_are_rotated_every_month_another_time_or_never() {
        let read = |text: &str| toml::from_str::<Written>(text).map(|written| written.keys.rotate_every).ok();
        assert_eq!(read(""), Some(RotateEvery::Every(Ttl::from_secs(30 * 86_400))));
        assert_eq!(read("[keys]\nrotate_every = \"7d\""), Some(RotateEvery::Every(Ttl::from_secs(7 * 86_400))));
        assert_eq!(read("[keys]\nrotate_every = \"never\""), Some(RotateEvery::Never));
        for bad in ["rotate_every = \"1h\"", "rotate_every = \"\"", "rotate_every = 30", "rotate = \"30d\""] {
            assert_eq!(read(&format!("[keys]\n{bad}")), None, "{bad}");
        }
    }

    #[test]
    fn the_data_folder_stands_beside_the_file_unless_a_flag_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("daypassd.toml");
        let read = |text: &str, data: Option<&str>| {
            std::fs::write(&config, text).unwrap();
            let place = Place { config: Some(config.clone()), data: data.map(PathBuf::from), ..Place::default() };
            Settings::read(&place).unwrap().data
        };
        assert_eq!(read("", None), folder.path().join("daypass-data"));
        assert_eq!(read("data = \"d\"", None), folder.path().join("d"));
        assert_eq!(read("data = \"/d\"", None), PathBuf::from("/d"));
        assert_eq!(read("data = \"d\"", Some("e")), PathBuf::from("e"));
        assert_eq!(Settings::read(&Place::default()).unwrap().data, PathBuf::from("daypass-data"));
    }

    #[test]
    fn dev_stays_on_loopback_and_others_need_a_public_url() {
        let place = |dev, listen: &str| Place { dev, listen: Some(listen.parse().unwrap()), ..Place::default() };
        assert!(Settings::read(&place(true, "127.0.0.1:0")).is_ok());
        assert!(Settings::read(&place(true, "0.0.0.0:0")).is_err());
        assert!(Settings::read(&place(false, "0.0.0.0:0")).is_err());
        let mut with_url = place(false, "0.0.0.0:0");
        with_url.public_url = Some("https://packages.example.com".to_owned());
        assert!(Settings::read(&with_url).is_ok());
        with_url.public_url = Some("http://packages.example.com".to_owned());
        assert!(Settings::read(&with_url).is_err());
    }
}
