//! What runs at AWS gets in by what it is: in a function, a container, a machine; by a JWT that AWS signs, or by a signed
//! request.
//!
//! AWS is moto, with signatures verified by botocore; where botocore signs, the server is judged, and where `daypass`
//! signs, the command is. Nothing here shares code with what it tests.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Stdio},
};

use daypass_testkit::aws::{Agent, Keys};
use serde_json::{Value, json};

use crate::{
    http::{Answer, post_form},
    stage::Stage,
    world::World,
};

mod client;

const REGION: &str = "eu-central-1";

/// moto. Ends when dropped.
struct Aws {
    child: Child,
    told: Value,
}

impl Aws {
    fn start() -> Self {
        let mut child = Stage::find().aws("sts.py").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).expect("moto says where it is");
        Self { child, told }
    }

    fn keys(&self, role: &str) -> &Value {
        &self.told["roles"][role]
    }

    fn text<'a>(&'a self, role: &str, member: &str) -> &'a str {
        self.keys(role)[member].as_str().unwrap()
    }

    fn agent(&self, role: &str) -> Agent {
        let text = |member| self.text(role, member).to_owned();
        let keys = Keys {
            access_key_id: text("access_key_id"),
            secret_access_key: text("secret_access_key"),
            session_token: text("session_token"),
        };
        Agent::start(keys, REGION)
    }

    /// A server that trusts this AWS both ways: `aws/app` and `aws/user-of-session` by signed requests, `aws/jwt` by JWTs.
    fn world(&self) -> World {
        let (account, role_id, role_arn) =
            (self.text("build", "account"), self.text("build", "role_id"), self.text("build", "role_arn"));
        let (sts, issuer) = (self.told["sts"].as_str().unwrap(), self.told["issuer"].as_str().unwrap());
        let grants = r#"grants = [ { index = "python", projects = ["*"], actions = ["pull"] } ]"#;
        let policy = format!(
            r#"
[[issuer]]
name = "aws"
preset = "aws-sigv4"
regions = ["{REGION}", "us-east-1"]
sts_endpoint = "{sts}"
allow_private_network = true

[[identity]]
name = "aws/app"
issuer = "aws"
claims = {{ account = "{account}", principal_id = "{role_id}" }}
{grants}

[[identity]]
name = "aws/session"
issuer = "aws"
claims = {{ account = "{account}", principal_id = "{role_id}", session = "another-session" }}
{grants}

[[issuer]]
name = "aws-jwt"
preset = "aws-oidc"
url = "{issuer}"
allow_private_network = true

[[identity]]
name = "aws/jwt"
issuer = "aws-jwt"
claims = {{ "/https:~1~1sts.amazonaws.com~1/aws_account" = "{account}", "/https:~1~1sts.amazonaws.com~1/principal_id" = "{role_arn}" }}
{grants}
"#
        );
        World::plan().policy(&policy).start()
    }

    /// What botocore signs for a role: the keys and all else may be changed.
    fn sign(&self, role: &str, audience: &str, identity: &str, changes: &Value) -> Value {
        let mut asked =
            json!({ "keys": self.keys(role), "region": REGION, "audience": audience, "identity": identity });
        merge(&mut asked, changes);
        let mut child = Stage::find().aws("sign.py").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Turns JWTs on or off for the account.
    fn set_outbound(&self, on: bool) {
        let issuer = self.told["issuer"].as_str().unwrap().strip_prefix("http://").unwrap();
        let said = crate::http::post("/outbound", "text/plain", if on { "on" } else { "off" }).send(issuer).unwrap();
        assert_eq!(said.status, 200);
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Lays `changes` over `base`, members of members too; `null` removes one.
fn merge(base: &mut Value, changes: &Value) {
    let (Some(base), Some(changes)) = (base.as_object_mut(), changes.as_object()) else { return };
    for (name, value) in changes {
        match (base.get_mut(name), value) {
            (Some(inner @ Value::Object(_)), Value::Object(_)) => merge(inner, value),
            (_, Value::Null) => drop(base.remove(name)),
            _ => drop(base.insert(name.clone(), value.clone())),
        }
    }
}

fn exchange(world: &World, token: &str, identity: Option<&str>) -> Answer {
    let mut form = vec![
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token_type", "urn:daypass:params:oauth:token-type:aws-sigv4"),
        ("subject_token", token),
    ];
    form.extend(identity.map(|identity| ("identity", identity)));
    world.send(&post_form("/oauth/token", &form))
}

fn last_refusal(world: &World) -> String {
    let events = world.audit_of("token.refused");
    events.last().and_then(|event| event["reason"].as_str()).unwrap_or_default().to_owned()
}

#[test]
fn what_botocore_signed_is_exchanged_once() {
    let aws = Aws::start();
    let world = aws.world();
    let token = aws.sign("build", &world.url(), "aws/app", &json!({})).to_string();
    let answer = exchange(&world, &token, Some("aws/app"));
    assert_eq!(answer.status, 200, "{}", answer.everything());
    let access_token = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.fetch("/python/simple/acme-hello/", &access_token).status, 200);
    let [event] = &world.audit_of("token.exchanged")[..] else { panic!("one event") };
    assert_eq!(event["actor"]["iss"], "https://sts.amazonaws.com");
    assert_eq!(event["actor"]["sub"], "arn:aws:sts::123456789012:assumed-role/build/session-of-a-job");

    // The same signature in other clothes is the same proof.
    let text: Value = serde_json::from_str(&token).unwrap();
    for again in [token, format!(" {text} ")] {
        let answer = exchange(&world, &again, Some("aws/app"));
        assert_eq!(answer.status, 400);
        assert!(answer.everything().contains("replayed"), "{}", answer.everything());
    }
    // Signed for no identity, it is exchanged where none is named.
    let token = aws.sign("build", &world.url(), "", &json!({})).to_string();
    assert_eq!(exchange(&world, &token, None).json()["identity"], "aws/app");
}

#[test]
fn what_is_signed_or_sent_otherwise_is_refused_and_a_stranger_learns_nothing() {
    let aws = Aws::start();
    let world = aws.world();
    let url = world.url();
    let signed = |changes: Value| aws.sign("build", &url, "aws/app", &changes);
    let sent = |changes: Value| {
        let mut token = signed(json!({}));
        merge(&mut token, &changes);
        token
    };
    let other_audience = aws.sign("build", "https://other.example.com", "aws/app", &json!({}));
    let other_identity = aws.sign("build", &url, "aws/session", &json!({}));
    for (what, token, code) in [
        ("a wrong key", signed(json!({ "keys": { "secret_access_key": "wrong" } })), "bad_signature"),
        (
            "a key that nobody has",
            signed(json!({ "keys": { "access_key_id": "ASIAAAAAAAAAAAAAAAAA" } })),
            "bad_signature",
        ),
        ("another action", signed(json!({ "action": "GetSessionToken" })), "bad_signature"),
        ("another header", signed(json!({ "headers": { "x-amz-target": "x" } })), "bad_signature"),
        ("another type of answer", signed(json!({ "headers": { "accept": "text/xml" } })), "bad_signature"),
        ("a body", signed(json!({ "headers": { "x-amz-content-sha256": "a".repeat(64) } })), "bad_signature"),
        ("another signature", sent(json!({ "signature": "0".repeat(64) })), "bad_signature"),
        ("another region than was signed", sent(json!({ "region": "us-east-1" })), "bad_signature"),
        ("another session", sent(json!({ "security_token": "IQoJb3JpZ2luX2VjE" })), "bad_signature"),
        ("another nonce", sent(json!({ "nonce": "0".repeat(32) })), "bad_signature"),
        ("no nonce", sent(json!({ "nonce": null })), "token_malformed"),
        ("no session", sent(json!({ "security_token": null })), "bad_signature"),
        ("a region that is not listed", signed(json!({ "region": "eu-west-1" })), "region_not_listed"),
        ("a region of another world", signed(json!({ "region": "cn-north-1" })), "region_not_listed"),
        ("a host in place of a region", sent(json!({ "region": "x.example/eu-central-1" })), "token_malformed"),
        ("signed for another server", other_audience.clone(), "wrong_audience"),
        ("signed for another identity", other_identity.clone(), "wrong_identity"),
        ("signed too long ago", signed(json!({ "ago": 15 * 60 + 2 })), "expired"),
        ("signed in the future", signed(json!({ "ago": -(5 * 60 + 10) })), "issued_in_future"),
        ("a URL", sent(json!({ "url": "https://sts.example.com/" })), "token_malformed"),
        ("headers", sent(json!({ "headers": {} })), "token_malformed"),
        ("a header in a part", sent(json!({ "access_key_id": "ASIA\r\nhost: example.com" })), "token_malformed"),
    ] {
        let answer = exchange(&world, &token.to_string(), Some("aws/app"));
        assert_eq!(answer.status, 400, "{what}: {}", answer.everything());
        let description = answer.json()["error_description"].as_str().unwrap().to_owned();
        assert!(description.starts_with("the subject token was not accepted"), "{what}: {description}");
        assert!(answer.json().get("reason").is_none(), "{what}: {}", answer.everything());
        let reason = last_refusal(&world);
        assert!(reason.starts_with(&format!("{code}: ")), "{what}: {reason}");
    }
    // Made to fit after it was signed, it gets as far as AWS, and AWS says no.
    for (mut token, identity) in [(other_audience, "aws/app"), (other_identity, "aws/app")] {
        merge(&mut token, &json!({ "audience": url, "identity": identity }));
        assert_eq!(exchange(&world, &token.to_string(), Some(identity)).status, 400);
        assert!(last_refusal(&world).starts_with("bad_signature: "), "{}", last_refusal(&world));
    }
    assert!(world.audit_of("token.exchanged").is_empty());
}

#[test]
fn another_role_and_another_session_are_told_which_claim_differs() {
    let aws = Aws::start();
    let world = aws.world();
    for (role, identity, claim) in [("other", "aws/app", "principal_id"), ("build", "aws/session", "session")] {
        let token = aws.sign(role, &world.url(), identity, &json!({})).to_string();
        let answer = exchange(&world, &token, Some(identity));
        assert_eq!(answer.status, 400);
        let said = answer.everything();
        assert!(said.contains(claim) && !said.contains(aws.text("build", "role_id")), "{said}");
        assert!(!said.contains("another-session"), "{said}");
    }
}

#[test]
fn a_signed_request_is_no_jwt_and_the_other_way_round() {
    let aws = Aws::start();
    let world = aws.world();
    let signed = aws.sign("build", &world.url(), "", &json!({})).to_string();
    assert_eq!(world.exchange(&signed).status, 400);
    assert_eq!(exchange(&world, &world.outside_token(), None).status, 400);
    // Nor does a JWT that claims to be from there find a key.
    let forged = world
        .provider
        .token(json!({ "iss": "https://sts.amazonaws.com", "aud": world.url(), "account": "123456789012" }));
    assert_eq!(world.exchange(&forged).status, 400);
}

#[test]
fn a_server_that_was_not_told_of_aws_asks_nobody() {
    let world = World::start();
    let aws = Aws::start();
    let token = aws.sign("build", &world.url(), "ci/app", &json!({})).to_string();
    assert_eq!(exchange(&world, &token, Some("ci/app")).status, 400);
    assert!(last_refusal(&world).starts_with("issuer_unknown: "), "{}", last_refusal(&world));
}

#[test]
fn aws_that_does_not_answer_is_not_a_no() {
    let aws = Aws::start();
    let world = aws.world();
    let token = aws.sign("build", &world.url(), "aws/app", &json!({})).to_string();
    drop(aws);
    let answer = exchange(&world, &token, Some("aws/app"));
    assert_eq!(answer.status, 503, "{}", answer.everything());
    assert!(last_refusal(&world).starts_with("aws_unavailable: "), "{}", last_refusal(&world));
}

/// Our fakes are judged by AWS's own library.
#[test]
fn botocore_gets_its_keys_from_the_same_agent() {
    let aws = Aws::start();
    let agent = aws.agent("build");
    let expected = ["access_key_id", "secret_access_key", "session_token"].map(|member| aws.text("build", member));
    let judge = |kind: &str, variables: &[(&str, String)]| -> Option<Value> {
        let mut judge = Stage::find().aws("judge.py");
        let output = judge.arg(kind).envs(variables.iter().cloned()).output().unwrap();
        serde_json::from_slice(&output.stdout).ok()
    };
    let container = judge("container", &agent.container_variables()).expect("botocore gets keys");
    assert_eq!(container["keys"], json!(expected));
    let machine = judge("machine", &agent.machine_variables()).expect("botocore gets keys");
    assert_eq!((&machine["keys"], &machine["region"]), (&json!(expected), &json!(REGION)));
    assert_eq!(agent.complaints(), [""; 0]);
    // The twin: without what proves that it is this container, nothing.
    let mut stranger = agent.container_variables();
    stranger[1].1 = "Basic another".to_owned();
    assert_eq!(judge("container", &stranger), None);
    assert!(!agent.complaints().is_empty());
}
