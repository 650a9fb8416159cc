//! The command, where it runs at AWS: it finds its keys as AWS's own tools do, and signs so that AWS agrees.

use std::{
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

use daypass_testkit::aws::Agent;

use super::{Aws, REGION};
use crate::{installers::text, world::World};

/// `daypass`, by its name in `ambient`, for an identity, each time at a home of its own: nothing is in its cache.
fn daypass(world: &World, ambient: &str, identity: &str, variables: &[(&str, String)]) -> Command {
    static HOMES: AtomicU32 = AtomicU32::new(0);
    let home = format!("home-{}", HOMES.fetch_add(1, Ordering::SeqCst));
    let mut command = world.clean(World::daypass(), &home);
    command.env("DAYPASS_SERVER", world.url()).env("DAYPASS_AMBIENT", ambient).env("DAYPASS_IDENTITY", identity);
    command.envs(variables.iter().cloned());
    command
}

/// What a function finds in its environment.
fn function(aws: &Aws, role: &str) -> Vec<(&'static str, String)> {
    let text = |member| aws.text(role, member).to_owned();
    vec![
        ("AWS_LAMBDA_FUNCTION_NAME", "build".to_owned()),
        ("AWS_ACCESS_KEY_ID", text("access_key_id")),
        ("AWS_SECRET_ACCESS_KEY", text("secret_access_key")),
        ("AWS_SESSION_TOKEN", text("session_token")),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ENDPOINT_URL_STS", aws.told["sts"].as_str().unwrap().to_owned()),
    ]
}

/// The variables, but for those that tell where AWS is.
fn without_sts(variables: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    variables.into_iter().filter(|(name, _)| *name != "AWS_ENDPOINT_URL_STS").collect()
}

fn token(mut command: Command) -> Output {
    command.arg("token").output().unwrap()
}

/// The access token that came, which the index takes.
fn works(world: &World, output: &Output) {
    assert!(output.status.success(), "{}", text(output));
    let access_token = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(world.fetch("/python/simple/acme-hello/", access_token.trim()).status, 200);
}

fn identities(world: &World) -> Vec<String> {
    let events = world.audit_of("token.exchanged");
    events.iter().map(|event| event["identity"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_function_gets_in_by_a_signed_request() {
    let aws = Aws::start();
    let world = aws.world();
    works(&world, &token(daypass(&world, "aws-sigv4", "aws/app", &without_sts(function(&aws, "build")))));
    assert_eq!(identities(&world), ["aws/app"]);
    // Another role's function has its own keys, and is told what differs.
    let other = token(daypass(&world, "aws-sigv4", "aws/app", &without_sts(function(&aws, "other"))));
    assert_eq!(other.status.code(), Some(3), "{}", text(&other));
    assert!(text(&other).contains("principal_id"), "{}", text(&other));
}

#[test]
fn a_function_with_a_wrong_key_or_for_another_server_does_not() {
    let aws = Aws::start();
    let world = aws.world();
    let mut wrong = function(&aws, "build");
    wrong[2].1 = "wrong".to_owned();
    for ambient in ["aws-sigv4", "aws-oidc", "aws"] {
        let output = token(daypass(&world, ambient, "aws/app", &wrong));
        assert!(!output.status.success(), "{ambient}");
        assert!(!text(&output).contains(aws.text("build", "session_token")), "{}", text(&output));
    }
    let unnamed = token(daypass(&world, "aws-sigv4", "", &function(&aws, "build")));
    assert!(text(&unnamed).contains("--identity"), "{}", text(&unnamed));
    assert!(identities(&world).is_empty());
}

#[test]
fn a_container_and_a_machine_get_their_keys_from_beside_them() {
    let aws = Aws::start();
    let world = aws.world();
    let agent: Agent = aws.agent("build");
    works(&world, &token(daypass(&world, "aws-sigv4", "aws/app", &agent.container_variables())));
    assert_eq!(agent.given(), ["container keys"]);

    works(&world, &token(daypass(&world, "aws-sigv4", "aws/app", &agent.machine_variables())));
    // Keys first, and where this is; each by a token of its own.
    assert_eq!(agent.given(), ["container keys", "metadata token", "role", "machine keys", "metadata token", "region"]);
    assert_eq!(agent.complaints(), [""; 0]);

    // A container whose neighbour asks in its place.
    let mut neighbour = agent.container_variables();
    neighbour[1].1 = "Basic another".to_owned();
    let output = token(daypass(&world, "aws-sigv4", "aws/app", &neighbour));
    assert_eq!(output.status.code(), Some(4), "{}", text(&output));
    assert_eq!(identities(&world), ["aws/app", "aws/app"]);
}

#[test]
fn a_function_gets_in_by_a_jwt_that_aws_signs() {
    let aws = Aws::start();
    let world = aws.world();
    works(&world, &token(daypass(&world, "aws-oidc", "aws/jwt", &function(&aws, "build"))));
    assert_eq!(identities(&world), ["aws/jwt"]);
    let other = token(daypass(&world, "aws-oidc", "aws/jwt", &function(&aws, "other")));
    assert_eq!(other.status.code(), Some(3), "{}", text(&other));
    assert!(text(&other).contains("principal_id"), "{}", text(&other));
}

#[test]
fn where_the_account_gives_no_jwt_one_is_told_what_helps() {
    let aws = Aws::start();
    let world = aws.world();
    let poor = token(daypass(&world, "aws-oidc", "aws/jwt", &function(&aws, "poor")));
    assert_eq!(poor.status.code(), Some(4), "{}", text(&poor));
    assert!(text(&poor).contains("sts:GetWebIdentityToken"), "{}", text(&poor));
    aws.set_outbound(false);
    let off = token(daypass(&world, "aws-oidc", "aws/jwt", &function(&aws, "build")));
    assert_eq!(off.status.code(), Some(4), "{}", text(&off));
    assert!(text(&off).contains("enable-outbound-web-identity-federation"), "{}", text(&off));
    assert!(identities(&world).is_empty());
}

#[test]
fn without_being_told_how_the_better_way_is_taken_first() {
    let aws = Aws::start();
    let world = aws.world();
    works(&world, &token(daypass(&world, "auto", "aws/jwt", &function(&aws, "build"))));
    aws.set_outbound(false);
    works(&world, &token(daypass(&world, "auto", "aws/app", &function(&aws, "build"))));
    assert_eq!(identities(&world), ["aws/jwt", "aws/app"]);
    // Where no identity is named there is nothing to sign for.
    let unnamed = token(daypass(&world, "auto", "", &function(&aws, "build")));
    assert!(text(&unnamed).contains("enable-outbound-web-identity-federation"), "{}", text(&unnamed));
}

#[test]
fn it_is_shown_why_this_is_a_machine_of_aws() {
    let aws = Aws::start();
    let world = aws.world();
    let mut function_ = daypass(&world, "auto", "aws/app", &function(&aws, "build"));
    let output = function_.args(["ambient", "-o", "json"]).output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(shown["found"], "aws", "{shown}");
    assert!(!shown.to_string().contains(aws.text("build", "secret_access_key")), "{shown}");
    let laptop = daypass(&world, "auto", "aws/app", &[]).args(["ambient", "-o", "json"]).output().unwrap();
    assert_ne!(serde_json::from_slice::<serde_json::Value>(&laptop.stdout).unwrap()["found"], "aws");
}

#[test]
fn keyring_has_a_fresh_one_each_time_the_old_one_is_gone() {
    let aws = Aws::start();
    let world = aws.world();
    let variables = function(&aws, "build");
    for so_far in 1..=2 {
        let mut keyring = daypass(&world, "aws", "aws/jwt", &variables);
        let output = keyring.args(["helper", "keyring", "get", &world.index_url()]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        assert_eq!(identities(&world).len(), so_far);
    }
}
