//! A refresh while the role of a built-in account is changed.

use daypass_core::{
    SignedDuration,
    audit::{AuditEvent, AuditKind, Outcome},
    role::Role,
};

use crate::{
    accounts::{PASSWORD, account, try_password},
    house::House,
    people::{LOOPBACK, Tokens, house, refused},
    refresh::claims,
    tab::Tab,
};

/// Ada of the built-in accounts signs in.
async fn local_session(house: &House) -> Tokens {
    let mut tab = Tab::open(house);
    let page = try_password(&mut tab, "ada", PASSWORD).await;
    assert!(page.goes_back_with_code(), "{}", page.body);
    let code: String = page.body.split_once("code=").unwrap().1.chars().take(60).collect();
    Tokens::of(&house.redeem(&code, &[("client_id", "daypass-cli"), ("redirect_uri", LOOPBACK)]).await)
}

#[tokio::test]
async fn no_access_token_outlives_the_role_it_was_made_from_whoever_is_first() {
    let house = house().await;
    account(&house, "ada").await;
    let mut tokens = local_session(&house).await;
    let ada = "ada".parse().unwrap();
    for round in 0..60 {
        let role = if round % 2 == 0 { Role::Admin } else { Role::Reader };
        // Whoever changes the role looked at the clock two seconds before it is written.
        let looked_at = house.now();
        house.clock.advance(SignedDuration::from_secs(5));
        let event = AuditEvent::new(looked_at, AuditKind::AccountChanged, Outcome::Success, "test");
        let change = async {
            // Not always after the same step of the refresh.
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            house.store.set_account_role(&ada, role, looked_at, event).await.unwrap()
        };
        let form = [("grant_type", "refresh_token"), ("client_id", "daypass-cli"), ("refresh_token", &*tokens.refresh)];
        let (answer, was_changed) = tokio::join!(house.post("/oauth/token", &form), change);
        assert!(was_changed);
        tokens = if answer.status == 200 {
            let next = Tokens::of(&answer);
            // The refresh was first, and what it handed out is cut off; or the change was.
            let has = claims(&house, &next.access)["grants"][0]["actions"].as_array().unwrap().len();
            let expected = if role == Role::Admin { 4 } else { 1 };
            assert!(!house.is_active(&next.access).await || has == expected, "round {round}: of a role that is gone");
            next
        } else {
            // Both at once: the refresh was not recorded, and is good again.
            assert_eq!(refused(&answer), "503 temporarily_unavailable");
            Tokens::of(&house.post("/oauth/token", &form).await)
        };
    }
}
