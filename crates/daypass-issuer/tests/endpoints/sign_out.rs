//! `POST /oauth/revoke` of a session's tokens.

use daypass_core::audit::{AuditKind, Outcome};
use daypass_store::Revoked;

use crate::people::{Browser, Tokens, house, refused};

#[tokio::test]
async fn a_refresh_token_ends_its_session_and_no_other() {
    let house = house().await;
    let (tokens, bystander) = (house.session().await, house.session().await);
    let next = Tokens::of(&house.refresh(&tokens.refresh).await);
    let answer = house.post("/oauth/revoke", &[("token", &next.refresh), ("token_type_hint", "refresh_token")]).await;
    assert_eq!((answer.status, &answer.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::SessionEnded, Outcome::Success));
    assert_eq!(event.person.as_deref(), Some("ada@example.com"));
    let revoked = house.store.revocations_after(0).await.unwrap();
    assert_eq!(revoked.last().unwrap().revocation.what, Revoked::Session(event.session.unwrap()));
    for access in [&tokens.access, &next.access] {
        assert_eq!(house.session_api(access).await.status, 401);
        assert!(!house.is_active(access).await);
    }
    for refresh in [&tokens.refresh, &next.refresh] {
        assert_eq!(refused(&house.refresh(refresh).await), "400 invalid_grant (session_ended)");
        assert!(!house.is_active(refresh).await);
    }
    assert_eq!(house.session_api(&bystander.access).await.status, 200);
    Tokens::of(&house.refresh(&bystander.refresh).await);

    let events = house.audit().await.len();
    assert_eq!(house.post("/oauth/revoke", &[("token", &next.refresh)]).await.status, 200);
    assert_eq!(house.audit().await.len(), events, "once is enough");
}

#[tokio::test]
async fn a_spent_refresh_token_ends_the_session_too() {
    let house = house().await;
    let tokens = house.session().await;
    let next = Tokens::of(&house.refresh(&tokens.refresh).await);
    house.post("/oauth/revoke", &[("token", &tokens.refresh)]).await;
    assert!(!house.is_active(&next.refresh).await && !house.is_active(&next.access).await);
}

#[tokio::test]
async fn an_access_token_of_a_session_is_revoked_alone() {
    let house = house().await;
    let tokens = house.session().await;
    // A hint that is wrong is only a hint (RFC 7009 §2.1).
    let form = [("token", &*tokens.access), ("token_type_hint", "refresh_token")];
    assert_eq!(house.post("/oauth/revoke", &form).await.status, 200);
    let event = house.last_event().await;
    assert_eq!((event.kind, event.person.as_deref()), (AuditKind::TokenRevoked, Some("ada@example.com")));
    assert!(event.session.is_some());
    assert_eq!(house.session_api(&tokens.access).await.status, 401);
    Tokens::of(&house.refresh(&tokens.refresh).await);
}

#[tokio::test]
async fn what_is_no_token_is_answered_the_same_and_ends_nothing() {
    let house = house().await;
    let tokens = house.session().await;
    let code = Browser::new(&house).code().await;
    let mut unknown = tokens.refresh.clone();
    unknown.replace_range(15..16, if &unknown[15..16] == "a" { "b" } else { "a" });
    let events = house.audit().await.len();
    for token in ["x", "daypass_rt_x", &code, &unknown, &format!("{} ", tokens.refresh)] {
        let answer = house.post("/oauth/revoke", &[("token", token)]).await;
        assert_eq!((answer.status, &*answer.body), (200, "{}"));
    }
    assert_eq!(house.audit().await.len(), events);
    assert!(house.is_active(&tokens.refresh).await);
    assert_eq!(house.redeem(&code, &[]).await.status, 200, "a code is not revoked by whoever saw it");
}
