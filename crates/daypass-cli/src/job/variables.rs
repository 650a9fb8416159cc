//! Which variables the later steps of a job get. None of them is a secret: the user name in a URL is what makes pip and
//! uv ask for a credential at all.

use daypass_core::{access_token::ACCESS_TOKEN_USERNAME, names::IndexName, public_url::PublicUrl};

use crate::arguments::ci::Tool;

/// A variable and its value.
pub(crate) type Variable = (&'static str, String);

/// What the tools need to use the index without another word.
pub(crate) fn of_tools(server: &PublicUrl, index: &IndexName, tools: &[Tool]) -> Vec<Variable> {
    let simple = with_username(&server.index_url(index));
    let upload = server.join(&format!("/{index}/legacy/"));
    let mut variables = Vec::new();
    let mut set = |name, value: &str| variables.push((name, value.to_owned()));
    if tools.contains(&Tool::Pip) {
        set("PIP_INDEX_URL", &simple);
        // Handed on to the pip that installs what a build needs, unlike the option.
        set("PIP_KEYRING_PROVIDER", "subprocess");
    }
    if tools.contains(&Tool::Uv) {
        set("UV_DEFAULT_INDEX", &simple);
        set("UV_KEYRING_PROVIDER", "subprocess");
        set("UV_PUBLISH_URL", &upload);
        set("UV_PUBLISH_USERNAME", ACCESS_TOKEN_USERNAME);
    }
    if tools.contains(&Tool::Twine) {
        set("TWINE_REPOSITORY_URL", &upload);
        set("TWINE_USERNAME", ACCESS_TOKEN_USERNAME);
        set("TWINE_NON_INTERACTIVE", "1");
    }
    variables
}

/// `variables` without those by which a tool would publish here what the job means to publish elsewhere: it has said so
/// itself, and a password of its own must not be sent here.
pub(crate) fn unless_publishing_elsewhere(
    mut variables: Vec<Variable>,
    is_set: impl Fn(&str) -> bool,
) -> Vec<Variable> {
    for (begins, own) in [
        ("UV_PUBLISH_", &["UV_PUBLISH_URL", "UV_PUBLISH_TOKEN", "UV_PUBLISH_PASSWORD"][..]),
        ("TWINE_", &["TWINE_REPOSITORY_URL", "TWINE_REPOSITORY", "TWINE_PASSWORD"]),
    ] {
        if own.iter().any(|name| is_set(name)) {
            variables.retain(|(name, _)| !name.starts_with(begins));
        }
    }
    variables
}

/// The URL with the user name in it: older pip asks `keyring` only then, and so does uv.
fn with_username(url: &str) -> String {
    url.replacen("://", &format!("://{ACCESS_TOKEN_USERNAME}@"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_for(tools: &[Tool]) -> Vec<Variable> {
        of_tools(&"https://packages.example.com".parse().unwrap(), &"python".parse().unwrap(), tools)
    }

    #[test]
    fn every_tool_finds_the_index() {
        let own = |list: &[(&'static str, &str)]| -> Vec<Variable> {
            list.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
        };
        assert_eq!(
            set_for(&[Tool::Pip]),
            own(&[
                ("PIP_INDEX_URL", "https://_token@packages.example.com/python/simple/"),
                ("PIP_KEYRING_PROVIDER", "subprocess"),
            ])
        );
        assert_eq!(
            set_for(&[Tool::Uv, Tool::Twine]),
            own(&[
                ("UV_DEFAULT_INDEX", "https://_token@packages.example.com/python/simple/"),
                ("UV_KEYRING_PROVIDER", "subprocess"),
                ("UV_PUBLISH_URL", "https://packages.example.com/python/legacy/"),
                ("UV_PUBLISH_USERNAME", "_token"),
                ("TWINE_REPOSITORY_URL", "https://packages.example.com/python/legacy/"),
                ("TWINE_USERNAME", "_token"),
                ("TWINE_NON_INTERACTIVE", "1"),
            ])
        );
        assert_eq!(set_for(&[]), []);
    }

    #[test]
    fn a_job_that_publishes_elsewhere_goes_on_to() {
        let all = || set_for(&[Tool::Pip, Tool::Uv, Tool::Twine]);
        let left = |own: &str| {
            let variables = unless_publishing_elsewhere(all(), |name| name == own);
            variables.iter().map(|(name, _)| *name).collect::<Vec<_>>()
        };
        for own in ["TWINE_PASSWORD", "TWINE_REPOSITORY", "TWINE_REPOSITORY_URL"] {
            assert!(!left(own).iter().any(|name| name.starts_with("TWINE_")));
            assert!(left(own).contains(&"UV_PUBLISH_URL"));
        }
        for own in ["UV_PUBLISH_TOKEN", "UV_PUBLISH_PASSWORD", "UV_PUBLISH_URL"] {
            assert!(!left(own).iter().any(|name| name.starts_with("UV_PUBLISH_")));
            assert!(left(own).contains(&"UV_DEFAULT_INDEX") && left(own).contains(&"TWINE_USERNAME"));
        }
        assert_eq!(left("HOME").len(), all().len());
    }
}
