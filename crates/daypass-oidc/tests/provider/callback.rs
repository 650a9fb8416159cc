//! What the browser brings back: of this sign-in, of this provider, once.

use daypass_core::secret::Secret;
use daypass_oidc::provider::{Begun, Callback, PendingSignIn};
use daypass_testkit::oidc::people::Lie;
use serde_json::json;

use crate::world::{CALLBACK, World, browse, callback, field};

#[tokio::test]
async fn a_code_is_good_once() {
    let world = World::new().await;
    let client = world.client();
    let Begun { url, pending } = client.begin(CALLBACK, None).await.unwrap();
    let brought = callback(&browse(&url).await);
    client.finish(CALLBACK, &pending, &brought).await.unwrap();
    let error = client.finish(CALLBACK, &pending, &brought).await.unwrap_err();
    assert_eq!((error.code(), error.is_refusal()), ("code_refused", false));
    assert!(!format!("{error} {error:?} {brought:?}").contains(brought.code.expose()));
}

#[tokio::test]
async fn a_code_is_redeemed_only_with_the_verifier_and_the_address_it_was_asked_for_with() {
    let world = World::new().await;
    let client = world.client();
    for honest in [true, false] {
        let Begun { url, pending } = client.begin(CALLBACK, None).await.unwrap();
        let brought = callback(&browse(&url).await);
        let verifier = if honest { pending.verifier.clone() } else { Secret::new("x".repeat(43)) };
        let outcome = client.finish(CALLBACK, &PendingSignIn { verifier, ..pending }, &brought).await;
        assert_eq!(outcome.err().map(|error| error.code()), (!honest).then_some("code_refused"));
    }
    let Begun { url, pending } = client.begin(CALLBACK, None).await.unwrap();
    let brought = callback(&browse(&url).await);
    let elsewhere = "https://packages.example.com/oauth/callback/other";
    assert_eq!(client.finish(elsewhere, &pending, &brought).await.unwrap_err().code(), "code_refused");
}

#[tokio::test]
async fn a_callback_says_whose_it_is() {
    let world = World::new().await;
    world.sign_in().await.unwrap();
    world.theirs.set_lie(Lie::CallbackNamesAnother);
    assert_eq!(world.sign_in().await.unwrap_err().code(), "callback_of_another");
    // Promised, and then not there: somebody took it away.
    world.theirs.set_lie(Lie::CallbackNamesNobody);
    assert_eq!(world.sign_in().await.unwrap_err().code(), "callback_without_issuer");
    assert_eq!(world.theirs.asked().token, 1);
    // Never promised: many providers do not know it.
    world.theirs.change_metadata(json!({ "authorization_response_iss_parameter_supported": null }));
    world.sign_in().await.unwrap();
    // But a wrong one is wrong, promised or not.
    world.theirs.set_lie(Lie::CallbackNamesAnother);
    assert_eq!(world.sign_in().await.unwrap_err().code(), "callback_of_another");
}

#[tokio::test]
async fn what_one_provider_began_another_cannot_end() {
    let (ours, mut evil) = (World::new().await, World::new().await);
    evil.ours.name = "evil".parse().unwrap();
    let (good_client, evil_client) = (ours.client(), evil.client());

    // The browser was sent to the good provider, and what it brings lands at the evil one's callback.
    let good = good_client.begin(CALLBACK, None).await.unwrap();
    let fields = browse(&good.url).await;
    let begun_at_evil = evil_client.begin(CALLBACK, None).await.unwrap().pending;
    assert!(!begun_at_evil.has_state(field(&fields, "state").unwrap()), "the state is of another sign-in");
    let error = evil_client.finish(CALLBACK, &begun_at_evil, &callback(&fields)).await.unwrap_err();
    assert_eq!(error.code(), "callback_of_another");
    let error = evil_client.finish(CALLBACK, &good.pending, &callback(&fields)).await.unwrap_err();
    assert_eq!(error.code(), "other_provider");
    assert_eq!(evil.theirs.asked().token, 0, "the evil provider never sees the good one's code");

    // The other way round: a code of the evil provider, to sign the victim in as the attacker.
    let at_evil = evil_client.begin(CALLBACK, None).await.unwrap();
    let fields_of_evil = browse(&at_evil.url).await;
    assert!(!good.pending.has_state(field(&fields_of_evil, "state").unwrap()));
    let error = good_client.finish(CALLBACK, &good.pending, &callback(&fields_of_evil)).await.unwrap_err();
    assert_eq!(error.code(), "callback_of_another");
    // Even if the evil provider says that it is the good one, its codes are none there.
    let lying = Callback { iss: Some(ours.theirs.url().to_owned()), ..callback(&fields_of_evil) };
    assert_eq!(good_client.finish(CALLBACK, &good.pending, &lying).await.unwrap_err().code(), "code_refused");

    // The twin: each ends what it began.
    good_client.finish(CALLBACK, &good.pending, &callback(&fields)).await.unwrap();
    let person = evil_client.finish(CALLBACK, &at_evil.pending, &callback(&fields_of_evil)).await.unwrap();
    // And the same subject at two providers is two people.
    assert_ne!(person.id(), ours.sign_in().await.unwrap().id());
}

#[tokio::test]
async fn what_is_no_code_is_not_sent_on() {
    let world = World::new().await;
    let client = world.client();
    let Begun { url, pending } = client.begin(CALLBACK, None).await.unwrap();
    let good = callback(&browse(&url).await);
    for code in ["", "a\r\nb", &"x".repeat(4097)] {
        let brought = Callback { code: Secret::new(code), ..good.clone() };
        let error = client.finish(CALLBACK, &pending, &brought).await.unwrap_err();
        assert_eq!(error.code(), "callback_malformed");
    }
    assert_eq!(world.theirs.asked().token, 0);
    client.finish(CALLBACK, &pending, &good).await.unwrap();
}
