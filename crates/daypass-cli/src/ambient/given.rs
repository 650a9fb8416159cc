//! CI systems that put one identity token into a variable (or a file) of the job before it begins.
//!
//! It is the same for as long as the job runs, and its audience is what the job's settings say, or always the same. A
//! system that lets the job choose the variable's name is told two: GitLab's habit is the audience in capitals, such as
//! `HTTPS___PACKAGES_EXAMPLE_COM_ID_TOKEN`; ours is `DAYPASS_ID_TOKEN`. `DAYPASS_IDENTITY_TOKEN` does everywhere, and
//! comes before all of this (`credential.rs`).

use std::path::Path;

use daypass_core::{public_url::PublicUrl, secret::Secret};

use super::{Asked, Audience, Kind, Proof, Provider, Seen, Supply, file, machine::Machine};
use crate::failure::{Failure, Status};

/// Our variable where a job may choose the name.
const OURS: &str = "DAYPASS_ID_TOKEN";

/// What most of them share.
const GIVEN: Provider = Provider {
    name: "",
    title: "",
    kind: Kind::Job,
    audience: Audience::Set,
    supply: Supply::OnePerJob("as long as the job may run"),
    look: |_, _| Seen::not_here(""),
    get: |_, _| Err(nothing("")),
};

pub(super) const GITLAB: Provider = Provider {
    name: "gitlab",
    title: "GitLab CI/CD",
    supply: Supply::OnePerJob("as long as the job's `timeout`"),
    look: |machine, server| {
        if !machine.says_true("GITLAB_CI") {
            return Seen::not_here("`GITLAB_CI` is not set");
        }
        chosen(machine, server).unwrap_or_else(|names| {
            let audience = server.map_or("URL", PublicUrl::as_str);
            Seen::misconfigured(
                format!("{names} is not set"),
                format!("add `id_tokens: {{ {OURS}: {{ aud: {audience} }} }}` to the job"),
            )
        })
    },
    get: |machine, asked| get_chosen(machine, asked, "GitLab CI/CD"),
    ..GIVEN
};

pub(super) const BITBUCKET: Provider = Provider {
    name: "bitbucket",
    title: "Bitbucket Pipelines",
    look: |machine, server| {
        let audience = server.map_or("URL", PublicUrl::as_str);
        let fix = format!("add `oidc: {{ audiences: [{audience}] }}` to the step, or `oidc: true`");
        marked(machine, machine.variable("BITBUCKET_BUILD_NUMBER").is_some(), "BITBUCKET_STEP_OIDC_TOKEN", fix)
            .unwrap_or_else(|| Seen::not_here("`BITBUCKET_STEP_OIDC_TOKEN` is not set"))
    },
    get: |machine, _| variable(machine, "BITBUCKET_STEP_OIDC_TOKEN", "Bitbucket Pipelines"),
    ..GIVEN
};

pub(super) const JENKINS: Provider = Provider {
    name: "jenkins",
    title: "Jenkins",
    supply: Supply::OnePerJob("as long as the credential's settings say, an hour by default"),
    look: |machine, server| by_hint(machine, server, "JENKINS_URL", "bind an OpenID Connect credential to"),
    get: |machine, asked| get_chosen(machine, asked, "Jenkins"),
    ..GIVEN
};

const OF_TERRAFORM: [&str; 2] = ["TFC_WORKLOAD_IDENTITY_TOKEN_DAYPASS", "TFC_WORKLOAD_IDENTITY_TOKEN"];

pub(super) const TERRAFORM: Provider = Provider {
    name: "terraform",
    title: "HCP Terraform",
    supply: Supply::OnePerJob("as long as the phase of the run"),
    look: |machine, server| {
        if machine.variable("TFC_RUN_ID").is_none() {
            return Seen::not_here("`TFC_RUN_ID` is not set");
        }
        match first_set(machine, OF_TERRAFORM) {
            Some(name) => Seen::here(format!("`TFC_RUN_ID` and `{name}` are set")),
            None => Seen::misconfigured(
                format!("`{}` is not set", OF_TERRAFORM.join("` or `")),
                format!(
                    "set the workspace's variable `TFC_WORKLOAD_IDENTITY_AUDIENCE_DAYPASS` to `{}`",
                    server.map_or("the server's URL", PublicUrl::as_str)
                ),
            ),
        }
    },
    get: |machine, _| variable(machine, first_set(machine, OF_TERRAFORM).unwrap_or_default(), "HCP Terraform"),
    ..GIVEN
};

const OF_SPACELIFT: (&str, &str) = ("SPACELIFT_OIDC_TOKEN", "/mnt/workspace/spacelift.oidc");

pub(super) const SPACELIFT: Provider = Provider {
    name: "spacelift",
    title: "Spacelift",
    supply: Supply::OnePerJob("an hour"),
    look: |machine, _| {
        let (name, path) = OF_SPACELIFT;
        if machine.variable(name).is_some() {
            Seen::here(format!("`{name}` is set"))
        } else if machine.has_file(Path::new(path)) {
            Seen::here(format!("`{path}` is there"))
        } else {
            Seen::not_here(format!("`{name}` is not set"))
        }
    },
    get: |machine, _| {
        let (name, path) = OF_SPACELIFT;
        match machine.variable(name) {
            Some(_) => variable(machine, name, "Spacelift"),
            None => file::read(machine, "Spacelift", Path::new(path)),
        }
    },
    ..GIVEN
};

pub(super) const SEMAPHORE: Provider = Provider {
    name: "semaphore",
    title: "Semaphore",
    look: |machine, _| {
        let fix = "let the agent pass `SEMAPHORE_OIDC_TOKEN` into the container".to_owned();
        marked(machine, machine.says_true("SEMAPHORE"), "SEMAPHORE_OIDC_TOKEN", fix)
            .unwrap_or_else(|| Seen::not_here("`SEMAPHORE` is not set"))
    },
    get: |machine, _| variable(machine, "SEMAPHORE_OIDC_TOKEN", "Semaphore"),
    ..GIVEN
};

pub(super) const VERCEL: Provider = Provider {
    name: "vercel",
    title: "Vercel",
    supply: Supply::OnePerJob("an hour"),
    look: |machine, _| {
        let fix = "turn OIDC federation on in the project's settings, under security".to_owned();
        // Its program says so on laptops, too, where a person develops.
        let developed = machine.variable("VERCEL_ENV").is_some_and(|name| name == "development");
        marked(machine, machine.says_true("VERCEL") && !developed, "VERCEL_OIDC_TOKEN", fix)
            .unwrap_or_else(|| Seen::not_here("`VERCEL` is not set"))
    },
    get: |machine, _| variable(machine, "VERCEL_OIDC_TOKEN", "Vercel"),
    ..GIVEN
};

pub(super) const CODEFRESH: Provider = Provider {
    name: "codefresh",
    title: "Codefresh",
    look: |machine, server| {
        by_hint(machine, server, "CF_BUILD_ID", "let the step `obtain-oidc-id-token` export its token as")
    },
    get: |machine, asked| get_chosen(machine, asked, "Codefresh"),
    ..GIVEN
};

pub(super) const BUDDY: Provider = Provider {
    name: "buddy",
    title: "Buddy",
    look: |machine, server| by_hint(machine, server, "BUDDY_EXECUTION_ID", "give the OIDC integration's token to"),
    get: |machine, asked| get_chosen(machine, asked, "Buddy"),
    ..GIVEN
};

pub(super) const HARNESS: Provider = Provider {
    name: "harness",
    title: "Harness",
    look: |machine, server| by_hint(machine, server, "HARNESS_BUILD_ID", "let the OIDC step export its token as"),
    get: |machine, asked| get_chosen(machine, asked, "Harness"),
    ..GIVEN
};

/// A job that has a mark of its system: here if the variable is set, and misconfigured if it is not.
///
/// The variable alone will do, too.
fn marked(machine: &dyn Machine, mark: bool, name: &str, fix: String) -> Option<Seen> {
    match (machine.variable(name), mark) {
        (Some(_), _) => Some(Seen::here(format!("`{name}` is set"))),
        (None, true) => Some(Seen::misconfigured(format!("`{name}` is not set"), fix)),
        (None, false) => None,
    }
}

/// A system that hands out identity tokens only where the job asks for them by name. Its jobs run on machines that may
/// have an identity of their own, so without one it counts as not here.
fn by_hint(machine: &dyn Machine, server: Option<&PublicUrl>, mark: &str, how: &str) -> Seen {
    if machine.variable(mark).is_none() {
        return Seen::not_here(format!("`{mark}` is not set"));
    }
    chosen(machine, server).unwrap_or_else(|names| {
        let audience = server.map_or(String::new(), |server| format!(", with the audience `{server}`"));
        Seen::NotHere(
            format!("`{mark}` is set, but {names} is not"),
            Some(format!("{how} the variable `DAYPASS_IDENTITY_TOKEN`{audience}")),
        )
    })
}

/// Whether a variable is set whose name the job could choose; otherwise which ones were looked for.
fn chosen(machine: &dyn Machine, server: Option<&PublicUrl>) -> Result<Seen, String> {
    let names = names(server);
    match names.iter().find(|name| machine.variable(name).is_some()) {
        Some(name) => Ok(Seen::here(format!("`{name}` is set"))),
        None => Err(format!("`{}`", names.join("` or `"))),
    }
}

fn get_chosen(machine: &dyn Machine, asked: Asked<'_>, title: &str) -> Result<Proof, Failure> {
    let names = names(Some(asked.server));
    let found = names.iter().find_map(|name| machine.variable(name));
    found.map(|token| Proof::Jwt(Secret::new(token.trim()))).ok_or_else(|| nothing(title))
}

/// The names that the variable may have: the audience in capitals, then ours.
fn names(server: Option<&PublicUrl>) -> Vec<String> {
    let of_audience = server.map(|server| format!("{}_ID_TOKEN", in_capitals(server.as_str())));
    of_audience.into_iter().chain([OURS.to_owned()]).collect()
}

/// An audience as the name of a variable: what cannot stand in one becomes `_`.
fn in_capitals(audience: &str) -> String {
    let fit = |(position, c): (usize, char)| match c.to_ascii_uppercase() {
        c if c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit() && position > 0 => c,
        _ => '_',
    };
    audience.chars().enumerate().map(fit).collect()
}

fn first_set<const N: usize>(machine: &dyn Machine, names: [&'static str; N]) -> Option<&'static str> {
    names.into_iter().find(|name| machine.variable(name).is_some())
}

fn variable(machine: &dyn Machine, name: &str, title: &str) -> Result<Proof, Failure> {
    let value = machine.variable(name).ok_or_else(|| nothing(title))?;
    Ok(Proof::Jwt(Secret::new(value.trim())))
}

fn nothing(title: &str) -> Failure {
    Failure::new(Status::SignInNeeded, format!("{title} gives this job no identity token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_becomes_the_name_of_a_variable() {
        for (audience, expected) in [
            ("sigstore", "SIGSTORE"),
            ("http://test.audience", "HTTP___TEST_AUDIENCE"),
            ("https://packages.example.com:8443", "HTTPS___PACKAGES_EXAMPLE_COM_8443"),
            ("1a", "_A"),
            ("ü", "_"),
        ] {
            assert_eq!(in_capitals(audience), expected);
        }
    }
}
