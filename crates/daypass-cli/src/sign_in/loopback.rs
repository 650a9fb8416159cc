//! The place where the browser comes back to: one path on a port of 127.0.0.1, open while somebody signs in.
//!
//! Every program on this machine and every page in any browser can knock here. Whoever does not bring this sign-in's
//! `state` is turned away politely, within bounds of size and time, and the wait goes on.
//!
//! What is *not* here: judging the answer (`Authorization::read`), what the browser is told in the end, and how many
//! are heard at once (`loopback/visits.rs`).

use std::{net::Ipv4Addr, time::Duration};

use daypass_oidc::session_client::{Authorization, Redirect};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::page;
use crate::failure::Failure;

mod visits;

use visits::{Visits, Voice};

/// The head of a request. A browser sends the cookies of everything that ever ran on 127.0.0.1.
const LONGEST_HEAD: usize = 64 * 1024;

/// How long a visitor may take to say what it wants, or to hear the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a visitor may take to say the first word. A browser on this machine has it ready when it knocks.
const SILENCE: Duration = Duration::from_millis(500);

/// The listening port.
#[derive(Debug)]
pub(super) struct Loopback {
    listener: TcpListener,
    /// `127.0.0.1:port`, which must be the `Host` of a request.
    authority: String,
}

/// Somebody who waits for an answer.
#[derive(Debug)]
pub(super) struct Visitor(TcpStream);

impl Loopback {
    /// Listens on a free port. The literal address, never `localhost`, which may lead elsewhere (RFC 8252 §8.3).
    pub(super) async fn listen() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let authority = listener.local_addr()?.to_string();
        Ok(Self { listener, authority })
    }

    /// Where the server sends the browser.
    pub(super) fn redirect_uri(&self) -> String {
        format!("http://{}/callback", self.authority)
    }

    /// Waits for the one answer to `authorization`. After it, nobody is let in any more.
    pub(super) async fn wait(self, authorization: &Authorization) -> Result<(Redirect, Visitor), Failure> {
        let mut visits = Visits::default();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let authority = self.authority.clone();
                        visits.begin(|voice| timeout(PATIENCE, hear(stream, authority, voice)));
                        // What has already been said is heard before the next one is let in, who might take its place.
                        tokio::task::yield_now().await;
                    }
                    // The visitor has gone again, or there are no more file descriptors for a moment.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
                Some(heard) = visits.next() => {
                    let Ok(Some((query, visitor))) = heard else { continue };
                    match authorization.read(&query) {
                        Redirect::NotOurs => visits.begin(|voice| timeout(PATIENCE, async move {
                            voice.is_heard();
                            visitor.answer(&page::not_this_sign_in()).await;
                            None
                        })),
                        redirect => return Ok((redirect, visitor)),
                    }
                }
            }
        }
    }
}

impl Visitor {
    /// Answers, and lets the visitor hang up first: to close with unread bytes could take the answer back.
    pub(super) async fn answer(mut self, response: &str) {
        let said = async {
            self.0.write_all(response.as_bytes()).await?;
            self.0.shutdown().await?;
            let mut rest = [0; 1024];
            while self.0.read(&mut rest).await? > 0 {}
            std::io::Result::Ok(())
        };
        let _ = timeout(Duration::from_secs(1), said).await;
    }
}

/// Hears a visitor out: the query that was brought to our path, or nothing if it wanted something else.
async fn hear(mut stream: TcpStream, authority: String, voice: Voice) -> Option<(String, Visitor)> {
    let mut head = Vec::new();
    if timeout(SILENCE, stream.read_buf(&mut head)).await.ok()?.ok()? == 0 {
        return None;
    }
    voice.is_heard();
    let mut searched = 0;
    while !ends_in(&head, &mut searched) {
        if head.len() >= LONGEST_HEAD || stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let refusal = match read(&String::from_utf8_lossy(&head), &authority) {
        Ok(query) => return Some((query, Visitor(stream))),
        Err(refusal) => refusal,
    };
    Visitor(stream).answer(&refusal).await;
    None
}

/// Whether a blank line ends the head. Only what has come since is looked at, from where `searched` stands.
fn ends_in(head: &[u8], searched: &mut usize) -> bool {
    const BLANK_LINE: &[u8] = b"\r\n\r\n";
    let new = head.get(*searched..).unwrap_or_default();
    // The line may have come in parts.
    *searched = head.len().saturating_sub(BLANK_LINE.len() - 1);
    new.windows(BLANK_LINE.len()).any(|window| window == BLANK_LINE)
}

/// Reads the head of a request. `Err`: what it is answered.
fn read(head: &str, authority: &str) -> Result<String, String> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    if words.next().is_some() || !version.is_some_and(|version| version.starts_with("HTTP/1.")) {
        return Err(page::refusal("400 Bad Request"));
    }
    // A name that somebody made point here (DNS rebinding) is not ours, and neither are two.
    let mut hosts = lines.filter_map(|line| {
        line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, value)| value.trim())
    });
    if hosts.next() != Some(authority) || hosts.next().is_some() {
        return Err(page::refusal("421 Misdirected Request"));
    }
    let (path, query) = target.unwrap_or_default().split_once('?').unwrap_or((target.unwrap_or_default(), ""));
    match (path, method) {
        ("/callback", Some("GET")) => Ok(query.to_owned()),
        ("/callback", _) => Err(page::refusal("405 Method Not Allowed")),
        _ => Err(page::refusal("404 Not Found")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(head: &str) -> String {
        match read(head, "127.0.0.1:8") {
            Ok(query) => query,
            Err(refusal) => refusal.split(' ').nth(1).unwrap().to_owned(),
        }
    }

    #[test]
    fn a_blank_line_is_found_in_whatever_parts_it_comes() {
        let head = b"GET / HTTP/1.1\r\nA: b\r\n\r\n";
        for parts in [1, 2, 3, 4, 5, 99] {
            let (mut come, mut searched, mut found) = (Vec::new(), 0, false);
            for part in head.chunks(parts) {
                assert!(!found);
                come.extend_from_slice(part);
                found = ends_in(&come, &mut searched);
            }
            assert!(found, "{parts}");
        }
    }

    #[test]
    fn only_the_callback_at_the_literal_address_is_heard() {
        for (head, expected) in [
            ("GET /callback?code=c HTTP/1.1\r\nHost: 127.0.0.1:8\r\nCookie: a=b\r\n\r\n", "code=c"),
            ("GET /callback HTTP/1.1\r\nhost:127.0.0.1:8\r\n\r\n", ""),
            ("GET /callback/?code=c HTTP/1.1\r\nHost: 127.0.0.1:8\r\n\r\n", "404"),
            ("GET /Callback HTTP/1.1\r\nHost: 127.0.0.1:8\r\n\r\n", "404"),
            ("GET /favicon.ico HTTP/1.1\r\nHost: 127.0.0.1:8\r\n\r\n", "404"),
            ("GET http://127.0.0.1:8/callback HTTP/1.1\r\nHost: 127.0.0.1:8\r\n\r\n", "404"),
            ("POST /callback HTTP/1.1\r\nHost: 127.0.0.1:8\r\n\r\n", "405"),
            ("HEAD /callback HTTP/1.1\r\nHost: 127.0.0.1:8\r\n\r\n", "405"),
            ("GET /callback?code=c HTTP/1.1\r\nHost: evil.example.com:8\r\n\r\n", "421"),
            ("GET /callback?code=c HTTP/1.1\r\nHost: localhost:8\r\n\r\n", "421"),
            ("GET /callback?code=c HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "421"),
            ("GET /callback?code=c HTTP/1.1\r\nHost: 127.0.0.1:8\r\nHost: evil\r\n\r\n", "421"),
            ("GET /callback?code=c HTTP/1.1\r\n\r\n", "421"),
            ("GET /callback?code=c\r\nHost: 127.0.0.1:8\r\n\r\n", "400"),
            ("\u{16}\u{3}\u{1}\r\n\r\n", "400"),
        ] {
            assert_eq!(answer(head), expected, "{head}");
        }
    }
}
