//! The program `keyring` of the job's folder.

use std::{fs, os::unix::fs::PermissionsExt};

use super::Job;
use crate::fake_issuer::access_token;

#[test]
fn it_answers_as_the_keyring_program_for_the_jobs_server() {
    let job = Job::new();
    assert!(job.begin(&[]).status.success());
    let url = job.issuer.index_url();
    let given = |arguments: &[&str]| {
        let done = job.later("keyring", arguments);
        assert!(done.status.success(), "{}", job.person.told(&done));
        String::from_utf8(done.stdout).unwrap()
    };
    assert_eq!(given(&["get", &url, "_token"]), format!("{}\n", access_token(1)));
    assert_eq!(
        given(&["--mode=creds", "--output=json", "get", &url]),
        format!("{{\"username\": \"_token\", \"password\": \"{}\"}}\n", access_token(1))
    );
    assert_eq!(job.issuer.exchanges().len(), 1, "what the first step got serves the later ones");
}

#[test]
fn what_is_not_for_the_jobs_server_is_for_the_next_one_on_the_path() {
    let mut job = Job::new();
    assert!(job.begin(&[]).status.success());
    let elsewhere = ["get", "https://elsewhere.example.com/simple/", "ada"];
    let no = job.later("keyring", &elsewhere);
    assert_eq!((no.status.code(), no.stdout, no.stderr), (Some(1), vec![], vec![]), "there is no other one");

    let others = job.person.home().join("others");
    fs::create_dir(&others).unwrap();
    let other = job.person.write("others/keyring", "#!/bin/sh\necho \"other: $*\"\nexit 7\n");
    fs::set_permissions(other, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}:/usr/bin:/bin", job.folder().join("bin").display(), others.display());
    job.person = job.person.with("PATH", path);
    for arguments in [&elsewhere[..], &["set", "https://elsewhere.example.com", "ada"], &["--list-backends"]] {
        let done = job.later("keyring", arguments);
        assert_eq!(done.status.code(), Some(7));
        assert_eq!(String::from_utf8(done.stdout).unwrap(), format!("other: {}\n", arguments.join(" ")));
    }
    let ours = job.later("keyring", &["get", &job.issuer.index_url(), "_token"]);
    assert_eq!(String::from_utf8(ours.stdout).unwrap(), format!("{}\n", access_token(1)));
}

/// A shim, such as pyenv's, may look for `keyring` on the same `PATH` again.
#[test]
fn what_was_handed_over_never_comes_back_twice() {
    let mut job = Job::new();
    assert!(job.begin(&[]).status.success());
    let shims = job.person.home().join("shims");
    fs::create_dir(&shims).unwrap();
    let shim = job.person.write("shims/keyring", "#!/bin/sh\necho again >> \"$HOME/asked\"\nexec keyring \"$@\"\n");
    fs::set_permissions(shim, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}:/usr/bin:/bin", job.folder().join("bin").display(), shims.display());
    job.person = job.person.with("PATH", path);
    let no = job.later("keyring", &["get", "https://elsewhere.example.com/simple/", "ada"]);
    assert_eq!((no.status.code(), no.stdout), (Some(1), vec![]));
    assert_eq!(job.file("asked"), "again\n");
}
