//! `POST /oauth/revoke`.

use daypass_core::audit::AuditKind;
use daypass_store::Revoked;
use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn a_revoked_access_token_is_in_the_list_that_every_index_follows() {
    let house = House::build().await;
    let access = house.exchange(&house.outside_token(json!({})), &[]).await.json();
    let answer = house.post("/oauth/revoke", &[("token", access["access_token"].as_str().unwrap())]).await;
    assert_eq!(answer.status, 200);
    let event = house.last_event().await;
    assert_eq!((event.kind, event.identity.as_deref()), (AuditKind::TokenRevoked, Some("ci/app")));
    let revoked = house.store.revocations_after(0).await.unwrap();
    assert_eq!(revoked[0].revocation.what, Revoked::AccessToken(event.token_id.clone().unwrap()));
}

#[tokio::test]
async fn what_is_not_ours_is_answered_the_same_and_revokes_nothing() {
    let house = House::build().await;
    let outside = house.outside_token(json!({}));
    for token in ["x", "a.b.c", &outside] {
        assert_eq!(house.post("/oauth/revoke", &[("token", token)]).await.status, 200);
    }
    assert!(house.store.revocations_after(0).await.unwrap().is_empty());
    assert_eq!(house.post("/oauth/revoke", &[]).await.error(), "400 invalid_request: the parameter `token` is missing");
}
