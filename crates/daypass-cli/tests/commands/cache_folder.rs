//! A cache folder that is not as it should be: a clear error, nothing spent, nothing lost.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    process::{Command, Output},
};

use insta::assert_snapshot;

use crate::{
    fake_issuer::{FakeIssuer, OUTSIDE_TOKEN},
    person::{Person, mode},
};

fn job(issuer: &FakeIssuer) -> Person {
    Person::new().with("DAYPASS_SERVER", issuer.url()).with("DAYPASS_IDENTITY_TOKEN", OUTSIDE_TOKEN)
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|found| std::os::unix::fs::MetadataExt::uid(&found) == 0)
}

/// Runs the command in a mount namespace of its own, after the shell commands `before`. `$CACHE` is the folder.
fn in_own_mounts(person: &Person, before: &str, arguments: &str) -> Output {
    let line = format!("set -e; {before}; exec {} {arguments}", env!("CARGO_BIN_EXE_daypass"));
    // Whoever is not root may be one in a user namespace, and mount there.
    let namespaces: &[&str] = if is_root() { &["--mount"] } else { &["--user", "--map-root-user", "--mount"] };
    let unshare = namespaces.iter().copied().chain(["sh", "-c", &line]);
    person
        .program("unshare", unshare)
        .env("CACHE", person.cache())
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .output()
        .unwrap()
}

#[test]
fn a_full_disk_is_found_before_the_proof_is_spent() {
    let issuer = FakeIssuer::start();
    let person = job(&issuer);
    person.make_cache();
    let fill =
        "mount -t tmpfs -o size=64k,mode=0700 none $CACHE; head -c 99999 /dev/zero > $CACHE/x 2>/dev/null || true";
    assert_snapshot!(person.told(&in_own_mounts(&person, fill, "token")), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: cannot keep a credential in `[HOME]/.cache/daypass`: no space is left

    hint: free some space for `[HOME]/.cache/daypass`, or move it with `XDG_CACHE_HOME`
    ");
    assert_eq!(issuer.requests(), 0);
}

#[test]
fn a_file_size_limit_is_found_before_the_proof_is_spent() {
    let issuer = FakeIssuer::start();
    let person = job(&issuer);
    // The shell ignores the signal that would otherwise end the process, as services do; 8 blocks of 512 bytes.
    let line = format!("trap '' XFSZ; ulimit -f 8; exec {} token", env!("CARGO_BIN_EXE_daypass"));
    assert_snapshot!(person.told(&person.program("/bin/sh", ["-c", &line]).output().unwrap()), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: cannot keep a credential in `[HOME]/.cache/daypass`: the file size limit is reached

    hint: `ulimit -f` shows the limit
    ");
    assert_eq!(issuer.requests(), 0);
    assert_eq!(fs::read_dir(person.cache()).unwrap().count(), 1, "the lock file alone is left");
}

#[test]
fn a_read_only_folder_is_found_before_the_proof_is_spent() {
    let issuer = FakeIssuer::start();
    let person = job(&issuer);
    person.make_cache();
    let mount = "mount -t tmpfs -o ro,mode=0700 none $CACHE";
    assert_snapshot!(person.told(&in_own_mounts(&person, mount, "token")), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: cannot write `[HOME]/.cache/daypass/[HASH].lock`: the file system is read-only

    hint: set `XDG_CACHE_HOME` to a folder that can be written
    ");
    assert_eq!(issuer.requests(), 0);
}

#[test]
fn what_is_in_a_read_only_folder_is_still_good() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let mount = "mount --bind $CACHE $CACHE; mount -o remount,ro,bind $CACHE";
    let done = in_own_mounts(&person, mount, "token");
    assert!(done.status.success(), "{}", person.told(&done));
}

#[test]
fn a_folder_that_others_may_enter_is_refused_even_to_read() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let before = fs::read(person.entry()).unwrap();
    for wide in [0o755, 0o750, 0o701, 0o777, 0o1777] {
        fs::set_permissions(person.cache(), fs::Permissions::from_mode(wide)).unwrap();
        for arguments in [vec!["token"], vec!["status"], vec!["helper", "keyring", "get", issuer.authority()]] {
            let done = person.run(&arguments);
            assert_eq!((done.status.code(), done.stdout.len()), (Some(6), 0), "{wide:o} {arguments:?}");
        }
        assert_eq!(mode(&person.cache()), wide, "it is not ours to mend");
    }
    fs::set_permissions(person.cache(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: the cache folder `[HOME]/.cache/daypass` is open to other users (mode 0755)

    hint: `chmod 700 '[HOME]/.cache/daypass'` closes it
    ");
    assert_eq!(fs::read(person.entry()).unwrap(), before);
    // What the hint says helps.
    let mended = Command::new("chmod").arg("700").arg(person.cache()).status().unwrap();
    assert!(mended.success() && person.run(["token"]).status.success());
}

#[test]
fn a_folder_that_is_a_link_is_refused() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let elsewhere = person.home().join("elsewhere");
    fs::rename(person.cache(), &elsewhere).unwrap();
    symlink(&elsewhere, person.cache()).unwrap();
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: the cache folder `[HOME]/.cache/daypass` is a symbolic link, which somebody else could turn

    hint: `rm '[HOME]/.cache/daypass'` removes the link and leaves its target
    ");
    fs::remove_file(person.cache()).unwrap();
    symlink(person.home().join("nowhere"), person.cache()).unwrap();
    assert_eq!(person.run(["token"]).status.code(), Some(6));
    assert!(!person.home().join("nowhere").exists());
}

#[test]
fn a_file_in_the_way_is_refused() {
    let issuer = FakeIssuer::start();
    let person = job(&issuer);
    fs::create_dir(person.home().join(".cache")).unwrap();
    fs::write(person.cache(), "mine").unwrap();
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: `[HOME]/.cache/daypass` is in the way: a folder for the cache is needed there

    hint: `rm '[HOME]/.cache/daypass'` makes room
    ");
    assert_eq!(fs::read_to_string(person.cache()).unwrap(), "mine");
}

#[test]
fn a_folder_of_somebody_else_is_refused() {
    if !is_root() {
        // Only root can give a folder away.
        return;
    }
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    std::os::unix::fs::chown(person.cache(), Some(12345), Some(12345)).unwrap();
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: the cache folder `[HOME]/.cache/daypass` belongs to another user (12345, not 0)

    hint: `sudo rm -r '[HOME]/.cache/daypass'`, or set `XDG_CACHE_HOME` to a folder of your own
    ");
}

#[test]
fn the_umask_opens_nothing() {
    for umask in ["000", "077", "777"] {
        let issuer = FakeIssuer::start();
        let person = job(&issuer);
        let line = format!("umask {umask}; exec {} login", env!("CARGO_BIN_EXE_daypass"));
        let done = person.program("/bin/sh", ["-c", &line]).output().unwrap();
        if umask == "777" && !is_root() {
            // Not even its owner may enter what such a umask makes; that is an error, not an open door.
            assert_eq!(done.status.code(), Some(6));
            continue;
        }
        assert!(done.status.success(), "{umask}: {}", person.told(&done));
        for folder in [person.cache(), person.config().parent().unwrap().to_owned()] {
            assert_eq!(mode(&folder) & 0o077, 0, "{umask} {}", folder.display());
            for item in fs::read_dir(&folder).unwrap() {
                let path = item.unwrap().path();
                assert_eq!(mode(&path), 0o600, "{umask} {}", path.display());
            }
        }
    }
}

#[test]
fn without_a_home_there_is_a_sentence() {
    let issuer = FakeIssuer::start();
    let person = job(&issuer);
    let done = person.command(["token"]).env_remove("HOME").output().unwrap();
    assert_snapshot!(person.told(&done), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: the cache folder is not known, because the environment names no home folder

    hint: set `HOME` or `XDG_CACHE_HOME` to an absolute path
    ");
    assert_eq!(issuer.requests(), 0);
}
