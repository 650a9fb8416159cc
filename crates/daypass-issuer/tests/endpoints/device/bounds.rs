//! How many codes may be asked for, how many guessed, and by whom.

use axum::{body::Body, http::Request};
use daypass_core::SignedDuration;

use super::{Device, NO_SUCH};
use crate::{
    house::{Answer, House},
    people::{APP, Browser, house},
};

const TOO_MANY: &str = "429 temporarily_unavailable: too many devices are waiting; try again in a few minutes";

#[tokio::test]
async fn who_guesses_codes_is_stopped_and_others_are_not() {
    let house = house().await;
    let device = house.device().await;
    let good = format!("/device?user_code={}", device.user_code);
    let mut guesser = Browser::new(&house);
    for number in 0..20_u32 {
        let letters: String = "BCDFGHJK".chars().cycle().skip(number as usize % 8).take(8).collect();
        let answer = guesser.get(&format!("/device?user_code={letters}")).await;
        answer.is_page(422, NO_SUCH);
    }
    guesser.get(&good).await.is_page(429, "Too many codes");
    assert!(!guesser.get(&good).await.body.contains("name=\"request\""));
    // A new browser at the same address is the same guesser.
    Browser::new(&house).get(&good).await.is_page(429, "Too many codes");
    guesser.get("/device").await.is_page(200, "Enter the code");
    let mut neighbour = Browser::new(&house);
    neighbour.peer = "203.0.113.5";
    neighbour.get(&good).await.is_page(200, "Continue with Example Corp");
}

#[tokio::test]
async fn a_peer_that_asks_for_hundreds_of_codes_is_told_to_wait_and_others_are_not() {
    let house = house().await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..600 {
        let answer = house.device_says(APP, "x", "192.0.2.66", &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(seen.insert(Device::of(&answer.json()).user_code), "no code twice");
    }
    let answer = house.device_says(APP, "x", "192.0.2.66", &[]).await;
    assert_eq!(answer.error(), TOO_MANY);
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(house.device_says(APP, "x", "192.0.2.67", &[]).await.status, 200);
}

#[tokio::test]
async fn a_whole_network_holds_no_more_than_a_twentieth_of_all_codes() {
    let house = house().await;
    for number in 0..1000_u32 {
        let peer = format!("2001:db8:7:{:x}::1", number % 100);
        let answer = house.device_says(APP, "x", &peer, &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    for peer in ["2001:db8:7:0::1", "2001:db8:7:ffff::1"] {
        let answer = house.device_says(APP, "x", peer, &[]).await;
        assert_eq!(answer.error(), TOO_MANY);
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert_eq!(house.device_says(APP, "x", "2001:db8:8::1", &[]).await.status, 200);
    house.clock.advance(SignedDuration::from_secs(599));
    assert_eq!(house.device_says(APP, "x", "2001:db8:7:ffff::1", &[]).await.status, 429);
    // Those of the beginning have ended by themselves.
    house.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(house.device_says(APP, "x", "2001:db8:7:ffff::1", &[]).await.status, 200);
}

impl House {
    /// What a browser asks for that says why it does.
    async fn fetched(&self, user_code: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(format!("/device?user_code={user_code}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn another_sites_page_cannot_use_up_the_guesses_of_an_office() {
    let house = house().await;
    let device = house.device().await;
    let elsewhere = [("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "image"), ("sec-fetch-mode", "no-cors")];
    for _ in 0..30 {
        house.fetched("BCDFGHJK", &elsewhere).await.is_page(200, "Enter the code");
        house.fetched("BCDFGHJK", &[("sec-fetch-site", "same-site"), ("sec-fetch-dest", "iframe")]).await;
        house.fetched("BCDFGHJK", &[("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "document")]).await;
    }
    // Whoever says so learns nothing: the code is not even looked up.
    let page = house.fetched(&device.user_code, &elsewhere).await;
    page.is_page(200, "Enter the code");
    assert!(page.body.contains(&device.user_code) && !page.body.contains("name=\"request\""));
    // From the terminal, from our own form, and from a browser that does not say.
    for headers in [
        &[("sec-fetch-site", "none"), ("sec-fetch-dest", "document")][..],
        &[("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "document")],
        &[],
    ] {
        house.fetched(&device.user_code, headers).await.is_page(200, "Continue with Example Corp");
    }
    for _ in 0..20 {
        let typed = [("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "document")];
        house.fetched("BCDFGHJK", &typed).await.is_page(422, NO_SUCH);
    }
    house.fetched(&device.user_code, &[]).await.is_page(429, "Too many codes");
}
