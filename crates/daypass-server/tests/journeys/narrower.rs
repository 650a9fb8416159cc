//! A job hands a build an access token for a part of what it may, with the real command and the real server.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    http::{Answer, post_form},
    world::{PRIVATE, PUBLIC, World, sha256},
};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

fn narrow(world: &World, held: &str, index: &str, project: &str, action: &str) -> Answer {
    let details = json!([{"type": "daypass_grant", "index": index, "projects": [project], "actions": [action]}]);
    let form = [
        ("grant_type", EXCHANGE),
        ("subject_token_type", ACCESS_TOKEN),
        ("subject_token", held),
        ("authorization_details", &*details.to_string()),
    ];
    world.send(&post_form("/oauth/token", &form))
}

fn narrowed(world: &World, held: &str, project: &str) -> String {
    let answer = narrow(world, held, "python", project, "pull");
    assert_eq!(answer.status, 200, "{}", answer.everything());
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

fn status(world: &World, project: &str, access_token: &str) -> u16 {
    world.fetch(&format!("/python/simple/{project}/"), access_token).status
}

fn shut_out_soon(world: &World, access_token: &str) {
    let began = Instant::now();
    while status(world, PRIVATE, access_token) != 401 {
        assert!(began.elapsed() < Duration::from_secs(5), "it is still let in");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_build_gets_the_packages_of_its_lock_file_and_nothing_else() {
    let world = World::start();
    let lock = format!(
        "version = 1\n[[package]]\nname = \"{PRIVATE}\"\nsource = {{ registry = \"{}\" }}\n",
        world.index_url()
    );
    fs::write(world.path("uv.lock"), lock).unwrap();
    let outside_token = world.outside_token();
    let mut command = world.in_job(World::daypass(), "home", &outside_token);
    let done = command.args(["token", "--lock", "uv.lock", "--life", "10m", "-o", "json"]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let printed: Value = serde_json::from_slice(&done.stdout).unwrap();
    let access_token = printed["access_token"].as_str().unwrap();
    assert_eq!((status(&world, PRIVATE, access_token), status(&world, PUBLIC, access_token)), (200, 403));

    let event = world.audit_of("token.exchanged").pop().unwrap();
    assert_eq!(event["token_sha256"], sha256(access_token));
    assert_eq!(event["identity"], "ci/app");
    assert!(event["reason"].as_str().unwrap().starts_with("narrowed from the access token "), "{event}");

    // The next one is the wider one again: the narrower was not kept, and the wider one was, since what it was
    // exchanged for is spent.
    let mut command = world.in_job(World::daypass(), "home", &outside_token);
    let wide = command.arg("token").output().unwrap();
    let wide = String::from_utf8(wide.stdout).unwrap();
    assert_eq!(status(&world, PUBLIC, wide.trim()), 200);
}

#[test]
fn nothing_wider_is_given_and_it_is_said_what_is_missing() {
    let world = World::start();
    let held = world.access_token_for(&world.outside_token_of("75"));
    for (index, project, action) in [
        ("python", "*", "pull"),
        ("python", PUBLIC, "pull"),
        ("other", "acme-hello", "pull"),
        ("*", "acme-hello", "pull"),
        ("python", "acme-hello", "push"),
    ] {
        let answer = narrow(&world, &held, index, project, action);
        let body = answer.json();
        assert_eq!((answer.status, &body["error"]), (400, &json!("invalid_authorization_details")), "{body}");
        let said = body["error_description"].as_str().unwrap();
        assert!(said.contains(&format!("{action} `{project}` of index `{index}`")), "{said}");
    }
    let one = narrowed(&world, &held, PRIVATE);
    assert_eq!((status(&world, PRIVATE, &one), status(&world, "acme-other", &one)), (200, 403));
    assert_eq!(narrow(&world, &one, "python", "acme-*", "pull").status, 400, "not even what its parent has");
}

#[test]
fn a_revoked_access_token_takes_along_what_was_narrowed_from_it_within_5_seconds() {
    let world = World::start();
    let held = world.access_token();
    let (child, sibling) = (narrowed(&world, &held, "acme-*"), narrowed(&world, &held, PRIVATE));
    let grandchild = narrowed(&world, &child, PRIVATE);
    for access_token in [&held, &child, &sibling, &grandchild] {
        assert_eq!(status(&world, PRIVATE, access_token), 200);
    }
    assert_eq!(world.send(&post_form("/oauth/revoke", &[("token", &child)])).status, 200);
    shut_out_soon(&world, &grandchild);
    shut_out_soon(&world, &child);
    assert_eq!((status(&world, PRIVATE, &held), status(&world, PRIVATE, &sibling)), (200, 200));
    assert_eq!(narrow(&world, &grandchild, "python", PRIVATE, "pull").json()["reason"], "revoked");
    assert_eq!(world.send(&post_form("/oauth/revoke", &[("token", &held)])).status, 200);
    shut_out_soon(&world, &sibling);
}
