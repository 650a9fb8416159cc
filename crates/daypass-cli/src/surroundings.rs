//! Whether there is somebody who could sign in, and how they could be reached.
//!
//! | there is | then |
//! |---|---|
//! | a variable of a CI system | nobody: fail at once |
//! | a display (or a system that always has one) | a browser is opened |
//! | a terminal, but no display, or an SSH session without one | a code is shown for another device |
//! | neither | nobody: fail at once |
//!
//! What is *not* here: opening the browser (`sign_in/browser.rs`) and writing to the terminal (`prompt.rs`).

/// Variables that CI systems set in each job.
const CI_VARIABLES: [&str; 18] = [
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "BUILDKITE",
    "TF_BUILD",
    "JENKINS_URL",
    "TEAMCITY_VERSION",
    "CIRCLECI",
    "TRAVIS",
    "CODEBUILD_BUILD_ID",
    "BITBUCKET_BUILD_NUMBER",
    "DRONE",
    "WOODPECKER_CI",
    "CIRRUS_CI",
    "SEMAPHORE",
    "TFC_RUN_ID",
    "CF_BUILD_ID",
    "BUDDY_EXECUTION_ID",
    "HARNESS_BUILD_ID",
];

/// What the environment tells about whoever is there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// The variable by which this is a job of some CI system.
    pub(crate) ci: Option<&'static str>,
    /// Whether windows can be shown.
    display: bool,
    /// Whether `BROWSER` names a program.
    browser: bool,
    /// Whether somebody came here over SSH.
    ssh: bool,
}

/// How somebody could sign in here and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reachable {
    /// In a browser that we open.
    InBrowser,
    /// With a code, on another device.
    ByCode,
    /// Nobody is there.
    Nobody,
}

impl Surroundings {
    /// Reads them from the environment.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let is_set = |name: &str| variable(name).is_some();
        let said_ci = variable("CI").is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "false" | "0"));
        let known = || CI_VARIABLES.into_iter().find(|name| is_set(name));
        // Windows and macOS always have a desktop, and from within WSL the one of Windows is used.
        let always = cfg!(any(windows, target_os = "macos")) || is_set("WSL_DISTRO_NAME");
        let x11_or_wayland = is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
        let ssh = is_set("SSH_CONNECTION") || is_set("SSH_TTY");
        Self {
            ci: if said_ci { Some("CI") } else { known() },
            display: x11_or_wayland || always && !ssh,
            browser: is_set("BROWSER"),
            ssh,
        }
    }

    /// How somebody could sign in, given whether a terminal can be written to.
    pub(crate) fn reachable(&self, terminal: bool) -> Reachable {
        match (self.ci, terminal, self.display) {
            (Some(_), _, _) | (None, false, false) => Reachable::Nobody,
            (None, _, true) => Reachable::InBrowser,
            // Somebody who set `BROWSER` has a way of their own, except over SSH, where it is that of the other machine.
            (None, true, false) if self.browser && !self.ssh => Reachable::InBrowser,
            (None, true, false) => Reachable::ByCode,
        }
    }

    /// Why nobody is there, to complete "nobody can be asked to sign in here: …".
    pub(crate) fn why_nobody(&self) -> String {
        match self.ci {
            Some(name) => format!("`{name}` is set, so this is a CI job"),
            None => "there is neither a terminal nor a display".to_owned(),
        }
    }
}

#[cfg(all(test, unix, not(target_os = "macos")))]
mod tests {
    use super::*;

    fn reachable(variables: &[(&str, &str)], terminal: bool) -> Reachable {
        let read = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Surroundings::of_environment(read).reachable(terminal)
    }

    #[test]
    fn whoever_is_there_is_reached_in_the_best_way() {
        for (variables, terminal, expected) in [
            (&[("DISPLAY", ":0")][..], true, Reachable::InBrowser),
            (&[("WAYLAND_DISPLAY", "wayland-0")], false, Reachable::InBrowser),
            (&[("BROWSER", "firefox")], true, Reachable::InBrowser),
            (&[("WSL_DISTRO_NAME", "Debian")], true, Reachable::InBrowser),
            (&[], true, Reachable::ByCode),
            (&[("SSH_CONNECTION", "a b c d")], true, Reachable::ByCode),
            (&[("SSH_CONNECTION", "a b c d"), ("BROWSER", "firefox")], true, Reachable::ByCode),
            (&[("SSH_CONNECTION", "a b c d"), ("DISPLAY", "localhost:10")], true, Reachable::InBrowser),
            (&[("CI", "false")], true, Reachable::ByCode),
        ] {
            assert_eq!(reachable(variables, terminal), expected, "{variables:?} {terminal}");
        }
    }

    #[test]
    fn nobody_is_asked_where_nobody_is() {
        for (variables, terminal) in [
            (&[][..], false),
            (&[("BROWSER", "firefox")], false),
            (&[("SSH_CONNECTION", "a b c d")], false),
            (&[("CI", "true"), ("DISPLAY", ":0")], true),
            (&[("CI", "1")], true),
            (&[("GITLAB_CI", "true"), ("CI", "false")], true),
            (&[("BUILDKITE", "true"), ("DISPLAY", ":0")], true),
        ] {
            assert_eq!(reachable(variables, terminal), Reachable::Nobody, "{variables:?} {terminal}");
        }
    }
}
