//! Attestations of a Sigstore that was made for this, and every way to make one wrong.

use daypass_core::{
    access_token::{Actor, Holder},
    digest::Sha256,
};
use daypass_testkit::sigstore::{Order, PUBLISH, SLSA, Sigstore, Workflow, statement};
use serde_json::{Value, json};

use super::*;

const NAME: &str = "acme_hello-1.0-py3-none-any.whl";
const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// In the summer of 2026.
const NOW: i64 = 1_784_000_000;

fn digest() -> Sha256 {
    Sha256::of(b"a wheel")
}

fn workflow() -> Workflow {
    Workflow::github("octo-org/octo-repo", "release.yml")
}

fn order() -> Order {
    Order::of(NAME, &digest().to_string(), workflow(), NOW - 60)
}

fn github(repository: &str, file: &str) -> Value {
    json!({ "kind": "GitHub", "repository": repository, "workflow": file })
}

/// The access token of a job that is this publisher, vouched for by that issuer.
fn token(publisher: Option<&Value>, issuer: &str) -> AccessTokenClaims {
    AccessTokenClaims {
        iss: "https://packages.example.com".to_owned(),
        sub: String::new(),
        aud: "https://packages.example.com".to_owned(),
        exp: NOW + 900,
        iat: NOW,
        nbf: NOW,
        jti: "1".to_owned(),
        parents: Vec::new(),
        client_id: "trusted-publishing".to_owned(),
        holder: Holder::Identity {
            identity: "ci/release".parse().unwrap(),
            rule: String::new(),
            publisher: publisher.map(|publisher| serde_json::from_value(publisher.clone()).unwrap()),
        },
        grants: Vec::new(),
        act: Actor { iss: issuer.to_owned(), sub: "job".to_owned() },
    }
}

struct Bench {
    sigstore: Sigstore,
    trust: TrustRoot,
    uploader: AccessTokenClaims,
}

impl Bench {
    fn new() -> Self {
        let sigstore = Sigstore::new();
        let trust = TrustRoot::parse(sigstore.trusted_root().to_string().as_bytes()).unwrap();
        Self { sigstore, trust, uploader: token(Some(&github("octo-org/octo-repo", "release.yml")), GITHUB) }
    }

    fn check(&self, attestations: &[Value]) -> Result<Value, String> {
        self.check_field(&json!(attestations).to_string())
    }

    fn check_field(&self, field: &str) -> Result<Value, String> {
        let (digest, now) = (digest(), Timestamp::from_second(NOW).unwrap());
        let file = Attested { name: NAME, sha256: &digest };
        let found = check(field, file, Some(&self.uploader), Some(&self.trust), now);
        found.map(|found| serde_json::from_slice(&found.json).unwrap()).map_err(|refused| refused.to_string())
    }

    fn attest(&self, change: impl FnOnce(&mut Order)) -> Value {
        let mut order = order();
        change(&mut order);
        self.sigstore.attest(&order)
    }

    /// What is wrong with an order that was changed.
    fn refused(&self, change: impl FnOnce(&mut Order)) -> String {
        self.check(&[self.attest(change)]).unwrap_err().replace("attestation 1 is not good: ", "")
    }

    /// What is wrong with a good attestation of which the text at `pointer` was changed.
    fn bent(&self, pointer: &str, bend: impl FnOnce(&mut Value)) -> String {
        let mut attestation = self.attest(|_| ());
        bend(attestation.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")));
        self.check(&[attestation]).unwrap_err().replace("attestation 1 is not good: ", "")
    }
}

#[test]
fn good_attestations_become_provenance_that_says_who_made_them() {
    let bench = Bench::new();
    let publish = bench.attest(|_| ());
    let built = bench.attest(|order| order.statement["predicateType"] = SLSA.into());
    let provenance = bench.check(&[publish.clone(), built.clone()]).unwrap();
    let expected = json!({
        "version": 1,
        "attestation_bundles": [{
            "publisher": github("octo-org/octo-repo", "release.yml"),
            "attestations": [publish, built],
        }],
    });
    assert_eq!(provenance, expected);
}

#[test]
fn every_attack_is_refused_with_its_reason() {
    type Change<'a> = Box<dyn Fn(&mut Order) + 'a>;
    let bench = Bench::new();
    let other = "0".repeat(64);
    let digest = digest().to_string();
    let attacks: [(Change<'_>, &str); 18] = [
        (
            Box::new(|order| order.statement = statement(NAME, &other, PUBLISH)),
            "it is about a file of another SHA-256 than the uploaded one",
        ),
        (
            Box::new(|order| order.statement = statement("acme_hello-1.1-py3-none-any.whl", &digest, PUBLISH)),
            "it is about a file of another name than the uploaded one",
        ),
        (
            Box::new(|order| order.statement = statement(NAME, &digest, "https://example.com/anything")),
            "its predicate type is not taken here",
        ),
        (
            Box::new(|order| {
                let subject = order.statement["subject"][0].clone();
                order.statement["subject"].as_array_mut().unwrap().push(subject);
            }),
            "it is not about exactly one file",
        ),
        (Box::new(|order| order.statement["subject"] = json!([])), "it is not about exactly one file"),
        (
            Box::new(|order| order.statement["_type"] = "https://in-toto.io/Statement/v0.1".into()),
            "it holds no in-toto statement of version 1",
        ),
        (Box::new(|order| order.statement = json!({})), "it holds no in-toto statement"),
        (
            Box::new(|order| order.workflow = Workflow::github("evil/octo-repo", "release.yml")),
            "its certificate is of another workflow than the one that uploads: the repository differs",
        ),
        (
            Box::new(|order| order.workflow = Workflow::github("octo-org/octo-repo", "test.yml")),
            "its certificate is of another workflow than the one that uploads: the workflow file differs",
        ),
        (
            Box::new(|order| order.workflow.issuer = "https://git.example.com/_services/token".to_owned()),
            "its certificate is of another workflow than the one that uploads: the issuer differs",
        ),
        (
            Box::new(|order| order.workflow.config += "@refs/heads/main"),
            "its certificate is of another workflow than the one that uploads: the workflow file differs",
        ),
        (
            Box::new(|order| order.certified_at = order.at - 601),
            "its certificate was not valid when the transparency log took the entry",
        ),
        (
            Box::new(|order| order.certified_at = order.at + 1),
            "its certificate was not valid when the transparency log took the entry",
        ),
        (Box::new(|order| order.code_signing = false), "its certificate is not one to sign with"),
        (Box::new(|order| order.logged = false), "its certificate is in no certificate log that is trusted here"),
        (Box::new(|order| order.at = NOW + 301), "its entry in the transparency log is from the future"),
        (
            Box::new(|order| order.afterwards = Some(statement(NAME, &digest, SLSA))),
            "its entry in the transparency log is about another statement",
        ),
        (
            Box::new(|order| order.signatures = 2),
            "its entry in the transparency log does not have exactly one signature",
        ),
    ];
    for (attack, expected) in attacks {
        assert_eq!(bench.refused(attack), expected);
    }
}

#[test]
fn what_somebody_else_signed_is_refused() {
    for (part, expected) in [
        ("authority", "its certificate is of no authority that is trusted here"),
        ("log", "its entry in the transparency log is of no log that is trusted here"),
        ("certificate_log", "its certificate is in no certificate log that is trusted here"),
    ] {
        let Bench { sigstore, trust, uploader } = Bench::new();
        let bench = Bench { sigstore: sigstore.with_another(part), trust, uploader };
        assert_eq!(bench.refused(|_| ()), expected);
    }
}

#[test]
fn what_was_changed_afterwards_is_refused() {
    let bench = Bench::new();
    let entry = "/verification_material/transparency_entries/0";
    let at = |path: &str| format!("{entry}{path}");
    let other = bench.attest(|_| ());
    let elsewhere = Sigstore::new().attest(&order());
    let from = |document: &Value, pointer: &str| document.pointer(pointer).unwrap().clone();
    let log = "its entry in the transparency log ";
    for (pointer, value, expected) in [
        (
            "/envelope/signature".to_owned(),
            from(&other, "/envelope/signature"),
            format!("{log}is about another signature"),
        ),
        (
            "/verification_material/certificate".to_owned(),
            from(&other, "/verification_material/certificate"),
            format!("{log}is about another certificate"),
        ),
        (entry.to_owned(), from(&other, entry), format!("{log}is about another signature")),
        (at("/integratedTime"), json!("1783999000"), format!("{log}has a time that the log did not sign")),
        (at("/integratedTime"), json!("0"), format!("{log}has no time")),
        (at("/integratedTime"), Value::Null, format!("{log}has no time")),
        (at("/logIndex"), json!("1"), format!("{log}has a time that the log did not sign")),
        (at("/inclusionPromise"), Value::Null, format!("{log}has no signed time")),
        (
            at("/inclusionPromise/signedEntryTimestamp"),
            from(&elsewhere, &at("/inclusionPromise/signedEntryTimestamp")),
            format!("{log}has a time that the log did not sign"),
        ),
        (at("/inclusionProof"), Value::Null, format!("{log}has no proof that it is in the log")),
        (at("/inclusionProof/logIndex"), json!("3"), format!("{log}has a proof that does not hold")),
        (at("/inclusionProof/treeSize"), json!("8"), format!("{log}has a proof that does not hold")),
        (at("/inclusionProof/hashes"), json!([]), format!("{log}has a proof that does not hold")),
        (at("/inclusionProof"), from(&other, &at("/inclusionProof")), format!("{log}has a proof that does not hold")),
        (
            at("/inclusionProof/checkpoint"),
            from(&other, &at("/inclusionProof/checkpoint")),
            format!("{log}has a proof that does not hold"),
        ),
        (
            at("/inclusionProof/checkpoint"),
            from(&elsewhere, &at("/inclusionProof/checkpoint")),
            format!("{log}has a proof that the log did not sign"),
        ),
        (
            at("/kindVersion/version"),
            json!("0.0.2"),
            format!("{log}is of a kind that is not taken here; `dsse` of version 0.0.1 is"),
        ),
        (
            at("/kindVersion/kind"),
            json!("intoto"),
            format!("{log}is of a kind that is not taken here; `dsse` of version 0.0.1 is"),
        ),
        (at("/canonicalizedBody"), json!("e30="), format!("{log}is not understood")),
        (
            "/verification_material/certificate".to_owned(),
            json!("MAA="),
            "its certificate is not understood".to_owned(),
        ),
    ] {
        assert_eq!(bench.bent(&pointer, |found| *found = value), expected, "{pointer}");
    }
}

#[test]
fn a_signature_by_another_key_is_refused_though_the_log_took_it() {
    // A log takes what it is given: the certificate and the statement are one workflow's, the signature another's.
    let bench = Bench::new();
    let refused = bench.check(&[bench.sigstore.forge(&order())]).unwrap_err();
    assert_eq!(refused, "attestation 1 is not good: its signature does not verify with its certificate's key");
}

#[test]
fn a_log_is_known_by_its_key_and_not_by_what_it_is_called() {
    let sigstore = Sigstore::new();
    for (member, expected) in [("tlogs", "a time that the log did not sign"), ("ctlogs", "in no certificate log")] {
        let mut root = sigstore.trusted_root();
        root[member][0]["publicKey"]["rawBytes"] =
            Sigstore::new().trusted_root()[member][0]["publicKey"]["rawBytes"].clone();
        let trust = TrustRoot::parse(root.to_string().as_bytes()).unwrap();
        let bench = Bench { trust, sigstore: sigstore.clone(), ..Bench::new() };
        assert!(bench.refused(|_| ()).contains(expected), "{member}");
    }
}

#[test]
fn what_is_no_list_of_attestations_is_refused() {
    let bench = Bench::new();
    let good = bench.attest(|_| ());
    let with = |pointer: &str, name: &str| {
        let mut attestation = good.clone();
        attestation.pointer_mut(pointer).unwrap()[name] = json!(1);
        json!([attestation]).to_string()
    };
    let mut newer = good.clone();
    newer["version"] = json!(2);
    let mut bare = good.clone();
    bare["verification_material"]["transparency_entries"] = json!([]);
    let mut dsse = good.clone();
    dsse["envelope"] = json!({ "payload": "", "payloadType": "", "signatures": [{ "sig": "" }, { "sig": "" }] });
    let again = json!([good, bench.attest(|_| ())]).to_string();
    for (field, expected) in [
        (String::new(), "EOF"),
        ("{}".to_owned(), "expected a sequence"),
        ("[]".to_owned(), "it is empty"),
        ("[{}]".to_owned(), "missing field"),
        ("[1]".to_owned(), "invalid type"),
        ("[".repeat(1000), "recursion limit"),
        (json!([newer]).to_string(), "version 1"),
        (json!([bare]).to_string(), "one entry"),
        (json!([dsse]).to_string(), "unknown field `payload`"),
        (with("", "more"), "unknown field `more`"),
        (with("/envelope", "more"), "unknown field `more`"),
        (json!([good, good, good]).to_string(), "more than 2"),
        (format!("[{}", " ".repeat(LARGEST_FIELD)), "longer than"),
        (again, "two attestations have the predicate type"),
    ] {
        let refused = bench.check_field(&field).unwrap_err();
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
}

#[test]
fn who_is_no_workflow_cannot_attest() {
    let mut bench = Bench::new();
    let good = bench.attest(|_| ());
    bench.uploader = token(None, GITHUB);
    assert!(bench.check(std::slice::from_ref(&good)).unwrap_err().contains("from a CI job only"));
    let (digest, now) = (digest(), Timestamp::from_second(NOW).unwrap());
    let (field, file) = (json!([good]).to_string(), Attested { name: NAME, sha256: &digest });
    assert_eq!(check(&field, file, None, Some(&bench.trust), now), Err(Refused::NoPublisher));
    assert_eq!(check(&field, file, Some(&bench.uploader), None, now), Err(Refused::NoTrustRoot));
}

#[test]
fn the_same_names_elsewhere_are_somebody_else() {
    let mut bench = Bench::new();
    let good = bench.attest(|_| ());
    let own = "https://git.example.com";
    let mut publisher = github("octo-org/octo-repo", "release.yml");
    publisher["server"] = own.into();
    bench.uploader = token(Some(&publisher), &format!("{own}/_services/token"));
    assert!(bench.check(&[good]).unwrap_err().contains("the issuer differs"));
    let theirs = bench.attest(|order| {
        order.workflow.issuer = format!("{own}/_services/token");
        for part in [&mut order.workflow.repository, &mut order.workflow.config] {
            *part = part.replace("https://github.com", own);
        }
    });
    assert_eq!(bench.check(&[theirs]).unwrap()["attestation_bundles"][0]["publisher"], publisher);
}

#[test]
fn a_service_account_is_known_by_its_address() {
    let mut bench = Bench::new();
    let google = "https://accounts.google.com";
    bench.uploader = token(Some(&json!({ "kind": "Google", "email": "ci@acme.example" })), google);
    assert!(bench.check(&[bench.attest(|order| order.workflow = Workflow::google("ci@acme.example"))]).is_ok());
    let refused = bench.refused(|order| order.workflow = Workflow::google("evil@acme.example"));
    assert!(refused.contains("the service account differs"), "{refused}");
}

#[test]
fn certificates_are_not_asked_to_be_in_a_log_where_none_is_trusted() {
    let sigstore = Sigstore::new();
    let mut root = sigstore.trusted_root();
    root["ctlogs"] = json!([]);
    let trust = TrustRoot::parse(root.to_string().as_bytes()).unwrap();
    let bench = Bench { sigstore, trust, ..Bench::new() };
    assert!(bench.check(&[bench.attest(|order| order.logged = false)]).is_ok());
}

#[test]
fn an_authority_is_believed_only_while_it_was_one() {
    let sigstore = Sigstore::new();
    for (part, expected) in
        [("certificateAuthorities", "no authority"), ("tlogs", "no log"), ("ctlogs", "no certificate log")]
    {
        let mut root = sigstore.trusted_root();
        let ended = json!({ "start": "2025-01-01T00:00:00Z", "end": "2025-12-31T23:59:59.999Z" });
        let valid = if part == "certificateAuthorities" { &mut root[part][0] } else { &mut root[part][0]["publicKey"] };
        valid["validFor"] = ended;
        let trust = TrustRoot::parse(root.to_string().as_bytes()).unwrap();
        let bench = Bench { trust, sigstore: sigstore.clone(), ..Bench::new() };
        assert!(bench.refused(|_| ()).contains(expected), "{part}");
    }
}
