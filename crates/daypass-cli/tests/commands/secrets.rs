//! Promise 1: no secret leaks, not in errors, not in files that are not for it, not in the list of processes.

use std::{fs, path::Path, time::Duration};

use crate::{
    fake_issuer::{FakeIssuer, OUTSIDE_TOKEN, access_token},
    person::Person,
};

/// The parts of the tokens in play that nobody else's text holds by chance.
fn holds_a_secret(text: &[u8]) -> bool {
    let secrets = [OUTSIDE_TOKEN.rsplit('.').next().unwrap(), "c2lnbmF0dXJl0"];
    secrets.iter().any(|secret| text.windows(secret.len()).any(|window| window == secret.as_bytes()))
}

#[test]
fn a_token_in_the_wrong_place_is_never_quoted_back() {
    let issuer = FakeIssuer::start();
    let broken = format!("{OUTSIDE_TOKEN}.{OUTSIDE_TOKEN}");
    let quoted = format!("\"{OUTSIDE_TOKEN}\"");
    for token in [OUTSIDE_TOKEN, &broken, &quoted] {
        let person = Person::new().with("DAYPASS_SERVER", issuer.url());
        for arguments in [
            vec!["login", token],
            vec!["login", "--identity", token],
            vec!["login", issuer.url(), token],
            vec!["login", "--identity-tokn", token],
            vec![token],
            vec!["token", token],
            vec!["token", "--audience", token],
            vec!["logout", token],
            vec!["status", token],
            vec!["helper", "keyring", "get", token],
            vec!["helper", "keyring", "get", "a.b", "c", token],
            vec!["helper", "keyring", token],
            vec!["helper", token],
            vec!["admin", "audit", "--since", token],
            vec!["admin", "identity", "explain", "--outside-token", token],
            vec!["admin", "identity", "explain", "--outside-token", "/dev/null", "--keys", token],
            vec!["pull-token", "create", token],
            vec!["pull-token", "create", "a", "--expires", token],
            vec!["pull-token", "create", "a", "--index", "python", "--project", token],
            vec!["pull-token", "revoke", token],
            vec!["pull-token", "list", "--server", token],
            vec!["completion", token],
        ] {
            let done = person.run(&arguments);
            assert!(!done.status.success(), "{arguments:?}");
            assert!(!holds_a_secret(&done.stderr) && !holds_a_secret(&done.stdout), "{}", person.told(&done));
        }
        for name in ["DAYPASS_SERVER", "DAYPASS_IDENTITY", "DAYPASS_CONFIG"] {
            let person = Person::new().with("DAYPASS_SERVER", issuer.url()).with(name, token);
            for arguments in [vec!["token"], vec!["login"], vec!["helper", "keyring", "get", "a.b"]] {
                let done = person.run(&arguments);
                assert!(!holds_a_secret(&done.stderr), "{name} {}", person.told(&done));
            }
        }
    }
}

#[test]
fn a_journey_leaves_secrets_only_where_they_belong() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let helper = ["helper", "keyring", "get", &issuer.index_url()];
    for arguments in [&["status"][..], &helper, &["status", "-o", "json"], &["token"]] {
        let done = person.run(arguments);
        assert!(done.status.success() && !holds_a_secret(&done.stderr));
        assert_eq!(holds_a_secret(&done.stdout), arguments[0] != "status");
    }
    let mut holders = Vec::new();
    walk(person.home(), &mut |path| {
        if holds_a_secret(&fs::read(path).unwrap()) {
            holders.push(path.strip_prefix(person.home()).unwrap().to_owned());
        }
    });
    holders.sort();
    let entry = person.entry().strip_prefix(person.home()).unwrap().to_owned();
    assert_eq!(holders, [entry, "job.jwt".into()]);
    let kept = fs::read_to_string(person.entry()).unwrap();
    assert!(kept.contains(&access_token(1)) && !kept.contains(OUTSIDE_TOKEN), "the outside token is never kept");
}

#[test]
fn while_it_works_the_list_of_processes_shows_nothing() {
    let issuer = FakeIssuer::start();
    issuer.behave(|behaviour| behaviour.delay = Duration::from_millis(1500));
    let person = Person::new().with("DAYPASS_SERVER", issuer.url()).with("DAYPASS_IDENTITY_TOKEN", OUTSIDE_TOKEN);
    let mut child = person.command(["helper", "keyring", "get", issuer.authority()]).spawn().unwrap();
    let mut seen = 0;
    while child.try_wait().unwrap().is_none() {
        for item in fs::read_dir("/proc").unwrap() {
            let Ok(line) = fs::read(item.unwrap().path().join("cmdline")) else { continue };
            // This very test's sibling gives a token as an argument on purpose.
            if line.starts_with(env!("CARGO_BIN_EXE_daypass").as_bytes()) && line.windows(7).any(|w| w == b"keyring") {
                seen += 1;
                assert!(!holds_a_secret(&line) || line.windows(3).any(|window| window == b"a.b"));
            }
        }
    }
    assert!(seen > 0 && child.wait().unwrap().success());
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() { walk(&path, visit) } else { visit(&path) }
    }
}
