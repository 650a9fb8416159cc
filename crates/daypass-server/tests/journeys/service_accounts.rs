//! A machine with a key of its own: the real command makes it, the real server believes it, and so do others' clients.

use std::{
    fs,
    process::{Command, Output},
    time::Duration,
};

use serde_json::Value;

use crate::{
    http::post_form,
    stage::Stage,
    world::{PRIVATE, World},
};

/// A world in which two machines have made keys.
fn machines() -> World {
    let plan = World::plan();
    let mut policy = String::new();
    for name in ["build-box", "other-box"] {
        let out = plan.folder().join(format!("{name}.pem"));
        let made = Command::new(World::daypass())
            .args(["service-account", "keygen", "--name", name, "--out"])
            .arg(&out)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", said(&made));
        let table = String::from_utf8(made.stdout).unwrap();
        policy += &if name == "build-box" { table.replace("[\"*\"]", "[\"acme-*\"]") } else { table };
    }
    plan.policy(&policy).start()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn login(world: &World, home: &str, account: &str, key: &str) -> Output {
    let url = world.url();
    let arguments = ["login", &url, "--service-account", account, "--key", key, "-o", "json"];
    world.clean(World::daypass(), home).args(arguments).output().unwrap()
}

fn token(world: &World, home: &str) -> String {
    let done = world.clean(World::daypass(), home).arg("token").output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_machine_makes_a_key_signs_in_and_gets_what_it_was_granted() {
    let world = machines();
    let done = login(&world, "home", "build-box", "build-box.pem");
    assert!(done.status.success(), "{}", said(&done));
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(told["identity"], "service-account/build-box");
    let access_token = token(&world, "home");
    let status = |project: &str| world.fetch(&format!("/python/simple/{project}/"), &access_token).status;
    assert_eq!((status(PRIVATE), status("sunny-lib")), (200, 403));
    let event = world.audit_of("token.exchanged").pop().unwrap();
    assert_eq!(event["actor"]["sub"], "service-account:build-box");

    // It gets the next one by itself.
    for entry in fs::read_dir(world.path("home/.cache/daypass")).unwrap().flatten() {
        fs::remove_file(entry.path()).unwrap();
    }
    assert_ne!(token(&world, "home"), access_token);
}

#[test]
fn another_machines_key_and_a_withdrawn_account_are_refused() {
    let world = machines();
    let done = login(&world, "home", "build-box", "other-box.pem");
    assert_eq!((done.status.code(), done.stdout.is_empty()), (Some(3), true), "{}", said(&done));
    let refused = world.audit_of("token.refused").pop().unwrap();
    assert_eq!(refused["actor"], Value::Null, "{refused}");
    assert_eq!(login(&world, "home", "nobody", "build-box.pem").status.code(), Some(3));

    assert!(login(&world, "home", "build-box", "build-box.pem").status.success());
    let access_token = token(&world, "home");
    let policy = fs::read_to_string(world.path("policy.toml")).unwrap();
    let shut = policy.replace("name = \"build-box\"", "name = \"build-box\"\nenabled = false");
    fs::write(world.path("policy.toml"), shut).unwrap();
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(world.fetch(&format!("/python/simple/{PRIVATE}/"), &access_token).status, 401);
    let done = login(&world, "elsewhere", "build-box", "build-box.pem");
    assert_eq!(done.status.code(), Some(3), "{}", said(&done));
}

#[test]
fn a_replayed_assertion_is_refused_whichever_way_it_comes() {
    let world = machines();
    let script = "import sys, time, uuid\n\
                  from joserfc import jwt\n\
                  from joserfc.jwk import ECKey\n\
                  key = ECKey.import_key(open(sys.argv[1]).read())\n\
                  who, now = 'service-account:build-box', int(time.time())\n\
                  claims = {'iss': who, 'sub': who, 'aud': sys.argv[2], 'iat': now, 'exp': now + 60, 'jti': str(uuid.uuid4())}\n\
                  print(jwt.encode({'alg': 'ES256'}, claims, key))\n";
    let signed = Command::new(Stage::find().authlib())
        .args(["-c", script])
        .arg(world.path("build-box.pem"))
        .arg(world.url())
        .output()
        .unwrap();
    assert!(signed.status.success(), "{}", said(&signed));
    let assertion = String::from_utf8(signed.stdout).unwrap().trim().to_owned();
    let grant = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &*assertion)];
    let client = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", &*assertion),
    ];
    assert_eq!(world.send(&post_form("/oauth/token", &grant)).status, 200);
    for answer in [world.send(&post_form("/oauth/token", &grant)), world.send(&post_form("/oauth/token", &client))] {
        assert!(matches!(answer.status, 400 | 401), "{}", answer.everything());
        assert_eq!(answer.json()["reason"], "replayed");
    }
}

#[test]
fn others_clients_authenticate_with_the_key() {
    let world = machines();
    let stage = Stage::find();
    let mut node = Command::new("node");
    node.arg(stage.people().join("machine.mjs"));
    let mut python = Command::new(stage.authlib());
    python.arg(stage.people().join("machine.py"));
    for mut client in [node, python] {
        let done = client.arg(world.url()).arg(world.path("build-box.pem")).output().unwrap();
        assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stdout), said(&done));
    }
    let handed_out = world.audit_of("token.exchanged");
    assert_eq!(handed_out.len(), 3, "openid-client, oauth4webapi, authlib");
    assert!(handed_out.iter().all(|event| event["identity"] == "service-account/build-box"));
}
