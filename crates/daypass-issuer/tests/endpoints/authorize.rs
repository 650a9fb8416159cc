//! `GET /oauth/authorize`: who may ask, how, and where the answer goes.

use daypass_core::session::SessionLimits;

use crate::{
    house::{Answer, House, URL},
    people::{APP_URI, Browser, LOOPBACK, asks, house, house_at, query, second},
};

async fn told(house: &House, changes: &[(&str, &str)]) -> (String, String) {
    let answer = house.get(&asks(changes)).await;
    let told = answer.told();
    assert!(answer.headers["location"].to_str().unwrap().starts_with(APP_URI));
    assert_eq!(told["iss"], URL, "RFC 9207");
    assert!(!told.contains_key("code"));
    (told["error"].clone(), told.get("state").cloned().unwrap_or_default())
}

#[tokio::test]
async fn a_good_request_goes_on_to_the_one_provider() {
    let house = house().await;
    let page = house.get(&asks(&[("login_hint", "ada@example.com"), ("scope", "openid"), ("resource", URL)])).await;
    let url = page.onward();
    assert!(url.starts_with(&format!("{}/authorize?", house.provider.url())), "{url}");
    let sent = query(&url);
    assert_eq!(sent["redirect_uri"], format!("{URL}/oauth/callback/corp"));
    assert_eq!((&*sent["code_challenge_method"], &*sent["login_hint"]), ("S256", "ada@example.com"));
    assert_ne!(sent["state"], "st&te=", "the client's state is its own business");
}

#[tokio::test]
async fn as_long_as_the_client_and_its_address_are_not_known_the_person_is_told_and_nobody_is_sent_anywhere() {
    let house = house().await;
    for (name, value, what) in [
        ("client_id", "", "names no client"),
        ("client_id", "nobody", "not registered"),
        ("client_id", "<script>", "not registered"),
        ("redirect_uri", "", "does not say where to go on"),
        ("redirect_uri", "https://evil.example/cb", "not registered for this client"),
        ("redirect_uri", LOOPBACK, "not registered for this client"),
        ("client_id", "daypass-cli", "not registered for this client"),
        ("client_id", "watch", "not registered for this client"),
    ] {
        let answer = house.get(&asks(&[(name, value)])).await;
        answer.is_page(400, what);
        assert!(!answer.headers.contains_key("set-cookie") && !answer.body.contains("evil"), "{}", answer.body);
    }
    house.get(&format!("{}&state=again", asks(&[]))).await.is_page(400, "given twice");
    house.get(&format!("{}&client_id=app", asks(&[]))).await.is_page(400, "given twice");
    house.get(&format!("{}&redirect_uri=https://evil.example/", asks(&[]))).await.is_page(400, "given twice");
    house.get(&format!("{}{}", asks(&[]), "&x".repeat(40))).await.is_page(400, "given twice");
    house.get("/oauth/authorize").await.is_page(400, "names no client");
}

#[tokio::test]
async fn a_code_goes_only_to_an_address_that_is_registered_byte_for_byte() {
    let house = house().await;
    for uri in [APP_URI, "https://app.example.com/cb?keep=1"] {
        assert!(house.get(&asks(&[("redirect_uri", uri)])).await.onward().starts_with(house.provider.url()));
    }
    for uri in [
        "https://app.example.com/cb/",
        "https://app.example.com/cb/../evil",
        "https://app.example.com/cb%2f..%2fevil",
        "https://app.example.com/%63b",
        "https://app.example.com/CB",
        "https://app.example.com/cb?",
        "https://app.example.com/cb?keep=2",
        "https://app.example.com/cb?keep=1&x=1",
        "https://app.example.com/cb#x",
        "https://app.example.com/cb#",
        "https://app.example.com:443/cb",
        "https://app.example.com:8443/cb",
        "https://user@app.example.com/cb",
        "https://app.example.com@evil.example/cb",
        "https://app.example.com.evil.example/cb",
        "https://evil.example/https://app.example.com/cb",
        "https://APP.example.com/cb",
        "https://app.example.com./cb",
        "http://app.example.com/cb",
        "//app.example.com/cb",
        "/cb",
        " https://app.example.com/cb",
        "https://app.example.com/cb\r\nSet-Cookie: x=y",
        "https:\\\\app.example.com\\cb",
        "javascript:alert(1)//https://app.example.com/cb",
        "data:text/html,x",
    ] {
        house.get(&asks(&[("redirect_uri", uri)])).await.is_page(400, "not registered for this client");
    }
}

#[tokio::test]
async fn the_command_line_may_listen_at_any_port_of_the_literal_loopback_only() {
    let house = house().await;
    let ask = |uri| asks(&[("client_id", "daypass-cli"), ("redirect_uri", uri)]);
    for uri in [LOOPBACK, "http://127.0.0.1:1/callback", "http://[::1]:65535/callback"] {
        // Never without a click: somebody else on this computer may listen there.
        house.get(&ask(uri)).await.is_page(200, "Continue with");
        house
            .get(&format!("{}&provider=corp&login_hint=ada@example.com", ask(uri)))
            .await
            .is_page(200, "Continue with");
        let landed = Browser::new(&house).clicks_and_signs_in(&ask(uri)).await.onward();
        assert!(landed.starts_with(uri), "{landed}");
    }
    for uri in [
        "http://localhost:5555/callback",
        "http://LOCALHOST:5555/callback",
        "http://127.0.0.1.evil.example:5555/callback",
        "http://127.0.0.1:5555@evil.example/callback",
        "http://evil@127.0.0.1:5555/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:05555/callback",
        "http://127.0.0.1:5555/callback/../x",
        "http://127.0.0.1:5555/callback?x",
        "http://127.0.0.1:5555/callback#x",
        "http://127.0.0.1:5555/%63allback",
        "http://127.0.0.2:5555/callback",
        "http://0x7f000001:5555/callback",
        "http://2130706433:5555/callback",
        "http://127.1:5555/callback",
        "http://0.0.0.0:5555/callback",
        "http://[::]:5555/callback",
        "http://[0:0:0:0:0:0:0:1]:5555/callback",
        "http://[::ffff:127.0.0.1]:5555/callback",
        "https://127.0.0.1:5555/callback",
        APP_URI,
    ] {
        house.get(&ask(uri)).await.is_page(400, "not registered for this client");
    }
}

#[tokio::test]
async fn once_the_client_is_known_it_is_told_what_is_wrong() {
    let house = house().await;
    let long = "x".repeat(44);
    for (name, value, expected) in [
        ("response_type", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "code id_token", "unsupported_response_type"),
        ("response_mode", "form_post", "invalid_request"),
        ("response_mode", "fragment", "invalid_request"),
        ("request", "eyJ.x.y", "request_not_supported"),
        ("request_uri", "https://evil.example/", "request_not_supported"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge", &long, "invalid_request"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw/cM", "invalid_request"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c=", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "s256", "invalid_request"),
        ("audience", "https://other.example.com", "invalid_target"),
        ("resource", "https://packages.example.com.evil.example", "invalid_target"),
        ("provider", "nowhere", "invalid_request"),
        ("provider", "../corp", "invalid_request"),
        ("prompt", "none", "login_required"),
        ("prompt", "login none", "login_required"),
    ] {
        assert_eq!(told(&house, &[(name, value)]).await, (expected.to_owned(), "st&te=".to_owned()), "{name}={value}");
    }
    for (name, value) in [
        ("response_mode", "query"),
        ("audience", URL),
        ("resource", "https://packages.example.com/"),
        ("provider", "corp"),
        ("prompt", "login"),
        ("prompt", "select_account"),
    ] {
        house.get(&asks(&[(name, value)])).await.onward();
    }
    assert!(
        house.audit().await.iter().all(|event| event.kind.as_str() != "sign_in.refused"),
        "strangers write nothing"
    );
}

#[tokio::test]
async fn a_state_comes_back_as_it_was_or_not_at_all() {
    let house = house().await;
    for state in ["", " ", "a b&c=d#e?\"'<>\u{e4}", "https://evil.example/"] {
        let url = Browser::new(&house).signs_in(&asks(&[("state", state)])).await.onward();
        assert_eq!(query(&url).get("state").map(String::as_str).unwrap_or_default(), state);
    }
    // The longest that is taken fits into a cookie, whatever is in it; a longer one is not reflected.
    for filling in ["x", "\"", "\\", "\u{1}", "\u{e4}"] {
        let longest = filling.repeat(1024 / (serde_json::to_string(filling).unwrap().len() - 2));
        let url = Browser::new(&house).signs_in(&asks(&[("state", &longest)])).await.onward();
        assert_eq!(query(&url)["state"], longest);
        let longer = asks(&[("state", &format!("{longest}{filling}xxxxx"))]);
        let told = house.get(&longer).await.told();
        assert_eq!((&*told["error"], told.get("state")), ("invalid_request", None));
    }
}

#[tokio::test]
async fn a_redirect_uri_with_a_query_keeps_it() {
    let house = house().await;
    let url =
        Browser::new(&house).signs_in(&asks(&[("redirect_uri", "https://app.example.com/cb?keep=1")])).await.onward();
    assert!(url.starts_with("https://app.example.com/cb?keep=1&code=daypass_ac_"), "{url}");
    assert_eq!(query(&url)["iss"], URL);
    let error = house.get(&asks(&[("redirect_uri", "https://app.example.com/cb?keep=1"), ("prompt", "none")])).await;
    assert_eq!(error.told()["keep"], "1");
}

/// Every kind of page that the sign-in has.
async fn pages(house: &House) -> Vec<Answer> {
    let mut browser = Browser::new(house);
    let onward = browser.get(&asks(&[])).await;
    let back = browser.through_provider(&onward).await;
    let choose = browser.get(&asks(&[("provider", "local")])).await;
    let device = house.post("/oauth/device_authorization", &[("client_id", "daypass-cli")]).await.json();
    let typed = format!("/device?user_code={}", device["user_code"].as_str().unwrap());
    let page = browser.get(&typed).await;
    let picked = browser.post("/oauth/sign-in", &[("request", &page.sealed()), ("provider", "corp")]).await;
    let confirm = browser.through_provider(&picked).await;
    let done = browser.post("/device/confirm", &[("request", &confirm.sealed()), ("decision", "allow")]).await;
    done.is_page(200, "");
    vec![
        onward,
        back,
        choose,
        page,
        confirm,
        done,
        browser.get("/device").await,
        browser.get("/device?user_code=x").await,
        browser.get("/oauth/signed-in").await,
        browser.get("/oauth/authorize").await,
        browser.get("/oauth/callback/corp").await,
        browser.post("/oauth/sign-in", &[]).await,
    ]
}

#[tokio::test]
async fn every_page_tells_the_browser_to_keep_it_to_itself() {
    for answer in pages(&house().await).await {
        let header = |name: &str| answer.headers[name].to_str().unwrap();
        let policy = header("content-security-policy");
        for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "style-src 'self'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(policy.contains("form-action 'self'") || policy.contains("form-action 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!(policy.contains("form-action 'self'"), answer.body.contains("<form"), "{}", answer.body);
        assert_eq!(header("content-type"), "text/html; charset=utf-8");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        // No third party is asked for anything, and nothing runs that is not ours.
        for attribute in ["src=\"http", "<style", " style=", " onclick", "javascript:"] {
            assert!(!answer.body.contains(attribute), "{attribute} in {}", answer.body);
        }
    }
}

#[tokio::test]
async fn cookies_are_kept_from_scripts_other_sites_and_plain_http() {
    let house = house().await;
    let cookies = |answer: &Answer| -> Vec<String> {
        answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    let set = cookies(&house.get(&asks(&[])).await);
    assert_eq!(set.len(), 2, "{set:?}");
    for cookie in &set {
        assert!(cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax") && cookie.contains("; Secure"));
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    let (host, attempt): (Vec<_>, Vec<_>) = set.iter().partition(|cookie| cookie.starts_with("__Host-daypass="));
    assert!(host[0].contains("; Path=/;") && !host[0].contains("Max-Age"), "{host:?}");
    assert!(attempt[0].starts_with("__Secure-daypass-at-provider-"), "{attempt:?}");
    assert!(attempt[0].contains("; Path=/oauth/callback/;") && attempt[0].contains("; Max-Age=1800;"), "{attempt:?}");

    let plain = house_at("http://127.0.0.1:4711", SessionLimits::default()).await;
    for cookie in cookies(&plain.get(&asks(&[])).await) {
        assert!(cookie.starts_with("daypass") && cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
        assert!(!cookie.contains("Secure") && !cookie.contains("__"), "{cookie}");
    }
    let url = Browser::new(&plain).signs_in(&asks(&[])).await.onward();
    assert_eq!(query(&url)["iss"], "http://127.0.0.1:4711");
}

#[tokio::test]
async fn a_browser_is_known_by_a_cookie_that_it_did_not_choose_the_form_of() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    browser.get(&asks(&[])).await;
    let known = browser.cookies["__Host-daypass"].0.clone();
    browser.get(&asks(&[])).await;
    assert_eq!(browser.cookies["__Host-daypass"].0, known, "two tabs are one browser");
    browser.cookies.insert("__Host-daypass".to_owned(), ("short".to_owned(), "/".to_owned()));
    browser.get(&asks(&[])).await;
    assert_eq!(browser.cookies["__Host-daypass"].0.len(), known.len());
}

#[tokio::test]
async fn with_two_providers_it_asks_unless_the_request_says_which() {
    let house = house().await;
    let other = second(&house).await;
    house.get(&asks(&[])).await.is_page(200, "Continue with Example Corp");
    let page = house.get(&asks(&[])).await;
    assert!(page.body.contains("My &#60;b&#62;app&#60;/b&#62;"), "{}", page.body);
    assert!(page.body.contains("Continue with The &#34;others&#34;"), "{}", page.body);
    assert!(house.get(&asks(&[("provider", "other")])).await.onward().starts_with(other.url()));
    assert!(house.get(&asks(&[("login_hint", "x@Other.Example.com")])).await.onward().starts_with(other.url()));
    let both = asks(&[("provider", "corp"), ("login_hint", "x@other.example.com")]);
    assert!(house.get(&both).await.onward().starts_with(house.provider.url()), "what is asked for comes first");
    let hint = house.get(&asks(&[("login_hint", "\"><script>@evil.example")])).await;
    hint.is_page(200, "&#34;&#62;&#60;script&#62;@evil.example");
    house.get(&asks(&[("provider", "local")])).await.is_page(200, "Continue with Example Corp");
}
