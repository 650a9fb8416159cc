//! A tab in somebody's browser: keeps cookies, reads forms, sends them.

use std::collections::BTreeMap;

use axum::{body::Body, http::Request};

use crate::house::{Answer, House, from};

pub(crate) struct Tab<'h> {
    house: &'h House,
    cookies: BTreeMap<String, String>,
    peer: &'static str,
}

impl<'h> Tab<'h> {
    pub(crate) fn open(house: &'h House) -> Self {
        Self::open_at(house, "192.0.2.7")
    }

    /// A tab of somebody with that address.
    pub(crate) fn open_at(house: &'h House, peer: &'static str) -> Self {
        Self { house, cookies: BTreeMap::new(), peer }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let request = Request::get(path);
        self.send(request, Body::empty()).await
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        self.send(request, body.finish().into()).await
    }

    async fn send(&mut self, request: axum::http::request::Builder, body: Body) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = request.header("cookie", cookies.join("; ")).body(body).unwrap();
        request.extensions_mut().insert(from(self.peer));
        let answer = self.house.send(request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("HttpOnly") && cookie.contains("Secure") && cookie.contains("SameSite=Lax"));
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Comes from the command line to the sign-in page.
    pub(crate) async fn come_to_sign_in(&mut self) -> Answer {
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let redirect_uri = "http%3A%2F%2F127.0.0.1%3A5555%2Fcallback";
        let page = self
            .get(&format!(
                "/oauth/authorize?response_type=code&client_id=daypass-cli&redirect_uri={redirect_uri}&state=s\
                 &code_challenge={challenge}&code_challenge_method=S256&provider=local"
            ))
            .await;
        assert_eq!(page.status, 200, "{}", page.body);
        page
    }
}

impl Answer {
    /// The value of the first hidden field of that name.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.between(&format!("name=\"{name}\" value=\""), "\"")
    }

    /// The value of an attribute: `data-challenge`.
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.between(&format!("{name}=\""), "\"")
    }

    fn between(&self, before: &str, after: &str) -> &str {
        let found = self.body.split_once(before).and_then(|(_, rest)| rest.split_once(after));
        found.unwrap_or_else(|| panic!("no {before} in {}", self.body)).0
    }

    /// What a reader is told went wrong.
    pub(crate) fn problem(&self) -> &str {
        self.between("role=\"alert\" id=\"", "</p>").split_once('>').unwrap().1
    }

    /// Whether the page takes the browser back to the command line with a code.
    pub(crate) fn goes_back_with_code(&self) -> bool {
        self.status == 200 && self.body.contains("http://127.0.0.1:5555/callback?code=daypass_ac_")
    }
}
