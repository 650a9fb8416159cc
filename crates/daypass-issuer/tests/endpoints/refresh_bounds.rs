//! How often one session is refreshed, at most.

use daypass_core::{
    SignedDuration,
    audit::{AuditKind, Outcome},
};

use crate::people::{Tokens, house, refused};

#[tokio::test]
async fn lost_answers_without_end_are_nobodys_and_end_the_session() {
    let house = house().await;
    let tokens = house.session().await;
    for _ in 0..11 {
        Tokens::of(&house.refresh(&tokens.refresh).await);
    }
    assert_eq!(refused(&house.refresh(&tokens.refresh).await), "400 invalid_grant (replayed)");
    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::SessionReused, Outcome::Refused));
    let revoked = house.store.revocations_after(0).await.unwrap().len();
    for _ in 0..20 {
        assert_eq!(refused(&house.refresh(&tokens.refresh).await), "400 invalid_grant (session_ended)");
    }
    assert_eq!((revoked, house.store.revocations_after(0).await.unwrap().len()), (11, 11));
}

#[tokio::test]
async fn a_session_is_refreshed_30_times_a_minute_and_another_is_not_hindered() {
    let house = house().await;
    let (mut greedy, other) = (house.session().await, house.session().await);
    for _ in 0..30 {
        greedy = Tokens::of(&house.refresh(&greedy.refresh).await);
    }
    house.clock.advance(SignedDuration::from_millis(20_500));
    let events = house.audit().await.len();
    for _ in 0..50 {
        let answer = house.refresh(&greedy.refresh).await;
        assert_eq!(refused(&answer), "429 temporarily_unavailable (too_many_refreshes)");
        assert_eq!(answer.headers["retry-after"], "40");
    }
    assert_eq!(house.audit().await.len(), events, "nothing is written");
    assert!(house.is_active(&greedy.access).await && house.is_active(&greedy.refresh).await, "nothing is taken away");
    Tokens::of(&house.refresh(&other.refresh).await);
    house.clock.advance(SignedDuration::from_millis(39_499));
    assert_eq!(refused(&house.refresh(&greedy.refresh).await), "429 temporarily_unavailable (too_many_refreshes)");
    house.clock.advance(SignedDuration::from_millis(1));
    Tokens::of(&house.refresh(&greedy.refresh).await);
}

#[tokio::test]
async fn of_many_refreshes_at_once_few_are_answered_and_little_is_written() {
    let house = house().await;
    let tokens = house.session().await;
    let answers = futures_util::future::join_all((0..100).map(|_| house.refresh(&tokens.refresh))).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(200), count(400) + count(429)), (11, 89));
    assert_eq!(house.store.revocations_after(0).await.unwrap().len(), 11);
}
