//! What was given is taken away again: by revocation, by policy, by key, by time; and the door stays shut when nobody
//! can say.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::{Request, StatusCode};
use daypass_core::audit::{AuditEvent, AuditKind, Outcome};
use daypass_oidc::jwks::KeySet;
use daypass_store::{Revocation, Revoked};

use crate::{
    signer::Signer,
    world::{World, basic, eventually},
};

const PATH: &str = "/python/simple/";

async fn status(world: &World, access_token: &str) -> StatusCode {
    world.send(Request::get(PATH).header("authorization", basic(access_token))).await.status
}

#[tokio::test]
async fn a_revocation_bites_within_five_seconds_and_only_where_it_should() {
    let world = World::alone().await;
    let (gone, kept) = (world.access_token("ci/app"), world.access_token("ci/acme"));
    assert_eq!(status(&world, &gone).await, StatusCode::OK);
    let revocation = Revocation {
        what: Revoked::AccessToken(world.claims("ci/app")["jti"].as_str().unwrap().to_owned()),
        expires_at: world.now() + daypass_core::SignedDuration::from_hours(1),
    };
    let event = AuditEvent::new(world.now(), AuditKind::TokenRevoked, Outcome::Success, "r");
    let revoked_at = Instant::now();
    world.store.revoke(revocation, event).await.unwrap();
    eventually(async || status(&world, &gone).await == StatusCode::UNAUTHORIZED).await;
    assert!(revoked_at.elapsed() < Duration::from_secs(5));
    assert_eq!(status(&world, &kept).await, StatusCode::OK);
    let world = world.restarted().await;
    assert_eq!(status(&world, &gone).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_revoked_access_token_stays_closed_when_a_wrong_clock_is_put_right() {
    let world = World::alone().await;
    let revoked = world.access_token("ci/app");
    let revocation = Revocation {
        what: Revoked::AccessToken(world.claims("ci/app")["jti"].as_str().unwrap().to_owned()),
        expires_at: world.now() + daypass_core::SignedDuration::from_hours(1),
    };
    // The clock is hours ahead when the revocation is read, and when another one is read after it.
    world.advance(7200);
    for what in [revocation.what.clone(), Revoked::AccessToken("another".to_owned())] {
        let event = AuditEvent::new(world.now(), AuditKind::TokenRevoked, Outcome::Success, "r");
        world.store.revoke(Revocation { what, ..revocation.clone() }, event).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    world.advance(-7200);
    assert_eq!(status(&world, &revoked).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_withdrawn_rule_bites_at_once() {
    let world = World::alone().await;
    let access_token = world.access_token("ci/app");
    assert_eq!(status(&world, &access_token).await, StatusCode::OK);
    world.set_policy(|text| text.replace("name = \"ci/app\"", "name = \"ci/renamed\""));
    assert_eq!(status(&world, &access_token).await, StatusCode::UNAUTHORIZED);
    world.set_policy(|text| {
        text.replace("projects = [\"*\"], actions = [\"pull\"]", "projects = [\"*\"], actions = [\"push\"]")
    });
    assert_eq!(status(&world, &access_token).await, StatusCode::FORBIDDEN);
    // Another claim value under the same name is another rule.
    world.set_policy(|text| text.replacen("repository_id = \"1\"", "repository_id = \"9\"", 1));
    assert_eq!(status(&world, &access_token).await, StatusCode::UNAUTHORIZED);
    world.set_policy(ToOwned::to_owned);
    assert_eq!(status(&world, &access_token).await, StatusCode::OK);
}

#[tokio::test]
async fn a_removed_key_opens_nothing_any_more() {
    let world = World::alone().await;
    let (old, new) = (world.access_token("ci/app"), Signer::new("key-2"));
    assert_eq!(status(&world, &old).await, StatusCode::OK);
    world.keys.store(Arc::new(KeySet::from_jwk_values(&[world.signer.jwk(), new.jwk()]).unwrap()));
    assert_eq!(status(&world, &old).await, StatusCode::OK);
    world.keys.store(Arc::new(KeySet::from_jwk_values(&[new.jwk()]).unwrap()));
    assert_eq!(status(&world, &old).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&world, &new.sign(&world.claims("ci/app"))).await, StatusCode::OK);
    // Without any key it is not the access token that is bad.
    world.keys.store(Arc::default());
    assert_eq!(status(&world, &old).await, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_remembered_access_token_still_expires() {
    let world = World::alone().await;
    let access_token = world.access_token("ci/app");
    world.advance(3599);
    assert_eq!(status(&world, &access_token).await, StatusCode::OK);
    world.advance(1);
    assert_eq!(status(&world, &access_token).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_fresh_revocations_nobody_is_let_in() {
    let upstream = daypass_testkit::upstream::Upstream::start();
    let world = World::paced(&upstream, |pace| pace.blind = Duration::from_millis(200)).await;
    let access_token = world.access_token("ci/app");
    assert_eq!(status(&world, &access_token).await, StatusCode::OK);
    world.store.clone().close().await;
    eventually(async || status(&world, &access_token).await == StatusCode::SERVICE_UNAVAILABLE).await;
    let answer = world.get(PATH).await;
    assert!(!answer.header("retry-after").is_empty());
    // Whoever shows nothing is told the same as ever: that needs no database.
    assert_eq!(world.send(Request::get(PATH)).await.status, StatusCode::UNAUTHORIZED);
}
