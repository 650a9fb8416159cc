//! The names that users, tests and documents outside this repository rely on, as the design writes them down.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{http::get, server::daypassd, world::World};

#[test]
fn the_ready_file_says_where_the_server_is_and_who_it_is() {
    let world = World::start();
    let ready = &world.server().ready;
    assert_eq!(ready["url"], world.url());
    assert_eq!(ready["index_url"], format!("{}/python/simple/", world.url()));
    assert_eq!(ready["pid"], world.server().id());
}

#[test]
fn port_0_takes_a_free_port_and_a_policy_may_come_in_several_files() {
    let world = World::start();
    let (first, second) = (world.path("first.toml"), world.path("second.toml"));
    let issuer = "[[issuer]]\nname = \"other\"\nurl = \"https://ci.example.com\"\nkeys = { discovery = true }\n";
    let identity = "[[identity]]\nname = \"x\"\nissuer = \"other\"\nclaims = { sub = \"y\" }\n\
                    grants = [ { index = \"python\", projects = [\"*\"], actions = [\"pull\"] } ]\n";
    std::fs::write(&first, issuer).unwrap();
    std::fs::write(&second, identity).unwrap();
    let mut command = daypassd();
    command.args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data"]).arg(world.path("other"));
    command.arg("--policy").arg(&first).arg("--policy").arg(&second);
    std::fs::create_dir(world.path("elsewhere")).unwrap();
    let server = crate::server::Server::start(command, &world.path("elsewhere"));
    let url = server.ready["url"].as_str().unwrap();
    let authority = url.strip_prefix("http://").unwrap();
    assert_ne!(authority, "127.0.0.1:0");
    assert_eq!(get("/healthz").send(authority).unwrap().status, 200);
}

#[test]
fn the_well_known_documents_are_where_the_standards_put_them() {
    let world = World::start();
    for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        let document = world.send(&get(path)).json();
        assert_eq!(document["issuer"], world.url(), "{path}");
        assert_eq!(document["token_endpoint"], format!("{}/oauth/token", world.url()), "{path}");
        assert_eq!(document["revocation_endpoint"], format!("{}/oauth/revoke", world.url()), "{path}");
        assert_eq!(document["jwks_uri"], format!("{}/.well-known/jwks.json", world.url()), "{path}");
        let grants = document["grant_types_supported"].to_string();
        assert!(grants.contains("urn:ietf:params:oauth:grant-type:token-exchange"), "{path}: {grants}");
    }
    // RFC 9728.
    let resource = world.send(&get("/.well-known/oauth-protected-resource")).json();
    assert_eq!(resource["resource"], world.url());
    assert_eq!(resource["authorization_servers"], json!([world.url()]));
    let keys = world.send(&get("/.well-known/jwks.json")).json();
    for key in keys["keys"].as_array().unwrap() {
        assert_eq!(
            (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
            (&json!("EC"), &json!("P-256"), &json!("ES256"), &json!("sig"))
        );
        assert!(key.get("d").is_none(), "a private key is published");
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(world.send(&get(path)).status, 200, "{path}");
    }
}

#[test]
fn the_access_token_is_what_rfc_9068_says() {
    let world = World::start();
    let access_token = world.access_token();
    let part = |number: usize| -> Value {
        use base64::Engine as _;
        let bytes =
            base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(access_token.split('.').nth(number).unwrap());
        serde_json::from_slice(&bytes.unwrap()).unwrap()
    };
    let (header, claims) = (part(0), part(1));
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
    let published = world.send(&get("/.well-known/jwks.json")).json();
    assert!(published["keys"].as_array().unwrap().iter().any(|key| key["kid"] == header["kid"]), "{published}");
    assert_eq!(claims["iss"], world.url());
    assert_eq!(claims["aud"], world.url(), "a single string");
    assert_eq!(claims["client_id"], "daypass-cli");
    assert_eq!(claims["act"]["sub"], "repo:acme/app:ref:refs/heads/main");
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    let names: BTreeSet<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    for name in ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id"] {
        assert!(names.contains(name), "no `{name}`");
    }
}

#[test]
fn audit_lines_have_the_fields_of_the_design_on_the_server_and_through_the_api() {
    let world = World::start();
    let access_token = world.access_token();
    world.fetch("/python/simple/acme-hello/", &access_token);
    world.exchange("nonsense");
    let here = world.audit();
    for event in &here {
        for field in ["time", "kind", "outcome", "actor", "identity", "reason", "request_id"] {
            assert!(event.get(field).is_some(), "no `{field}` in {event}");
        }
        assert!(event["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{event}");
        assert!(!event.to_string().contains("eyJ"), "a token: {event}");
    }
    for kind in ["token.exchanged", "token.refused"] {
        assert!(here.iter().any(|event| event["kind"] == kind), "no {kind}");
    }

    let auditor = world.outside_token_of("76");
    let read = |home: &str, outside_token: &str| {
        let mut daypass = world.in_job(World::daypass(), home, outside_token);
        daypass.args(["admin", "audit", "--since", "10m", "-o", "json"]).output().unwrap()
    };
    let output = read("auditor", &auditor);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let there: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // It holds one more exchange: the auditor's own.
    for event in &here {
        assert!(there.contains(event), "not through the API: {event}");
    }

    let output = read("job", &world.outside_token());
    assert!(!output.status.success(), "the audit log is not for everybody");
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("admin") && complaint.contains("hint: "), "{complaint}");
}

#[test]
fn the_command_signs_in_shows_and_forgets() {
    let world = World::start();
    let token_file = world.path("outside.jwt");
    std::fs::write(&token_file, world.outside_token()).unwrap();
    let daypass = |arguments: &[&str]| world.clean(World::daypass(), "laptop").args(arguments).output().unwrap();
    let output =
        daypass(&["login", &world.url(), "--identity", "ci/app", "--identity-token", token_file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let status: Value = serde_json::from_slice(&daypass(&["status", "-o", "json"]).stdout).unwrap();
    assert!(status.to_string().contains(&world.url()) && status.to_string().contains("ci/app"), "{status}");
    let access_token = String::from_utf8(daypass(&["token", "--audience", &world.url()]).stdout).unwrap();
    assert_eq!(world.fetch("/python/simple/", access_token.trim()).status, 200);
    let helper = daypass(&["helper", "keyring", "get", &world.index_url()]);
    assert!(String::from_utf8(helper.stdout).unwrap().contains(access_token.trim()));

    assert!(daypass(&["logout"]).status.success());
    let helper = daypass(&["helper", "keyring", "get", &world.index_url()]);
    assert!(!helper.status.success() && helper.stdout.is_empty());
}

#[test]
fn a_changed_policy_is_followed_while_the_server_runs() {
    let world = World::start();
    assert_eq!(world.exchange(&world.outside_token_of("99")).status, 400);
    let path = world.path("policy.toml");
    let changed = std::fs::read_to_string(&path).unwrap().replace("\"74\"", "\"99\"");
    std::fs::write(&path, changed).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while world.exchange(&world.outside_token_of("99")).status != 200 {
        assert!(std::time::Instant::now() < deadline, "the changed policy is not followed");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(world.exchange(&world.outside_token()).status, 400, "the old rule is gone");
    std::fs::write(&path, "[[identity]]\nnonsense = 1\n").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(world.exchange(&world.outside_token_of("99")).status, 200, "a broken policy changes nothing");
}
