//! Which claim a rule is about: a name, or a JSON pointer to something nested.

use std::{fmt, str::FromStr};

use serde_json::{Map, Value};

/// The longest path, in bytes.
const LONGEST: usize = 256;

/// How deep a pointer may go.
const DEEPEST: usize = 8;

/// A claim: `repository_id`, or `/kubernetes.io/namespace` for what is nested (RFC 6901).
///
/// A text that begins with `/` is a pointer, anything else is a claim's whole name, slashes and dots included:
/// `oidc.circleci.com/project-id`, `https://sts.amazonaws.com/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClaimPath(Box<str>);

/// A text is no [`ClaimPath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a claim: use a claim's name, or a JSON pointer such as `/kubernetes.io/namespace` for what is nested"
)]
pub struct InvalidClaimPath(String);

impl ClaimPath {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What `claims` have there. JSON `null` counts as absent, and so does everything in a list: who may change a
    /// list's order would choose what is looked at.
    pub fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        let found = match self.0.strip_prefix('/') {
            None => claims.get(&*self.0),
            Some(pointer) => {
                let mut steps = pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~"));
                let first = claims.get(&steps.next()?)?;
                steps.try_fold(first, |value, step| value.as_object()?.get(&step))
            }
        };
        found.filter(|value| !value.is_null())
    }

    /// The top-level claim it is about.
    pub fn is_registered(&self) -> bool {
        matches!(&*self.0, "iss" | "aud" | "exp" | "iat" | "nbf" | "jti")
    }
}

impl FromStr for ClaimPath {
    type Err = InvalidClaimPath;

    fn from_str(text: &str) -> Result<Self, InvalidClaimPath> {
        let refuse = || InvalidClaimPath(text.chars().take(80).flat_map(char::escape_debug).collect());
        let printable = !text.is_empty() && text.len() <= LONGEST && !text.chars().any(char::is_control);
        let sane_pointer = text.strip_prefix('/').is_none_or(|pointer| {
            let escapes = pointer.replace("~0", "").replace("~1", "");
            !escapes.contains('~')
                // A pointer of one step would be a second spelling of a claim's name.
                && (2..=DEEPEST).contains(&pointer.split('/').count())
                && pointer.split('/').all(|step| !step.is_empty())
        });
        if printable && sane_pointer { Ok(Self(text.into())) } else { Err(refuse()) }
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(path: &str) -> Option<Value> {
        let claims = json!({
            "sub": "x", "nothing": null, "oidc.example.com/id": "1", "a/b": 2, "escaped": { "a/b": 2 },
            "kubernetes.io": { "namespace": "build", "serviceaccount": { "uid": "u" }, "list": ["l"] },
        });
        path.parse::<ClaimPath>().unwrap().find(claims.as_object().unwrap()).cloned()
    }

    #[test]
    fn names_and_pointers_are_told_apart() {
        assert_eq!(found("oidc.example.com/id"), Some(json!("1")));
        assert_eq!(found("/kubernetes.io/namespace"), Some(json!("build")));
        assert_eq!(found("/kubernetes.io/serviceaccount/uid"), Some(json!("u")));
        assert_eq!(found("/escaped/a~1b"), Some(json!(2)));
        for path in ["missing", "nothing", "kubernetes.io/namespace", "/kubernetes.io/list/0", "/sub/x", "/a/b"] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "",
            "/",
            "//",
            "/iss",
            "/a~1b",
            "/a//b",
            "/a/",
            "/a~2b",
            "/~",
            "a\nb",
            "/a/a/a/a/a/a/a/a/a",
            &"x".repeat(300),
        ] {
            assert!(text.parse::<ClaimPath>().is_err(), "{text}");
        }
    }
}
