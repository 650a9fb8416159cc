//! Load for measurements: `load exchange` and `load floor`.
//!
//! `load exchange` runs a CI's identity provider and says where: `{"issuer": URL}`. Then, for each line
//! `{"url": SERVER, "count": N, "connections": C}` on standard input, it signs N outside tokens, says
//! `{"signed": N}`, waits for one more line, exchanges each of them once over C connections that stay open, and says
//! how that went. Signing is not part of the measurement: it costs more than verifying.
//!
//! `load floor` says how often per second one core can verify RS256 and sign ES256: no exchange can be faster.

#![expect(clippy::expect_used, reason = "test code fails by panicking")]

use std::{
    io::{self, BufRead, Write},
    net::SocketAddr,
    process::ExitCode,
    rc::Rc,
    time::{Duration, Instant},
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
        RsaKeyPair, UnparsedPublicKey,
    },
};
use daypass_testkit::oidc::Provider;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::LocalSet,
};

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("exchange") => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            LocalSet::new().block_on(&runtime, exchange());
            ExitCode::SUCCESS
        }
        Some("floor") => {
            say(&floor());
            ExitCode::SUCCESS
        }
        _ => {
            let _ = writeln!(io::stderr(), "usage: load exchange|floor");
            ExitCode::from(2)
        }
    }
}

fn say(value: &Value) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{value}").and_then(|()| stdout.flush());
}

/// The next line of standard input, without holding up the provider.
async fn hear() -> Option<String> {
    let read = || {
        let mut line = String::new();
        (io::stdin().lock().read_line(&mut line).ok()? > 0).then_some(line)
    };
    tokio::task::spawn_blocking(read).await.ok().flatten()
}

async fn exchange() {
    let job = json!({ "sub": "load", "repository_id": "74" });
    let provider = Provider::start_on(SocketAddr::from(([127, 0, 0, 1], 0)), job).await;
    say(&json!({ "issuer": provider.url() }));
    while let Some(line) = hear().await {
        let order: Value = serde_json::from_str(&line).expect("an order in JSON");
        let number = |key: &str| order.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let url = order.get("url").and_then(Value::as_str).expect("a `url`").to_owned();
        let (count, connections) = (number("count").expect("a `count`"), number("connections").expect("`connections`"));
        let requests = Rc::new(sign(&provider, &url, count));
        say(&json!({ "signed": requests.len() }));
        if hear().await.is_none() {
            return;
        }
        say(&run(&url, requests, connections).await);
    }
}

/// Whole requests, ready to be written.
fn sign(provider: &Provider, url: &str, count: usize) -> Vec<Vec<u8>> {
    let host = url.trim_start_matches("http://");
    let one = || {
        let outside_token = provider.token(json!({ "aud": url, "sub": "load", "repository_id": "74" }));
        let body = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt&subject_token={outside_token}"
        );
        let media_type = "application/x-www-form-urlencoded";
        let length = body.len();
        format!(
            "POST /oauth/token HTTP/1.1\r\nhost: {host}\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    };
    (0..count).map(|_| one()).collect()
}

async fn run(url: &str, requests: Rc<Vec<Vec<u8>>>, connections: usize) -> Value {
    let address: SocketAddr = url.trim_start_matches("http://").parse().expect("an address and a port");
    let began = Instant::now();
    let all: Vec<_> = (0..connections)
        .map(|first| tokio::task::spawn_local(connection(address, Rc::clone(&requests), first, connections)))
        .collect();
    let (mut times, mut failed) = (Vec::with_capacity(requests.len()), 0);
    for one in all {
        let (mut some, bad) = one.await.expect("a connection does not panic");
        times.append(&mut some);
        failed += bad;
    }
    let seconds = began.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 1000).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    json!({ "done": times.len(), "failed": failed, "seconds": seconds, "p50_ms": at(500), "p99_ms": at(990) })
}

/// Every `step`th request over one connection. How long each took, and how many were not answered with 200.
async fn connection(
    address: SocketAddr,
    requests: Rc<Vec<Vec<u8>>>,
    first: usize,
    step: usize,
) -> (Vec<Duration>, usize) {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a socket");
    let (mut times, mut failed, mut buffer) = (Vec::new(), 0, Vec::new());
    for request in requests.iter().skip(first).step_by(step) {
        let began = Instant::now();
        stream.write_all(request).await.expect("the server reads");
        if answer_is_200(&mut stream, &mut buffer).await {
            times.push(began.elapsed());
        } else {
            failed += 1;
        }
    }
    (times, failed)
}

/// Reads one answer that says how long it is.
async fn answer_is_200(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
    buffer.clear();
    loop {
        assert!(stream.read_buf(buffer).await.expect("the server answers") > 0, "the server closed the connection");
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(buffer.get(..end).unwrap_or_default()).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if buffer.len() >= end + 4 + length.expect("a length") {
            return head.starts_with("http/1.1 200");
        }
    }
}

fn floor() -> Value {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("an EC key");
    let random = SystemRandom::new();
    // As long as the header and payload of a CI's token.
    let message = vec![b'x'; 700];
    let mut signature = vec![0; rsa.public_modulus_len()];
    rsa.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature).expect("RSA signs");
    let public = rsa.public_key().as_ref().to_vec();
    let verify = rate(|| {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public);
        key.verify(&message, &signature).expect("the signature is right");
    });
    let sign = rate(|| {
        let _ = ec.sign(&random, &message).expect("ECDSA signs");
    });
    json!({ "rs256_verify": verify, "es256_sign": sign, "both": 1.0 / (1.0 / verify + 1.0 / sign) })
}

/// How often per second, best of five: the floor is what the machine can do when nothing is in its way.
fn rate(mut once: impl FnMut()) -> f64 {
    let mut best = 0.0_f64;
    for _ in 0..5 {
        let (began, mut times) = (Instant::now(), 0_u32);
        while began.elapsed() < Duration::from_millis(200) {
            for _ in 0..50 {
                once();
            }
            times += 50;
        }
        best = best.max(f64::from(times) / began.elapsed().as_secs_f64());
    }
    best
}
