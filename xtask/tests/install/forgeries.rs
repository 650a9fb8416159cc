//! Signatures that are not what they should be, before each of the verifiers.

use std::thread;

use daypass_testkit::release::{Manner, ReleaseHost};

use crate::{
    machine::Machine,
    release::{Release, Signer, VERSION, archive, flipped},
};

const VERIFIERS: [&str; 4] = ["minisign", "openssl", "python3", "node"];

/// A file of the release that is another one, and the reason.
type Forgery = (&'static str, Vec<u8>, &'static str);

fn forgeries(release: &Release, signer: &Signer) -> Vec<Forgery> {
    let (sums, signature) = (&release.files["SHA256SUMS"], &release.files["SHA256SUMS.minisig"]);
    let text = String::from_utf8(signature.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let with = |number: usize, line: &str| {
        let mut lines = lines.clone();
        lines[number] = line;
        format!("{}\n", lines.join("\n")).into_bytes()
    };
    // One letter of base64 in the middle of each part.
    let letter = |line: &str, place: usize| {
        let other = if line.as_bytes()[place] == b'A' { "B" } else { "A" };
        format!("{}{other}{}", &line[..place], &line[place + 1..])
    };
    // The last two bits of the key's number share a letter with the signature.
    let last_of_number = {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let value = letters.find(&lines[1][13..14]).unwrap() ^ 16;
        format!("{}{}{}", &lines[1][..13], &letters[value..=value], &lines[1][14..])
    };
    let another = Signer::new();
    let said = format!("daypass {VERSION}");
    vec![
        ("SHA256SUMS", flipped(sums, 5), "signature of SHA256SUMS is wrong"),
        ("SHA256SUMS", sums[..sums.len() - 1].to_vec(), "signature of SHA256SUMS is wrong"),
        ("SHA256SUMS.minisig", with(1, &letter(lines[1], 50)), "signature of SHA256SUMS is wrong"),
        ("SHA256SUMS.minisig", with(3, &letter(lines[3], 50)), "signature of SHA256SUMS is wrong"),
        ("SHA256SUMS.minisig", with(2, "trusted comment: daypass 1.2.4"), "not the one of daypass 1.2.3"),
        ("SHA256SUMS.minisig", signer.sign(sums, "daypass 1.2.2", &[]), "not the one of daypass 1.2.3"),
        // Another version's signature under this version's comment: it is vouched for by the fourth line.
        (
            "SHA256SUMS.minisig",
            String::from_utf8(signer.sign(sums, "daypass 1.2.2", &[])).unwrap().replace("1.2.2", VERSION).into_bytes(),
            "signature of SHA256SUMS is wrong",
        ),
        ("SHA256SUMS.minisig", with(1, &letter(lines[1], 6)), "signed with another key"),
        ("SHA256SUMS.minisig", with(1, &last_of_number), "signed with another key"),
        ("SHA256SUMS.minisig", another.sign(sums, &said, &[]), "signed with another key"),
        ("SHA256SUMS.minisig", with(1, &lines[1].replace(&lines[1][20..22], "!?")), "is not a signature"),
        ("SHA256SUMS.minisig", with(1, &lines[1][..96]), "is not a signature"),
        ("SHA256SUMS.minisig", signature[..signature.len() / 2].to_vec(), "is not a signature"),
        ("SHA256SUMS.minisig", format!("{text}more\n").into_bytes(), "is not a signature"),
        ("SHA256SUMS.minisig", signer.sign(sums, &said, &["-l"]), "of the old kind"),
        ("SHA256SUMS.minisig", Vec::new(), "is not a signature"),
    ]
}

#[test]
fn each_verifier_takes_the_true_one_and_refuses_each_forgery() {
    let signer = Signer::new();
    let release = signer.release(VERSION);
    let forgeries = forgeries(&release, &signer);
    thread::scope(|scope| {
        for verifier in VERIFIERS {
            let (release, forgeries) = (&release, &forgeries);
            scope.spawn(move || {
                let machine = Machine::with(&["curl", verifier]);
                for (name, bytes, words) in forgeries {
                    let host = ReleaseHost::with(&release.files);
                    host.set(name, Manner::Whole(bytes.clone()));
                    machine.install(&host, release, &[]).refused(3, words);
                    assert!(!host.seen().iter().any(|seen| seen.contains(".tar.gz")), "nothing more was fetched");
                    assert_eq!(machine.left(), [""; 0], "{verifier}: {words}");
                }
                let host = ReleaseHost::with(&release.files);
                machine.install(&host, release, &[]).printed(&machine.program());
            });
        }
    });
}

#[test]
fn a_release_of_another_signer_is_refused_by_each_verifier() {
    let (ours, theirs) = (Signer::new(), Signer::new());
    let number = |key: &str| key[..13].to_owned();
    let mut release = theirs.release(VERSION);
    let host = ReleaseHost::with(&release.files);
    for verifier in VERIFIERS {
        let machine = Machine::with(&["curl", verifier]);
        release.key = ours.key.clone();
        machine.install(&host, &release, &[]).refused(3, "signed with another key");
        // A key that only claims to be the same one: its number is no secret.
        release.key = format!("{}{}", number(&theirs.key), &theirs.key[13..14]) + &ours.key[14..];
        machine.install(&host, &release, &[]).refused(3, "signature of SHA256SUMS is wrong");
        assert_eq!(machine.left(), [""; 0]);
    }
}

#[test]
fn an_older_release_is_not_taken_for_a_new_one() {
    let signer = Signer::new();
    let (old, new) = (signer.release("1.2.2"), signer.release(VERSION));
    let mut files = old.files.clone();
    files.insert(archive(VERSION), old.files[&archive("1.2.2")].clone());
    let host = ReleaseHost::with(&files);
    let machine = Machine::with(&["curl", "minisign"]);
    machine.install(&host, &new, &[]).refused(3, "not the one of daypass 1.2.3: it is stale, or of another release");
    let once_more = ["SHA256SUMS", "SHA256SUMS.minisig", "!SHA256SUMS", "!SHA256SUMS.minisig"];
    assert_eq!(host.seen(), once_more);
}
