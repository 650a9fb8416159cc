//! A job of six hours, in less than a minute: server, job and provider are told another time, hour by hour.
//!
//! A provider that mints anew each time carries the job on without a word. One that hands out a single token per job
//! does, too, for as long as that token lives and the policy lets it be shown again; then it ends, with a hint.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use daypass_testkit::workload::Kind;

use super::place::{Place, Trust};
use crate::{
    installers::{path_with, text},
    people::office::until,
    server::log_of,
    world::{PRIVATE, World},
};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

#[test]
fn six_hours_on_github_go_on_in_silence() {
    let long = LongJob::begin(Kind::GitHub, "");
    long.works_for_six_hours();
    let exchanges = long.place.world.audit_of("token.exchanged").len();
    assert_eq!(exchanges, long.place.cloud.minted() as usize, "each from a token of its own");
    assert!((7..=9).contains(&exchanges), "about one an hour: {exchanges}");
}

#[test]
fn six_hours_on_gitlab_go_on_as_the_preset_has_it() {
    six_hours_with_one_token("");
}

#[test]
fn six_hours_on_gitlab_go_on_where_nobody_counts() {
    six_hours_with_one_token("replay = \"off\"\n");
}

#[test]
fn six_hours_on_gitlab_go_on_where_the_count_is_enough() {
    six_hours_with_one_token("replay = { bounded = 8 }\n");
}

fn six_hours_with_one_token(replay: &str) {
    let long = LongJob::begin(Kind::GitLab, replay);
    let minted = long.place.cloud.minted();
    long.works_for_six_hours();
    assert_eq!(long.place.cloud.minted(), minted, "the job has one, and that is all");
    // An access token outlives the token it was got with, by an hour at most.
    long.installs_at(6 * HOUR + 40 * MINUTE);
    long.ends_at(7 * HOUR + 10 * MINUTE, "this one is over");
}

#[test]
fn a_job_on_gitlab_whose_token_may_be_shown_once_lasts_as_long_as_its_first_access_token() {
    let long = LongJob::begin(Kind::GitLab, "replay = \"once\"\n");
    long.installs_at(0);
    long.installs_at(50 * MINUTE);
    long.ends_at(HOUR + 5 * MINUTE, "one identity token");
    assert_eq!(long.place.world.audit_of("token.exchanged").len(), 1);
}

#[test]
fn a_job_on_gitlab_that_shows_its_token_too_often_is_refused() {
    let long = LongJob::begin(Kind::GitLab, "replay = { bounded = 2 }\n");
    long.installs_at(0);
    long.installs_at(HOUR + 5 * MINUTE);
    long.ends_at(2 * HOUR + 10 * MINUTE, "one identity token");
    assert_eq!(long.place.world.audit_of("token.exchanged").len(), 2);
}

/// A job that began on the hour.
struct LongJob {
    place: Place,
    /// How late it is, for `libfaketime`; it is read whenever somebody asks for the time.
    clock: PathBuf,
}

impl LongJob {
    fn begin(kind: Kind, more: &str) -> Self {
        let mut place = Place::trusting(kind, &Trust { more });
        let clock = place.world.path("clock");
        fs::write(&clock, "+0").unwrap();
        // A time limit of six hours and a half, which is how long GitLab's token lives.
        if kind == Kind::GitLab {
            place.cloud.set_life(6 * HOUR + 30 * MINUTE);
            place.job = place.cloud.job();
        }
        let mut long = Self { place, clock };
        let mut serve = long.place.world.serve();
        long.tell(&mut serve);
        // It lives through the jumps, and what it waits for must not come early. For the others, which begin after one,
        // this would only confuse their waiting for one another.
        serve.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        long.place.world.restart_as(serve);
        long
    }

    /// Lets `command` have the job's time.
    fn tell(&self, command: &mut Command) {
        command.env("LD_PRELOAD", self.place.stage.faketime()).env("FAKETIME_TIMESTAMP_FILE", &self.clock);
        command.env("FAKETIME_NO_CACHE", "1").env("NO_FAKE_STAT", "1");
    }

    fn is(&self, late: i64) {
        // At once: whoever reads it in between must not find half of it.
        let next = self.clock.with_extension("next");
        fs::write(&next, format!("+{late}")).unwrap();
        fs::rename(next, &self.clock).unwrap();
        self.place.cloud.set_ahead(late);
        // A jump of an hour is no failure of anything that looks every second, once it has looked again.
        until("the server is in step", std::time::Duration::from_secs(10), || {
            let answer = self.place.world.fetch("/python/simple/acme-hello/", "nonsense");
            (answer.status == 401).then_some(())
        });
    }

    fn works_for_six_hours(&self) {
        for late in [0, 20 * MINUTE, 50 * MINUTE] {
            self.installs_at(late);
        }
        for hour in 1..=6 {
            self.installs_at(hour * HOUR + 5 * MINUTE);
        }
    }

    /// pip installs, and nobody is told anything.
    fn installs_at(&self, late: i64) {
        self.is(late);
        let output = self.pip();
        let said = text(&output);
        let log = || fs::read_to_string(log_of(self.place.world.folder())).unwrap();
        assert!(output.status.success(), "after {} minutes: {said}\n{}\n{}", late / MINUTE, self.daypass_says(), log());
        for word in ["error", "warning", "hint", "http://127.0.0.1:0"] {
            assert!(!said.to_lowercase().contains(word), "after {} minutes: {said}", late / MINUTE);
        }
    }

    /// Nothing can be installed any more, and `daypass` says why.
    fn ends_at(&self, late: i64, why: &str) {
        self.is(late);
        let output = self.pip();
        assert!(!output.status.success(), "{}", text(&output));
        let said = self.daypass_says();
        assert!(said.contains(why), "`{why}` is not said: {said}");
        assert!(said.lines().any(|line| line.starts_with("hint: ")), "{said}");
    }

    fn pip(&self) -> Output {
        let venv = self.place.world.path("venv");
        if !venv.exists() {
            let venv = self.place.stage.venv(&venv, "newest");
            assert!(venv.python().exists());
        }
        let mut pip = self.place.run(venv.join("bin/python"), "home");
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--force-reinstall", "--no-cache-dir"]);
        pip.args(["--index-url", &self.place.world.index_url(), PRIVATE]);
        pip.env("PIP_KEYRING_PROVIDER", "subprocess").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        pip.env("PIP_ROOT_USER_ACTION", "ignore").env("PATH", self.place.path(&path_with(&self.place.stage)));
        self.tell(&mut pip);
        pip.output().unwrap()
    }

    fn daypass_says(&self) -> String {
        let mut daypass = self.place.run(World::daypass(), "home");
        self.tell(&mut daypass);
        String::from_utf8(daypass.arg("token").output().unwrap().stderr).unwrap()
    }
}
