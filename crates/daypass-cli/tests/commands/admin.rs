//! `admin audit` and `admin identity explain`.

use std::fs;

use aws_lc_rs::{
    encoding::{AsBigEndian, EcPublicKeyUncompressedBin},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    fake_issuer::{FakeIssuer, OUTSIDE_TOKEN},
    person::Person,
};

#[test]
fn the_audit_log_is_read_to_its_end_as_json_lines_or_for_people() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let done = person.run(["admin", "audit", "--since", "10m", "-o", "json"]);
    let text = String::from_utf8(done.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["kind"], &lines[1]["kind"]), (&json!("token.exchanged"), &json!("token.refused")));
    let queries = issuer.audit_queries();
    assert!(queries.iter().all(|query| query["since"].ends_with('Z')));
    assert_eq!(
        queries.iter().map(|query| query.get("after").cloned()).collect::<Vec<_>>()[1..],
        [Some("1".to_owned()), Some("2".to_owned())]
    );
    assert_snapshot!(person.sees(["admin", "audit"]), @r"
    exit code: 0
    ----- stdout
    [TIME]  token.exchanged  success  job-1 as ci/app
    [TIME]  token.refused    refused  job-1 as ci/app  reason: evil\u{1b}[31m
    ----- stderr
    ");
}

#[test]
fn what_was_blocked_is_listed_by_project_and_index() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    assert_snapshot!(person.sees(["audit", "blocked"]), @r"
    exit code: 0
    ----- stdout
    TIME                  WHO                       INDEX     PROJECT               WHY
    [TIME]  ci/app                    python    acme-hello            acme_hello-2.0-py3-none-any.whl: cooldown: too young
    [TIME]  ci/app                    python    other                 evil\u{1b}[31m
    ----- stderr
    ");
    assert_eq!(issuer.audit_queries()[0]["kind"], "pull.blocked");
    let lines = |arguments: &[&str]| {
        let done = person.run(["audit", "blocked", "-o", "json"].iter().chain(arguments));
        String::from_utf8(done.stdout).unwrap().lines().count()
    };
    assert_eq!(lines(&[]), 2);
    assert_eq!(lines(&["--project", "Acme_Hello"]), 1);
    assert_eq!(lines(&["--project", "acme"]), 0);
    assert_eq!(lines(&["--index", "python"]), 2);
    assert_eq!(lines(&["--index", "other"]), 0);
    let seen = person.sees(["audit", "blocked", "--project", "a/b"]);
    assert!(seen.contains("exit code: 2") && seen.contains("`--project`: `a/b` is not a valid project name"), "{seen}");
}

#[test]
fn an_audit_log_that_one_may_not_read_is_told() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let detail = "reading the audit log needs a grant with the action `admin`";
    issuer.behave(|behaviour| behaviour.refusal = Some((403, json!({"status": 403, "detail": detail}))));
    assert_snapshot!(person.sees(["admin", "audit"]), @r"
    exit code: 3
    ----- stdout
    ----- stderr
    error: http://[SERVER]: reading the audit log needs a grant with the action `admin`

    hint: sign in as an identity that may administer, with `--identity`
    ");
    assert_snapshot!(person.sees(["admin", "audit", "--since", "soon"]), @r"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `--since`: `soon` is not a positive duration such as `15m`, `1h` or `7d`
    ");
}

struct Ci(EcdsaKeyPair);

impl Ci {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwks(&self) -> String {
        let point: EcPublicKeyUncompressedBin<'_> = self.0.public_key().as_be_bytes().unwrap();
        let (x, y) = point.as_ref()[1..].split_at(32);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256",
            "x": base64(x), "y": base64(y)}]})
        .to_string()
    }

    fn token(&self, change: &Value) -> String {
        let mut claims = json!({"iss": "https://ci.example.com", "aud": "https://packages.example.com", "sub": "job",
            "iat": now(), "exp": now() + 300, "repository_id": "74", "ref": "refs/heads/main"});
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = json!({"alg": "ES256", "kid": "k1", "typ": "JWT"}).to_string();
        let signed = format!("{}.{}", base64(header.as_bytes()), base64(claims.to_string().as_bytes()));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", base64(signature.as_ref()))
    }
}

const POLICY: &str = r#"
issuer = [{ name = "ci", url = "https://ci.example.com", keys = { jwks = "jwks.json" } }]
[[identity]]
name = "ci/app"
issuer = "ci"
claims = { repository_id = "74", ref = "refs/heads/main" }
grants = [ { index = "python", projects = ["*"], actions = ["pull"] } ]
[[identity]]
name = "ci/release"
issuer = "ci"
claims = { repository_id = "74", environment = "release" }
grants = [ { index = "python", projects = ["*"], actions = ["pull", "push"] } ]
"#;

fn operator(ci: &Ci, token: &str) -> Person {
    let person = Person::new();
    person.write("jwks.json", &ci.jwks());
    person.write("policy.toml", POLICY);
    person.write("job.jwt", &format!("{token}\n"));
    person
}

const EXPLAIN: [&str; 9] =
    ["admin", "identity", "explain", "--outside-token", "job.jwt", "--keys", "jwks.json", "--policy", "policy.toml"];

fn explained(person: &Person, arguments: &[&str]) -> (Option<i32>, Value) {
    let done = person.run(arguments.iter().chain(&["-o", "json"]));
    (done.status.code(), serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", person.told(&done))))
}

#[test]
fn a_token_that_matches_is_explained_claim_by_claim() {
    let ci = Ci::new();
    let person = operator(&ci, &ci.token(&json!({})));
    let (code, answer) = explained(&person, &EXPLAIN);
    assert_eq!(code, Some(0));
    let ok = |value: &str| json!({"matches": true, "expected": value, "found": value});
    assert_eq!(
        answer,
        json!({
            "signature": "valid",
            "reason": null,
            "identities": [
                {"identity": "ci/app", "matches": true,
                 "claims": {"repository_id": ok("74"), "ref": ok("refs/heads/main")}},
                {"identity": "ci/release", "matches": false,
                 "claims": {"repository_id": ok("74"),
                            "environment": {"matches": false, "expected": "release", "found": null}}},
            ],
        })
    );
    assert_snapshot!(person.sees(EXPLAIN), @r#"
    exit code: 0
    ----- stdout
    signature  valid

    ci/app  matches
      ref: ok
      repository_id: ok

    ci/release  does not match
      environment: must be "release", missing
      repository_id: ok
    ----- stderr
    "#);
    // The policy names the file of the keys too.
    assert_eq!(explained(&person, &[&EXPLAIN[..5], &EXPLAIN[7..]].concat()).0, Some(0));
}

#[test]
fn a_token_that_matches_nothing_or_is_not_genuine_is_exit_code_one() {
    let ci = Ci::new();
    let genuine = ci.token(&json!({"ref": "refs/heads/evil"}));
    let (code, answer) = explained(&operator(&ci, &genuine), &EXPLAIN);
    assert_eq!((code, &answer["signature"]), (Some(1), &json!("valid")));
    assert_eq!(answer["identities"][0]["claims"]["ref"]["found"], "refs/heads/evil");

    let forged = Ci::new().token(&json!({}));
    let unsigned = format!("{}.", ci.token(&json!({})).rsplit_once('.').unwrap().0);
    for token in [forged.as_str(), &unsigned, OUTSIDE_TOKEN, "nonsense", ""] {
        let (code, answer) = explained(&operator(&ci, token), &EXPLAIN);
        assert_eq!((code, &answer["signature"]), (Some(1), &json!("invalid")), "{token}");
        assert!(answer["reason"].is_string());
        // Claims that nobody proved are shown to no rule.
        assert_eq!(answer["identities"][0], json!({"identity": "ci/app", "matches": false, "claims": {}}));
    }
}

#[test]
fn what_else_stands_in_the_way_is_the_reason_and_not_the_exit_code() {
    let ci = Ci::new();
    for (change, reason) in [
        (json!({"iat": now() - 7200, "exp": now() - 3600}), "the token has expired"),
        (
            json!({"iat": now() + 3600, "exp": now() + 7200}),
            "the token was issued in the future (`iat`); a clock is wrong",
        ),
        (json!({"aud": "https://other.example.com"}), "the token is meant for another audience"),
    ] {
        let person = operator(&ci, &ci.token(&change)).with("DAYPASS_SERVER", "https://packages.example.com");
        let (code, answer) = explained(&person, &EXPLAIN);
        assert_eq!((code, &answer["signature"], &answer["reason"]), (Some(0), &json!("valid"), &json!(reason)));
        assert_eq!(answer["identities"][0]["matches"], true);
    }
}

#[test]
fn lists_globs_and_conditions_are_explained_and_so_is_what_the_claims_do_not_tell() {
    let ci = Ci::new();
    let person = operator(&ci, &ci.token(&json!({"environment": "prod", "groups": ["ops", "dev"]})));
    person.write(
        "policy.toml",
        r#"
        issuer = [{ name = "ci", url = "https://ci.example.com", keys = { jwks = "jwks.json" }, refuse = { actor_id = "13" } }]
        [[identity]]
        name = "ci/app"
        issuer = "ci"
        claims = { environment = ["prod", "staging"], ref = { glob = "refs/heads/*" }, groups = { contains = "ops" } }
        when = "claims.repository_id == '75'"
        networks = ["10.0.0.0/8"]
        grants = [ { index = "python", projects = ["*"], actions = ["pull"] } ]
        "#,
    );
    assert_snapshot!(person.sees(EXPLAIN), @r#"
    exit code: 1
    ----- stdout
    signature  valid

    ci/app  does not match
      note: only for requests from 10.0.0.0/8
      environment: ok
      groups: ok
      ref: ok
      when: must be "claims.repository_id == '75'", it is false
    ----- stderr
    "#);
    let trapped = ci.token(&json!({"repository_id": "75", "environment": "prod", "groups": ["ops"], "actor_id": "13"}));
    person.write("job.jwt", &trapped);
    let (code, answer) = explained(&person, &EXPLAIN);
    assert_eq!((code, &answer["identities"][0]["matches"]), (Some(1), &json!(false)));
    assert!(answer["reason"].as_str().unwrap().contains("`actor_id` is not accepted"), "{answer}");
}

#[test]
fn without_keys_the_signature_is_unknown() {
    let ci = Ci::new();
    let person = operator(&ci, &ci.token(&json!({})));
    person.write("policy.toml", &POLICY.replace("{ jwks = \"jwks.json\" }", "{ discovery = true }"));
    let (code, answer) = explained(&person, &[&EXPLAIN[..5], &EXPLAIN[7..]].concat());
    assert_eq!((code, &answer["signature"]), (Some(1), &json!("unknown")));
    // Without a policy too, the signature can be judged.
    let (code, answer) = explained(&person, &EXPLAIN[..7]);
    assert_eq!((code, &answer["signature"], &answer["identities"]), (Some(1), &json!("valid"), &json!([])));
}

#[test]
fn files_that_cannot_be_read_are_told() {
    let ci = Ci::new();
    let person = operator(&ci, "");
    fs::write(person.home().join("policy.toml"), "nonsense").unwrap();
    assert_snapshot!(person.sees(EXPLAIN), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: policy `policy.toml`: TOML parse error at line 1, column 9
      |
    1 | nonsense
      |         ^
    key with no value, expected `=`
    ");
    assert_snapshot!(person.sees(["admin", "identity", "explain", "--outside-token", "nowhere"]), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: cannot read `nowhere`: No such file or directory (os error 2)
    ");
}

fn base64(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}

#[expect(clippy::disallowed_methods, reason = "the real binary goes by the real clock")]
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
