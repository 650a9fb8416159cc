//! Our server as the provider of clients that others certified: every flow to its end.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{
    browser::DONE,
    office::{Office, write_secret},
};
use crate::world::World;

const SECRET: &str = "reports-read-this-and-nobody-else";
const CLIENTS: &str = r#"
[[client]]
client_id = "public-tool"
name = "A public tool"
redirect_uris = ["http://127.0.0.1/callback"]

[[client]]
client_id = "reports"
name = "Reports"
redirect_uris = ["http://127.0.0.1/callback"]
client_secret = { file = "reports.secret" }
"#;

#[test]
fn openid_client_and_oauth4webapi_end_every_flow() {
    let mut node = Command::new("node");
    passes(&mut node, "clients.mjs", &["openid-client", "oauth4webapi"]);
}

#[test]
fn authlib_ends_every_flow() {
    let mut python = Command::new(crate::stage::Stage::find().authlib());
    passes(&mut python, "clients.py", &["authlib"]);
}

const FLOWS: [&str; 7] =
    ["discovery", "code with PKCE", "device", "refresh", "introspection", "revocation", "token exchange"];

fn passes(command: &mut Command, script: &str, clients: &[&str]) {
    let plan = World::plan();
    write_secret(&plan.folder().join("reports.secret"), SECRET);
    let mut office = Office::open_with(plan, CLIENTS);
    let tokens = office.world.path("outside-tokens");
    fs::write(&tokens, format!("{}\n{}\n", office.world.outside_token(), office.world.outside_token())).unwrap();
    command.arg(office.stage.people().join(script)).arg(office.world.url()).arg(&tokens).arg(SECRET);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (mut passed, mut failed) = (Vec::new(), Vec::new());
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let said: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let text = |key: &str| said[key].as_str().map(str::to_owned);
        passed.extend(text("passed"));
        failed.extend(text("failed"));
        if let Some(url) = text("open") {
            allows(&mut office, &url);
        }
    }
    child.wait().unwrap();
    assert!(failed.is_empty(), "{failed:#?}\nafter {passed:#?}");
    for client in clients {
        for flow in FLOWS {
            let wanted = format!("{client}: {flow}");
            assert!(passed.iter().any(|one| one.starts_with(&wanted)), "not `{wanted}`: {passed:#?}");
        }
    }
}

/// Alice does what the page asks, whichever it is.
fn allows(office: &mut Office, url: &str) {
    office.browser.another_machine();
    let page = office.browser.open(url);
    if page.text.contains("Continue with") {
        office.browser.press("Example Corp");
    }
    let page = office.browser.signs_in_as("alice");
    if page.text.contains("Allow this device?") {
        office.browser.press("Allow");
    }
    office.browser.reads(DONE);
}
