//! A configuration that somebody else can change is not believed.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
};

use insta::assert_snapshot;

use crate::{fake_issuer::FakeIssuer, person::Person};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn is_believed(person: &Person) -> bool {
    let done = person.run(["token"]);
    assert!(matches!(done.status.code(), Some(0 | 6)), "{}", person.told(&done));
    done.status.success()
}

#[test]
fn a_file_or_a_folder_that_others_may_write_is_refused() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let (file, folder) = (person.config(), person.config().parent().unwrap().to_owned());
    for (mode, believed) in [(0o666, false), (0o620, false), (0o602, false), (0o644, true), (0o400, true)] {
        set_mode(&file, mode);
        assert_eq!(is_believed(&person), believed, "{mode:o}");
    }
    for (mode, believed) in [(0o777, false), (0o770, false), (0o703, false), (0o755, true), (0o700, true)] {
        set_mode(&folder, mode);
        assert_eq!(is_believed(&person), believed, "{mode:o}");
    }
    set_mode(&file, 0o664);
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: other users may write `[HOME]/.config/daypass/config.toml` (mode 0664), so what it says cannot be believed

    hint: look into it, then `chmod go-w '[HOME]/.config/daypass/config.toml'` closes it
    ");
}

#[test]
fn a_folder_shared_with_a_sticky_bit_is_fine_for_a_file_of_ours() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    set_mode(person.config().parent().unwrap(), 0o1777);
    assert!(is_believed(&person));
    set_mode(&person.config(), 0o622);
    assert!(!is_believed(&person));
}

#[test]
fn a_file_or_a_folder_of_somebody_else_is_refused() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    if fs::metadata(person.home()).unwrap().uid() != 0 {
        // Only root can give a file away.
        return;
    }
    let (file, folder) = (person.config(), person.config().parent().unwrap().to_owned());
    for path in [&file, &folder] {
        chown(path, Some(12345), None).unwrap();
        assert!(!is_believed(&person), "{}", path.display());
        chown(path, Some(0), None).unwrap();
        assert!(is_believed(&person), "{}", path.display());
    }
    // A sticky bit does not bind the folder's owner.
    set_mode(&folder, 0o1777);
    chown(&folder, Some(12345), None).unwrap();
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: `[HOME]/.config/daypass` belongs to another user (12345, not 0), so what it says cannot be believed

    hint: look into it, then `sudo chown 0 '[HOME]/.config/daypass'` makes it yours
    ");
}

#[test]
fn each_folder_on_the_way_of_a_link_counts() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let folder = |name: &str| {
        let folder = person.home().join(name);
        fs::create_dir(&folder).unwrap();
        set_mode(&folder, 0o755);
        folder
    };
    let (middle, end) = (folder("middle"), folder("end"));
    fs::rename(person.config(), end.join("daypass.toml")).unwrap();
    symlink("../end/daypass.toml", middle.join("link.toml")).unwrap();
    symlink(middle.join("link.toml"), person.config()).unwrap();
    assert!(is_believed(&person));
    for shared in [&middle, &end] {
        set_mode(shared, 0o775);
        assert!(!is_believed(&person), "{}", shared.display());
        set_mode(shared, 0o755);
    }
}

#[test]
fn a_configuration_that_is_in_no_folder_can_be_read() {
    let issuer = FakeIssuer::start();
    let person = Person::new().with("DAYPASS_SERVER", issuer.url());
    let person = person.with("DAYPASS_IDENTITY_TOKEN", issuer.outside_token()).with("DAYPASS_CONFIG", "/dev/null");
    assert!(is_believed(&person));
    let line = format!("echo '' | DAYPASS_CONFIG=/dev/stdin {} token", env!("CARGO_BIN_EXE_daypass"));
    let done = person.program("/bin/sh", ["-c", &line]).output().unwrap();
    assert!(done.status.success(), "{}", person.told(&done));
}
