//! Certificates as Fulcio gives them, with the timestamp of a log of certificates in them (RFC 6962).

use sha2::{Digest as _, Sha256};

use super::{Key, Order, Sigstore, der};

/// A workflow, as its certificate says it.
#[derive(Debug, Clone)]
pub struct Workflow {
    /// Who vouched for it.
    pub issuer: String,
    /// The repository's URL.
    pub repository: String,
    /// The workflow that was started, but for the ref: `https://github.com/octo/repo/.github/workflows/release.yml`.
    pub config: String,
    /// The ref.
    pub git_ref: String,
    /// The commit.
    pub commit: String,
    /// The name that the certificate is for.
    pub name: Name,
}

/// A subject's alternative name.
#[derive(Debug, Clone)]
pub enum Name {
    /// What runs.
    Uri(String),
    /// A service account.
    Email(String),
}

impl Workflow {
    /// The workflow `file` of `repository` on GitHub.
    pub fn github(repository: &str, file: &str) -> Self {
        let repository = format!("https://github.com/{repository}");
        let config = format!("{repository}/.github/workflows/{file}");
        Self {
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
            git_ref: "refs/heads/main".to_owned(),
            commit: "9f3182061f1e2cca4702c368cbc039b7dc9d4485".to_owned(),
            name: Name::Uri(format!("{config}@refs/heads/main")),
            repository,
            config,
        }
    }

    /// A service account of Google Cloud.
    pub fn google(email: &str) -> Self {
        let mut workflow = Self::github("none/none", "none.yml");
        "https://accounts.google.com".clone_into(&mut workflow.issuer);
        Self { name: Name::Email(email.to_owned()), ..workflow }
    }

    fn claims(&self) -> [(&'static str, String); 6] {
        let config = format!("{}@{}", self.config, self.git_ref);
        [
            ("8", self.issuer.clone()),
            ("9", config.clone()),
            ("12", self.repository.clone()),
            ("13", self.commit.clone()),
            ("14", self.git_ref.clone()),
            ("18", config),
        ]
    }
}

const YEARS: i64 = 20 * 365 * 86_400;

/// The certificates of the authority: its root, and the one that gives.
pub(super) fn authority(sigstore: &Sigstore, since: i64) -> [Vec<u8>; 2] {
    let of = |subject: &str, key: &Key, issuer: &str, by: &Key| {
        let mut extensions = vec![
            extension("2.5.29.15", true, &der::bits(1, &[6])),
            extension("2.5.29.19", true, &der::sequence(&[der::tlv(1, &[0xff])])),
            extension("2.5.29.14", false, &der::octets(&key_id(key))),
        ];
        if subject != issuer {
            extensions.push(extension("2.5.29.37", false, &der::sequence(&[der::oid("1.3.6.1.5.5.7.3.3")])));
        }
        extensions.push(authority_key(by));
        let names = [name(Some(issuer)), name(Some(subject))];
        let tbs = to_be_signed(u8::from(subject != issuer) + 1, &names, [since, since + YEARS], key, &extensions);
        signed(&tbs, by)
    };
    [
        of("root", &sigstore.root, "root", &sigstore.root),
        of("intermediate", &sigstore.intermediate, "root", &sigstore.root),
    ]
}

/// The certificate of a workflow, good for ten minutes.
pub(super) fn leaf(sigstore: &Sigstore, key: &Key, order: &Order) -> Vec<u8> {
    let purpose = if order.code_signing { "1.3.6.1.5.5.7.3.3" } else { "1.3.6.1.5.5.7.3.2" };
    let subject = match &order.workflow.name {
        Name::Uri(uri) => der::tlv(0x86, uri.as_bytes()),
        Name::Email(email) => der::tlv(0x81, email.as_bytes()),
    };
    let mut extensions = vec![
        extension("2.5.29.15", true, &der::bits(7, &[0x80])),
        extension("2.5.29.37", false, &der::sequence(&[der::oid(purpose)])),
        extension("2.5.29.14", false, &der::octets(&key_id(key))),
        authority_key(&sigstore.intermediate),
        extension("2.5.29.17", true, &der::sequence(&[subject])),
    ];
    for (number, claim) in order.workflow.claims() {
        let oid = format!("1.3.6.1.4.1.57264.1.{number}");
        extensions.push(extension(&oid, false, &der::tlv(12, claim.as_bytes())));
    }
    let names = [name(Some("intermediate")), name(None)];
    let times = [order.certified_at, order.certified_at + 600];
    let before = to_be_signed(7, &names, times, key, &extensions);
    if order.logged {
        let list = timestamps(sigstore, &before, order.certified_at);
        extensions.push(extension("1.3.6.1.4.1.11129.2.4.2", false, &der::octets(&list)));
    }
    signed(&to_be_signed(7, &names, times, key, &extensions), &sigstore.intermediate)
}

/// RFC 6962 §3.2, §3.3: the log of certificates has seen it, without this.
fn timestamps(sigstore: &Sigstore, before: &[u8], at: i64) -> Vec<u8> {
    let milliseconds = u64::try_from(at * 1000).unwrap().to_be_bytes();
    let mut seen = vec![0, 0];
    seen.extend(milliseconds);
    seen.extend([0, 1]);
    seen.extend(Sha256::digest(sigstore.intermediate.spki()));
    seen.extend(&u32::try_from(before.len()).unwrap().to_be_bytes()[1..]);
    seen.extend(before);
    seen.extend([0, 0]);
    let signature = sigstore.certificate_log.sign(&seen);
    let mut timestamp = vec![0];
    timestamp.extend(sigstore.certificate_log.id());
    timestamp.extend(milliseconds);
    timestamp.extend([0, 0, 4, 3]);
    timestamp.extend(sized(&signature));
    sized(&sized(&timestamp))
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn to_be_signed(serial: u8, names: &[Vec<u8>; 2], times: [i64; 2], key: &Key, extensions: &[Vec<u8>]) -> Vec<u8> {
    let [issuer, subject] = names.clone();
    der::sequence(&[
        der::tlv(0xa0, &der::tlv(2, &[2])),
        der::tlv(2, &[serial]),
        ecdsa(),
        issuer,
        der::sequence(&times.map(der::time)),
        subject,
        key.spki(),
        der::tlv(0xa3, &der::sequence(extensions)),
    ])
}

fn signed(tbs: &[u8], by: &Key) -> Vec<u8> {
    der::sequence(&[tbs.to_vec(), ecdsa(), der::bits(0, &by.sign(tbs))])
}

/// `ecdsa-with-SHA256`.
fn ecdsa() -> Vec<u8> {
    der::sequence(&[der::oid("1.2.840.10045.4.3.2")])
}

fn extension(oid: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { der::tlv(1, &[0xff]) } else { Vec::new() };
    der::sequence(&[der::oid(oid), critical, der::octets(value)])
}

fn authority_key(key: &Key) -> Vec<u8> {
    extension("2.5.29.35", false, &der::sequence(&[der::tlv(0x80, &key_id(key))]))
}

fn key_id(key: &Key) -> Vec<u8> {
    Sha256::digest(key.spki())[..20].to_vec()
}

/// A name with a common name, or an empty one.
fn name(common: Option<&str>) -> Vec<u8> {
    let one = |text: &str| der::tlv(0x31, &der::sequence(&[der::oid("2.5.4.3"), der::tlv(12, text.as_bytes())]));
    der::sequence(&common.map(one).into_iter().collect::<Vec<_>>())
}
