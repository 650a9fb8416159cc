//! A CI's identity provider, for demonstrations:
//! `fake-ci [--audience URL] [--claims JSON] [--listen ADDR:PORT] [--attended]`.
//!
//! Prints one JSON line, `{"issuer": URL, "token": …}`, and then answers `GET {issuer}/token?audience=…` with
//! `{"value": …}` as a CI's token endpoint does, until it is killed, or with `--attended` until its standard input is
//! closed.

use std::{
    env,
    io::{self, Read, Write},
    net::SocketAddr,
    process::ExitCode,
    thread,
};

use daypass_testkit::oidc::Provider;
use serde_json::{Value, json};

struct Options {
    audience: Option<String>,
    claims: Value,
    listen: SocketAddr,
    /// Whether somebody holds our standard input, and wants us gone when they are.
    attended: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match options(env::args().skip(1)) {
        Ok(options) => match run(options).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(problem) => {
            let usage = "fake-ci [--audience URL] [--claims JSON] [--listen ADDR:PORT] [--attended]";
            let _ = writeln!(io::stderr(), "{problem}\n\nusage: {usage}");
            ExitCode::from(2)
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut options = Options { audience: None, claims: job(), listen, attended: false };
    while let Some(name) = arguments.next() {
        if name == "--attended" {
            options.attended = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("`{name}` needs a value"))?;
        match name.as_str() {
            "--audience" => options.audience = Some(value),
            "--claims" => options.claims = claims(&value)?,
            "--listen" => options.listen = value.parse().map_err(|_| format!("`{value}` is not ADDR:PORT"))?,
            _ => return Err(format!("`{name}` is not an option")),
        }
    }
    Ok(options)
}

/// A job's claims, as a CI that is used a lot words them. `--claims` changes some; `null` removes one.
fn job() -> Value {
    json!({
        "sub": "repo:acme/app:ref:refs/heads/main",
        "repository": "acme/app",
        "repository_id": "74",
        "repository_owner": "acme",
        "repository_owner_id": "65",
        "ref": "refs/heads/main",
        "event_name": "push",
        "run_id": "1",
    })
}

fn claims(text: &str) -> Result<Value, String> {
    let changes: Value = serde_json::from_str(text).map_err(|error| format!("`--claims` is not JSON: {error}"))?;
    let Value::Object(changes) = changes else { return Err("`--claims` must be a JSON object".to_owned()) };
    let mut all = job();
    if let Value::Object(all) = &mut all {
        all.extend(changes);
    }
    Ok(all)
}

async fn run(options: Options) -> io::Result<()> {
    let provider = Provider::start_on(options.listen, options.claims.clone()).await;
    let token = provider.forge(options.claims).claims(json!({ "aud": options.audience })).build();
    let mut stdout = io::stdout();
    writeln!(stdout, "{}", json!({ "issuer": provider.url(), "token": token }))?;
    stdout.flush()?;
    if options.attended {
        until_stdin_is_closed().await;
    } else {
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// On a thread of its own: the runtime would wait for its own blocking reader when it ends.
async fn until_stdin_is_closed() {
    let (closed, wait) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        let mut nobody_reads = [0; 512];
        let mut stdin = io::stdin().lock();
        while !matches!(stdin.read(&mut nobody_reads), Ok(0) | Err(_)) {}
        let _ = closed.send(());
    });
    let _ = wait.await;
}
