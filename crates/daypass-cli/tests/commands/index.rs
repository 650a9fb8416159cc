//! `index import|export`.

use std::{collections::BTreeSet, fs};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{fake_issuer::FakeIssuer, person::Person};

/// A person with three packages in folders.
fn with_packages(issuer: &FakeIssuer) -> Person {
    let person = Person::signed_in(issuer);
    fs::create_dir_all(person.home().join("dist/old")).unwrap();
    person.write("dist/acme-1.0-py3-none-any.whl", "wheel");
    person.write("dist/old/acme-0.9.tar.gz", "sdist");
    person.write("dist/old/Zebra_Tools-1.0.zip", "zebra");
    person.write("dist/README.md", "read me");
    person
}

const IMPORT: [&str; 5] = ["index", "import", "dist", "--jobs", "1"];

#[test]
fn a_folder_is_uploaded_file_by_file_and_never_twice() {
    let issuer = FakeIssuer::start();
    let person = with_packages(&issuer);
    assert_snapshot!(person.sees(IMPORT), @r"
    exit code: 0
    ----- stdout
    3 uploaded to `python` (15 B), 0 there already, 0 refused
    ----- stderr
    `dist/README.md` is left out: no wheel and no sdist by name
    1 of 3: `acme-0.9.tar.gz` uploaded
    2 of 3: `acme-1.0-py3-none-any.whl` uploaded
    3 of 3: `Zebra_Tools-1.0.zip` uploaded
    ");
    assert_eq!(
        json!(issuer.uploads()[1]),
        json!({":action": "file_upload", "protocol_version": "1", "name": "acme", "version": "1.0",
            "filetype": "bdist_wheel", "pyversion": "py3", "filename": "acme-1.0-py3-none-any.whl"})
    );
    assert_eq!(issuer.uploads()[2]["filetype"], "sdist");
    assert_eq!(issuer.hosted("Zebra_Tools-1.0.zip").unwrap(), b"zebra");
    assert!(issuer.index_credentials().iter().all(|said| said.starts_with("Bearer eyJ")));
    // What is there is not sent again, whoever put it there.
    person.write("dist/acme-2.0.tar.gz", "new");
    let seen = person.sees(IMPORT);
    assert!(seen.contains("1 uploaded to `python` (3 B), 3 there already, 0 refused"), "{seen}");
    assert_eq!(issuer.uploads().len(), 4);
}

#[test]
fn what_is_refused_holds_up_nothing_and_is_told() {
    let issuer = FakeIssuer::start();
    let person = with_packages(&issuer);
    issuer.refuse_upload("acme-0.9.tar.gz", 400);
    issuer.host("zebra-tools", "1.0", "Zebra_Tools-1.0.zip", b"other bytes");
    assert_snapshot!(person.sees(IMPORT), @r"
    exit code: 3
    ----- stdout
    1 uploaded to `python` (5 B), 0 there already, 2 refused
      Zebra_Tools-1.0.zip: the index has other bytes under this name, and a name is never used again
      acme-0.9.tar.gz: its metadata says otherwise [31m
    ----- stderr
    `dist/README.md` is left out: no wheel and no sdist by name
    1 of 3: `acme-0.9.tar.gz` refused: its metadata says otherwise [31m
    2 of 3: `acme-1.0-py3-none-any.whl` uploaded
    3 of 3: `Zebra_Tools-1.0.zip` refused: the index has other bytes under this name, and a name is never used again
    error: 2 files were refused
    ");
    assert_eq!(issuer.hosted("Zebra_Tools-1.0.zip").unwrap(), b"other bytes");
    let done = person.run(IMPORT.iter().chain(&["-o", "json"]));
    let said: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        (&said["there"], &said["refused"][1]["file"]),
        (&json!(["acme-1.0-py3-none-any.whl"]), &json!("acme-0.9.tar.gz"))
    );
}

#[test]
fn a_dry_run_tells_and_uploads_nothing() {
    let issuer = FakeIssuer::start();
    let person = with_packages(&issuer);
    issuer.host("acme", "0.9", "acme-0.9.tar.gz", b"sdist");
    let seen = person.sees(IMPORT.into_iter().chain(["--dry-run", "--project", "Acme"]));
    assert!(seen.contains("1 would be uploaded to `python`, 1 there already, 0 refused"), "{seen}");
    assert!(seen.contains("`acme-1.0-py3-none-any.whl` would be uploaded") && !seen.contains("Zebra"), "{seen}");
    assert!(issuer.uploads().is_empty());
}

#[test]
fn trouble_that_passes_is_waited_for_and_trouble_that_stays_ends_it() {
    let issuer = FakeIssuer::start();
    let person = with_packages(&issuer);
    issuer.be_in_trouble(1);
    assert!(person.sees(IMPORT).starts_with("exit code: 0"));
    person.write("dist/acme-2.0.tar.gz", "new");
    issuer.be_in_trouble(99);
    let seen = person.sees(IMPORT);
    assert!(seen.starts_with("exit code: 5") && seen.contains("not now"), "{seen}");
    assert!(seen.contains("hint: run it again when that is over: it goes on where it was"), "{seen}");
    assert!(seen.contains("0 uploaded to `python` (0 B)"), "{seen}");
}

#[test]
fn another_index_is_taken_over_with_its_own_credential() {
    let (issuer, old) = (FakeIssuer::start(), FakeIssuer::start());
    let person = Person::signed_in(&issuer).with("DAYPASS_SERVER", issuer.url());
    old.host("acme", "1.0", "acme-1.0.tar.gz", b"one");
    old.host("acme", "1.1", "acme-1.1.tar.gz", b"two");
    old.host("zebra", "1.0", "zebra-1.0.tar.gz", b"three");
    old.host("zebra", "1.1", "zebra-1.1.tar.gz", b"four");
    old.damage("zebra-1.1.tar.gz");
    person.write("pw", "their secret\n");
    let url = format!("{}/python/simple", old.url());
    let import = ["index", "import", &url, "--jobs", "1", "--username", "ada", "--password-file", "pw"];
    assert_snapshot!(person.sees(import.into_iter().chain(["--project", "acme", "--keep-upload-times"])), @r"
    exit code: 0
    ----- stdout
    2 uploaded to `python` (6 B), 0 there already, 0 refused
    ----- stderr
    1 of 2: `acme-1.0.tar.gz` uploaded
    2 of 2: `acme-1.1.tar.gz` uploaded
    ");
    assert_eq!(issuer.uploads()[0]["daypass_upload_time"], "2020-01-02T03:04:05.000006Z");
    let seen = person.sees(import.into_iter().chain(["--all"]));
    assert!(seen.contains("1 uploaded to `python` (5 B), 2 there already, 1 refused"), "{seen}");
    assert!(seen.contains("zebra-1.1.tar.gz: the other index sent other bytes than its page promises"), "{seen}");
    assert_eq!(issuer.hosted("zebra-1.1.tar.gz"), None);
    assert_eq!(issuer.uploads()[2].get("daypass_upload_time"), None);
    // Each server has heard its own credential and no other.
    let theirs: BTreeSet<String> = old.index_credentials().into_iter().collect();
    assert_eq!(theirs, BTreeSet::from(["Basic YWRhOnRoZWlyIHNlY3JldA==".to_owned()]));
    assert!(issuer.index_credentials().iter().all(|said| said.starts_with("Bearer eyJ")));
}

#[test]
fn a_yank_comes_along() {
    let (issuer, old) = (FakeIssuer::start(), FakeIssuer::start());
    let person = Person::signed_in(&issuer).with("DAYPASS_SERVER", issuer.url());
    old.host("acme", "1.0", "acme-1.0.tar.gz", b"one");
    old.yank_hosted("acme-1.0.tar.gz", "breaks");
    let url = format!("{}/python/simple/", old.url());
    assert!(person.sees(["index", "import", &url, "--all"]).starts_with("exit code: 0"));
    assert_eq!(issuer.uploads()[0]["daypass_yanked"], "breaks");
}

#[test]
fn what_cannot_be_understood_is_asked_of_nobody() {
    let issuer = FakeIssuer::start();
    let person = Person::new().with("DAYPASS_SERVER", issuer.url());
    let mut seen = String::new();
    for line in [
        vec!["https://old.example.com/simple/"],
        vec!["https://ada:secret@old.example.com/simple/", "--all"],
        vec!["https://old.example.com/simple/", "dist", "--all"],
        vec!["https://old.example.com/simple/", "--all", "--username", "ada"],
        vec!["dist", "--keep-upload-times"],
        vec!["dist", "--index", "oauth"],
        vec!["dist", "--project", "a/b"],
    ] {
        seen.push_str(&person.sees(["index", "import"].into_iter().chain(line)));
    }
    assert!(!seen.contains("secret@"), "{seen}");
    assert_snapshot!(seen, @r"
    exit code: 2
    ----- stdout
    ----- stderr
    error: which projects of the other index?

    hint: name them with `--project`, or take all that it lists with `--all`
    exit code: 2
    ----- stdout
    ----- stderr
    error: the password in the URL can be seen by others in the list of processes

    hint: put it into a file: `--password-file FILE`, or `-` for stdin
    exit code: 2
    ----- stdout
    ----- stderr
    error: one other index at a time is imported, and no folders with it
    exit code: 2
    ----- stdout
    ----- stderr
    error: the following required arguments were not provided: --password-file <FILE>

    hint: it is used as `daypass index import --password-file <FILE> --all --username <NAME> <FOLDER|FILE|URL>...`
    exit code: 2
    ----- stdout
    ----- stderr
    error: `--keep-upload-times` and `--username` are for another index, not for folders
    exit code: 2
    ----- stdout
    ----- stderr
    error: `--index`: `oauth` is not a valid index name: the server uses this path itself
    exit code: 2
    ----- stdout
    ----- stderr
    error: `--project`: `a/b` is not a valid project name: use 1 to 128 ASCII letters, digits, `-`, `_` and `.`, the first and last a letter or digit
    ");
    assert_eq!(issuer.requests(), 0);
}

#[test]
fn an_export_is_a_folder_with_pages_and_files() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    issuer.host("acme", "1.0", "acme-1.0.tar.gz", b"one");
    issuer.host("zebra", "1.0", "zebra-1.0.tar.gz", b"three");
    let export = ["index", "export", "mirror", "--jobs", "1"];
    assert_snapshot!(person.sees(export), @r"
    exit code: 0
    ----- stdout
    2 projects of `python` are in `mirror`: 2 files fetched (8 B), 0 there already
    ----- stderr
    1 of 2: `acme-1.0.tar.gz` fetched
    2 of 2: `zebra-1.0.tar.gz` fetched
    ");
    let read = |name: &str| fs::read_to_string(person.home().join("mirror").join(name)).unwrap();
    assert_eq!(read("files/acme/acme-1.0.tar.gz"), "one");
    assert!(read("simple/index.html").contains("<a href=\"acme/\">acme</a>"));
    assert!(read("simple/acme/index.html").contains("<a href=\"../../files/acme/acme-1.0.tar.gz#sha256="));
    let page: Value = serde_json::from_str(&read("simple/acme/index.json")).unwrap();
    assert_eq!(page["files"][0]["url"], "../../files/acme/acme-1.0.tar.gz");
    // A file that went bad on the disk is fetched again; one that is whole is not.
    person.write("mirror/files/acme/acme-1.0.tar.gz", "two");
    issuer.host("acme", "1.1", "acme-1.1.tar.gz", b"new");
    let seen = person.sees(export);
    assert!(seen.contains("2 files fetched (6 B), 1 there already"), "{seen}");
    assert_eq!(fs::read(person.home().join("mirror/files/acme/acme-1.0.tar.gz")).unwrap(), b"one");
    // Nothing half done is left.
    for folder in ["simple", "simple/acme", "files/acme"] {
        for entry in fs::read_dir(person.home().join("mirror").join(folder)).unwrap() {
            let entry = entry.unwrap();
            assert!(!entry.file_name().to_str().unwrap().starts_with('.'), "{entry:?}");
        }
    }
}

#[test]
fn a_page_is_not_written_before_its_files_are_there() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    issuer.host("acme", "1.0", "acme-1.0.tar.gz", b"one");
    issuer.damage("acme-1.0.tar.gz");
    let seen = person.sees(["index", "export", "mirror"]);
    assert!(
        seen.starts_with("exit code: 5") && seen.contains("these are not the bytes that the page promises"),
        "{seen}"
    );
    assert!(!person.home().join("mirror/simple").exists());
    assert!(!person.home().join("mirror/files/acme/acme-1.0.tar.gz").exists());
}

#[test]
fn each_command_has_help_with_an_example() {
    for command in ["import", "export"] {
        let seen = Person::new().sees(["index", command, "--help"]);
        assert!(seen.starts_with("exit code: 0") && seen.contains("Examples:"), "{seen}");
    }
}
