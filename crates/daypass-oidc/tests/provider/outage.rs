//! A provider that is slow, down, or answers nonsense.

use std::{sync::Arc, time::Duration};

use daypass_core::{SignedDuration, clock::Clock};
use daypass_oidc::provider::ProviderClient;
use daypass_testkit::oidc::{Trouble, people::Lie};

use crate::world::{CALLBACK, World, sign_in};

#[tokio::test]
async fn a_token_endpoint_is_asked_once_for_a_bounded_time_and_length_and_never_followed() {
    let world = World::new().await;
    let client = world.client_with(Some(crate::world::CLIENT_SECRET), Duration::from_millis(500));
    sign_in(&client).await.unwrap();
    let before = world.theirs.asked().token;
    for (number, (lie, code)) in (1..).zip([
        (Lie::TokenRedirects, "provider_nonsense"),
        (Lie::TokenHangs, "provider_unreachable"),
        (Lie::TokenIsHuge, "provider_unreachable"),
        (Lie::TokenFails, "provider_unavailable"),
        (Lie::TokenIsNotJson, "provider_nonsense"),
        (Lie::NoIdToken, "provider_nonsense"),
    ]) {
        world.theirs.set_lie(lie);
        let error = sign_in(&client).await.unwrap_err();
        assert_eq!((error.code(), error.is_refusal()), (code, false), "{lie:?}");
        // The person is told nothing of how this is built.
        assert!(!error.to_string().contains("127.0.0.1"), "{error}");
        assert_eq!(world.theirs.asked().token, before + number, "a code is never sent twice");
    }
    assert_eq!(world.theirs.asked().elsewhere, 0);
    world.theirs.set_lie(Lie::None);
    sign_in(&client).await.unwrap();
}

#[tokio::test]
async fn an_access_token_of_an_unknown_type_is_not_used() {
    let world = World::new().await;
    world.theirs.set_lie(Lie::OtherTokenType);
    let person = world.person(serde_json::json!({ "sub": "1" }), crate::world::ada_with(serde_json::json!({}))).await;
    assert_eq!(person.unwrap().name, "1");
    assert_eq!(world.theirs.asked().userinfo, 0);
}

#[tokio::test]
async fn a_provider_that_is_down_is_asked_once_in_five_seconds() {
    let world = World::new().await;
    let client = world.client();
    world.theirs.set_trouble(Trouble::Fail);
    let many = (0..100).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.begin(CALLBACK, None).await.unwrap_err().code() })
    });
    for one in many.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), "provider_unavailable");
    }
    assert_eq!(world.theirs.discovery_requests(), 1);
    world.theirs.set_trouble(Trouble::None);
    assert!(client.begin(CALLBACK, None).await.is_err());
    world.clock.advance(SignedDuration::from_secs(5));
    client.begin(CALLBACK, None).await.unwrap();
}

#[tokio::test]
async fn many_who_begin_at_once_share_one_discovery_and_ten_minutes_of_it() {
    let world = World::new().await;
    let client = world.client();
    let many = (0..100).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.begin(CALLBACK, None).await.map(drop) })
    });
    for one in many.collect::<Vec<_>>() {
        one.await.unwrap().unwrap();
    }
    assert_eq!(world.theirs.discovery_requests(), 1);
    world.clock.advance(SignedDuration::from_mins(9));
    client.begin(CALLBACK, None).await.unwrap();
    assert_eq!(world.theirs.discovery_requests(), 1);
    world.clock.advance(SignedDuration::from_mins(1));
    client.begin(CALLBACK, None).await.unwrap();
    assert_eq!(world.theirs.discovery_requests(), 2);
}

#[tokio::test]
async fn what_is_known_of_a_provider_outlives_an_outage_by_a_day() {
    let world = World::new().await;
    let client = world.client();
    client.begin(CALLBACK, None).await.unwrap();
    for trouble in [Trouble::Fail, Trouble::Redirect] {
        world.theirs.set_trouble(trouble);
        world.clock.advance(SignedDuration::from_mins(11));
        client.begin(CALLBACK, None).await.unwrap();
    }
    // One that has become another is not an outage.
    world.theirs.set_trouble(Trouble::WrongIssuer);
    world.clock.advance(SignedDuration::from_mins(11));
    assert_eq!(client.begin(CALLBACK, None).await.unwrap_err().code(), "discovery_of_another");
    world.theirs.set_trouble(Trouble::Fail);
    world.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(client.begin(CALLBACK, None).await.unwrap_err().code(), "provider_unavailable");
    world.theirs.set_trouble(Trouble::None);
    world.clock.advance(SignedDuration::from_secs(5));
    client.begin(CALLBACK, None).await.unwrap();
}

#[tokio::test]
async fn a_provider_nearby_is_asked_only_when_that_was_said() {
    let mut world = World::new().await;
    let new = |world: &World, allow_loopback| {
        let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
        let secret = Some(crate::world::CLIENT_SECRET.to_owned().into());
        ProviderClient::new(&world.ours, secret, clock, allow_loopback)
    };
    sign_in(&new(&world, false).unwrap()).await.unwrap();
    world.ours.allow_private_network = false;
    sign_in(&new(&world, true).unwrap()).await.unwrap();
    assert!(new(&world, false).is_err());
    world.ours.url = "no URL".into();
    assert!(new(&world, true).is_err());
}
