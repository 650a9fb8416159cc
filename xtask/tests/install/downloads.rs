//! Release hosts that fail, break off, redirect and never end, before each of the downloaders.

use std::thread;

use daypass_testkit::release::{Manner, ReleaseHost};

use crate::{
    machine::Machine,
    release::{Release, Signer, VERSION, archive},
};

const DOWNLOADERS: [&str; 5] = ["curl", "wget", "busybox:wget", "python3", "node"];

/// Does this with each downloader, at once: they mostly wait.
fn with_each(check: impl Fn(&Machine, &ReleaseHost, &Release) + Sync) {
    let release = Signer::new().release(VERSION);
    thread::scope(|scope| {
        for downloader in DOWNLOADERS {
            let (release, check) = (&release, &check);
            scope.spawn(move || {
                let machine = Machine::with(&[downloader, "minisign"]);
                check(&machine, &ReleaseHost::with(&release.files), release);
            });
        }
    });
}

#[test]
fn what_may_pass_is_tried_again() {
    for status in [429, 503] {
        with_each(|machine, host, release| {
            let sums = release.files["SHA256SUMS"].clone();
            host.set("SHA256SUMS", Manner::Late(status, 1, sums));
            machine.install(host, release, &[]).printed(&machine.program());
            assert_eq!(host.seen()[..2], ["SHA256SUMS", "SHA256SUMS"]);
        });
    }
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_again() {
    with_each(|machine, host, release| {
        host.set(&archive(VERSION), Manner::Broken(release.files[&archive(VERSION)].clone()));
        machine.install(host, release, &[]).printed(&machine.program());
        assert_eq!(host.seen()[2..], [archive(VERSION), archive(VERSION)]);
    });
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    with_each(|machine, host, release| {
        host.set("SHA256SUMS.minisig", Manner::Late(404, 9, Vec::new()));
        machine.install(host, release, &[]).refused(5, "SHA256SUMS.minisig cannot be had: the server answers 404");
        assert_eq!(host.seen(), ["SHA256SUMS", "SHA256SUMS.minisig"]);
        assert_eq!(machine.left(), [""; 0]);
    });
}

#[test]
fn a_server_that_is_down_is_given_up_on_in_one_line() {
    with_each(|machine, host, release| {
        host.set("SHA256SUMS", Manner::Late(500, 9, Vec::new()));
        machine
            .install(host, release, &["--retry", "2"])
            .refused(5, "SHA256SUMS cannot be had: the server answers 500");
        assert_eq!(host.seen().len(), 2);
        // Nobody listens on port 1.
        let nobody = ["--retry", "1", "--release-url", "http://127.0.0.1:1"];
        machine.install(host, release, &nobody).refused(5, "http://127.0.0.1:1/SHA256SUMS cannot be had: ");
    });
}

#[test]
fn a_redirect_to_where_there_is_no_https_is_refused() {
    with_each(|machine, host, release| {
        let other = ReleaseHost::with(&release.files);
        host.set("SHA256SUMS", Manner::Redirect(format!("{}/SHA256SUMS", other.url())));
        machine.install(host, release, &[]).refused(5, "SHA256SUMS cannot be had: ");
        assert_eq!(host.seen(), ["SHA256SUMS"], "and not tried again");
        assert_eq!(machine.left(), [""; 0]);
    });
}

#[test]
fn a_redirect_to_https_is_followed() {
    with_each(|machine, host, release| {
        // What is there does not speak TLS: whoever goes there finds a failure that may pass, and comes back.
        let plain = ReleaseHost::with(&release.files);
        host.set("SHA256SUMS", Manner::Redirect(plain.url().replace("http:", "https:")));
        machine.install(host, release, &["--retry", "2"]).refused(5, "SHA256SUMS cannot be had: ");
        assert_eq!(host.seen(), ["SHA256SUMS", "SHA256SUMS"]);
    });
}

#[test]
fn no_more_is_taken_than_there_can_be() {
    with_each(|machine, host, release| {
        host.set("SHA256SUMS", Manner::Endless(8_000_000));
        machine.install(host, release, &[]).refused(3, "SHA256SUMS is longer than it can be");
        assert_eq!(host.seen().len(), 1, "and not tried again");
        assert_eq!(machine.left(), [""; 0]);
    });
}
