//! What things may be called. Parsed once where a value enters; inside, only these types.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is not a name of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {kind}: {rule}")]
pub struct InvalidName {
    kind: &'static str,
    text: String,
    rule: &'static str,
}

impl InvalidName {
    fn new(kind: &'static str, text: &str, rule: &'static str) -> Self {
        // A stranger may have sent it: keep it short and printable.
        let text = text.chars().take(80).flat_map(char::escape_debug).collect();
        Self { kind, text, rule }
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $parse:path, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                $parse(text).map(|name| Self(name.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

name_type!(
    /// The name of an index: the first segment of its URLs, `python` in `/python/simple/`.
    ///
    /// Lower-case letters, digits and hyphens, 1 to 64 of them, and none of the server's own first segments.
    IndexName,
    index_name,
    r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"
);
name_type!(
    /// The name of a project, normalized (PEP 503): lower case, runs of `-`, `_` and `.` become one `-`.
    ProjectName,
    project_name,
    r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,126}[A-Za-z0-9])?$"
);
name_type!(
    /// The name of a distribution file, a single path segment: `acme_hello-1.0-py3-none-any.whl`.
    FileName,
    file_name,
    r"^[A-Za-z0-9_][A-Za-z0-9_.+!-]{0,254}$"
);
name_type!(
    /// The name under which an outside issuer is registered.
    IssuerName,
    label,
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
);
name_type!(
    /// The name of a provider: where people come from. One segment of `/oauth/callback/{provider}`.
    ProviderName,
    provider_name,
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
);
name_type!(
    /// The name of a built-in account. It is never given to anybody else.
    AccountName,
    account_name,
    r"^[a-z0-9][a-z0-9_.-]{0,63}$"
);
name_type!(
    /// The name of a service account: a machine that proves who it is with a key of its own.
    ServiceAccountName,
    service_account_name,
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$"
);
name_type!(
    /// The `client_id` of a registered OAuth client (RFC 6749 §2.2).
    ClientId,
    client_id,
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
);
name_type!(
    /// The name that whoever made a pull token gave it.
    PullTokenName,
    pull_token_name,
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
);
name_type!(
    /// The name of an identity; may be structured by slashes: `ci/app`.
    IdentityName,
    identity_name,
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}(/[A-Za-z0-9][A-Za-z0-9_.-]{0,63})*$"
);

name_type!(
    /// The name of a role binding, so that it can be changed by it.
    RoleName,
    role_name,
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
);

/// First path segments that the server keeps for itself, so no index can be called so.
pub const RESERVED_INDEX_NAMES: [&str; 13] = [
    "api", "assets", "console", "device", "healthz", "invite", "legacy", "metrics", "oauth", "packages", "readyz",
    "registry", "simple",
];

fn index_name(text: &str) -> Result<String, InvalidName> {
    let refuse = |rule| Err(InvalidName::new("index name", text, rule));
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() || text.len() > 64 || !text.bytes().all(good) || text.starts_with('-') || text.ends_with('-') {
        return refuse("use 1 to 64 lower-case letters, digits and inner hyphens");
    }
    if RESERVED_INDEX_NAMES.contains(&text) {
        return refuse("the server uses this path itself");
    }
    Ok(text.to_owned())
}

fn project_name(text: &str) -> Result<String, InvalidName> {
    let bytes = text.as_bytes();
    let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if bytes.len() > 128 || !alphanumeric(bytes.first()) || !alphanumeric(bytes.last()) || !bytes.iter().all(good) {
        let rule = "use 1 to 128 ASCII letters, digits, `-`, `_` and `.`, the first and last a letter or digit";
        return Err(InvalidName::new("project name", text, rule));
    }
    // PEP 503: re.sub(r"[-_.]+", "-", name).lower()
    let mut normalized = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_ascii_alphanumeric() {
            normalized.push(char.to_ascii_lowercase());
        } else if !normalized.ends_with('-') {
            normalized.push('-');
        }
    }
    Ok(normalized)
}

fn file_name(text: &str) -> Result<String, InvalidName> {
    // PEP 427, PEP 625 and what older sdists use: version numbers bring `!` and `+`.
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'!');
    let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if text.len() > 255 || !starts_well || !text.bytes().all(good) {
        let rule = "use 1 to 255 ASCII letters, digits and `-_.+!`, beginning with a letter, a digit or `_`";
        return Err(InvalidName::new("file name", text, rule));
    }
    Ok(text.to_owned())
}

fn label(text: &str) -> Result<String, InvalidName> {
    plain_label("issuer name", text)
}

fn provider_name(text: &str) -> Result<String, InvalidName> {
    plain_label("provider name", text)
}

fn role_name(text: &str) -> Result<String, InvalidName> {
    plain_label("role name", text)
}

fn client_id(text: &str) -> Result<String, InvalidName> {
    plain_label("client_id", text)
}

fn pull_token_name(text: &str) -> Result<String, InvalidName> {
    // As our own opaque secrets begin: one that was pasted into the wrong place would be kept and shown.
    if text.starts_with("daypass_") {
        return Err(InvalidName::new("pull token name", text, "it must not look like a secret of ours"));
    }
    plain_label("pull token name", text)
}

/// Shorter than a label: it becomes a part of some.
fn service_account_name(text: &str) -> Result<String, InvalidName> {
    if text.len() > 40 {
        return Err(InvalidName::new("service account name", text, "use at most 40 characters"));
    }
    plain_label("service account name", text)
}

/// Lower case only, so that no two accounts look alike.
fn account_name(text: &str) -> Result<String, InvalidName> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if text.len() > 64 || !starts_well || !text.bytes().all(good) {
        let rule = "use 1 to 64 lower-case ASCII letters, digits and `-_.`, beginning with a letter or a digit";
        return Err(InvalidName::new("account name", text, rule));
    }
    Ok(text.to_owned())
}

fn plain_label(kind: &'static str, text: &str) -> Result<String, InvalidName> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if text.len() > 64 || !starts_well || !text.bytes().all(good) {
        let rule = "use 1 to 64 ASCII letters, digits and `-_.`, beginning with a letter or a digit";
        return Err(InvalidName::new(kind, text, rule));
    }
    Ok(text.to_owned())
}

fn identity_name(text: &str) -> Result<String, InvalidName> {
    if text.len() > 128 || text.split('/').any(|part| label(part).is_err()) {
        let rule = "use up to 128 ASCII letters, digits and `-_.`, in parts separated by `/`";
        return Err(InvalidName::new("identity name", text, rule));
    }
    // An identity is found by its name or by its id: nobody may be called what another is.
    if text.parse::<uuid::Uuid>().is_ok() {
        return Err(InvalidName::new("identity name", text, "it must not be written as an id is (a UUID)"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_names_are_normalized_as_pep_503_says() {
        for (given, normal) in [("Friendly-Bard", "friendly-bard"), ("friendly--.__bard", "friendly-bard"), ("A", "a")]
        {
            assert_eq!(given.parse::<ProjectName>().unwrap().as_str(), normal);
        }
    }

    #[test]
    fn bad_project_names_are_refused() {
        for text in ["", "-a", "a-", "_", "a/b", "a b", "..", "ä", "a\0", &"a".repeat(129)] {
            assert!(text.parse::<ProjectName>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_index_cannot_hide_the_servers_own_paths() {
        for text in RESERVED_INDEX_NAMES.iter().chain(&["", ".well-known", "_", "UPPER", "a/b", "-a", "a-"]) {
            assert!(text.parse::<IndexName>().is_err(), "{text}");
        }
        assert_eq!("python".parse::<IndexName>().unwrap().as_str(), "python");
    }

    #[test]
    fn a_file_name_is_one_harmless_path_segment() {
        for text in ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a%2fb", "a b", "a\n", "a\0"] {
            assert!(text.parse::<FileName>().is_err(), "{text}");
        }
        for text in ["acme_hello-1.0-py3-none-any.whl", "a-1!2.0+cgr.1.tar.gz", "_x-1.zip"] {
            assert!(text.parse::<FileName>().is_ok(), "{text}");
        }
    }

    #[test]
    fn a_secret_is_no_name_for_a_pull_token() {
        for text in ["daypass_pt_0", "", "-a", "a b", "a/b", &"a".repeat(65)] {
            assert!(text.parse::<PullTokenName>().is_err(), "{text}");
        }
        assert!("old-scanner_2.daypass_".parse::<PullTokenName>().is_ok());
    }

    #[test]
    fn identity_names_may_have_parts_but_no_empty_ones() {
        assert!("ci/app".parse::<IdentityName>().is_ok());
        for id in ["67e55044-10b1-426f-9247-bb680e5fe0c8", "67E5504410B1426F9247BB680E5FE0C8"] {
            assert!(id.parse::<IdentityName>().is_err(), "an identity is found by its id, too: {id}");
        }
        assert!("ci/67e55044-10b1-426f-9247-bb680e5fe0c8".parse::<IdentityName>().is_ok());
        for text in ["", "/", "ci/", "/ci", "ci//app", "ci/../app", "a b"] {
            assert!(text.parse::<IdentityName>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_invalid_name_is_quoted_short_and_escaped() {
        let error = format!("evil\u{1b}[31m{}", "x".repeat(500)).parse::<ProjectName>().unwrap_err().to_string();
        assert!(!error.contains('\u{1b}') && error.len() < 300, "{error}");
    }
}
