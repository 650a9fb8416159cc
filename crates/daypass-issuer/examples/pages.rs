//! Draws every page in every state into files, to be looked at: `cargo run -p daypass-issuer --example pages -- DIR`.
//!
//! Serve the folder (`python3 -m http.server -d DIR`) and open `/`: style sheet and script are there too.

#![expect(clippy::print_stderr, reason = "a tool for developers, which fails with its reason")]

use std::{fs, io, path::Path, process::ExitCode};

use axum::{body, response::Response};
use daypass_core::Timestamp;
use daypass_issuer::pages::{
    assets,
    choose::{Asker, Choose, Local, PasskeyUse, ProviderButton},
    device::{Confirm, Done, EnterCode},
    invite::{Accept, Accepted, PasskeyMake},
    onward::Onward,
    outcome::{NoAccess, Problem, SignedIn, SignedOut},
};

const SERVER: &str = "packages.example.com";
const CHALLENGE: &str = "b3Bha2VvcGFrZW9wYWtlb3Bha2VvcGFrZW9wYWtlb3A";
const PROVIDERS: [ProviderButton<'_>; 2] =
    [ProviderButton { name: "corp", label: "Example Corp" }, ProviderButton { name: "github", label: "GitHub" }];

#[tokio::main]
async fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("usage: pages DIR");
        return ExitCode::from(2);
    };
    match draw_all(Path::new(&folder)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn draw_all(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder.join("assets"))?;
    for asset in assets::all() {
        fs::write(folder.join(asset.path().trim_start_matches('/')), asset.content())?;
    }
    let mut list = String::from("<!doctype html><title>pages</title><ul>\n");
    let pages = choices().into_iter().chain(devices()).chain(invites()).chain(outcomes());
    for (name, page) in pages {
        let html = body::to_bytes(page.into_body(), usize::MAX).await.map_err(io::Error::other)?;
        fs::write(folder.join(format!("{name}.html")), html)?;
        list.extend(["<li><a href=", name, ".html>", name, "</a>\n"]);
    }
    fs::write(folder.join("index.html"), list)
}

type Page = (&'static str, Response);

fn choices() -> Vec<Page> {
    let passkey = PasskeyUse { challenge: CHALLENGE, rp_id: "localhost", ceremony: "sealed" };
    let local = Local { name: "", problem: None, passkey: Some(passkey) };
    let wrong = Local { name: "ada", problem: Some("The account or the password is wrong."), ..local.clone() };
    let all = Choose {
        server: SERVER,
        asker: Asker::ThisComputer,
        providers: &PROVIDERS,
        email: Some(""),
        local: Some(local.clone()),
        request: "sealed",
        problem: None,
    };
    let long = "A Rather Long Name of a Company With Several Words & <Brackets> GmbH & Co. Kommanditgesellschaft";
    vec![
        ("choose-all", all.answer()),
        ("choose-all-wrong-password", Choose { local: Some(wrong.clone()), ..all.clone() }.answer()),
        (
            "choose-unknown-domain",
            Choose {
                email: Some("ada@other.example"),
                problem: Some(
                    "Nobody here knows the domain “other.example”. Choose a provider, or check the spelling.",
                ),
                ..all.clone()
            }
            .answer(),
        ),
        (
            "choose-providers",
            Choose { email: None, local: None, asker: Asker::Client("Build console"), ..all.clone() }.answer(),
        ),
        (
            "choose-long",
            Choose {
                providers: &[ProviderButton { name: "long", label: long }],
                asker: Asker::Client(long),
                server: "packages-for-everybody.development.infrastructure.example.com:8443",
                ..all.clone()
            }
            .answer(),
        ),
        ("choose-email", Choose { providers: &[], local: None, ..all.clone() }.answer()),
        ("choose-local", Choose { providers: &[], email: None, ..all.clone() }.answer()),
        ("choose-local-wrong", Choose { providers: &[], email: None, local: Some(wrong), ..all.clone() }.answer()),
        (
            "choose-local-without-passkey",
            Choose {
                providers: &[],
                email: None,
                local: Some(Local { passkey: None, ..local }),
                asker: Asker::Device("WDJB-MJHT"),
                ..all
            }
            .answer(),
        ),
    ]
}

fn devices() -> Vec<Page> {
    let enter = EnterCode { server: SERVER, typed: "", problem: None };
    let now = Timestamp::from_second(1_795_420_000).unwrap_or_default();
    let confirm = Confirm {
        server: SERVER,
        person: "Ada Lovelace",
        user_code: "WDJB-MJHT",
        client: "daypass command line",
        address: "192.0.2.7",
        same_address: false,
        program: Some("daypass/0.1.0 (linux)"),
        asked_at: Timestamp::from_second(1_795_419_800).unwrap_or_default(),
        now,
        request: "sealed",
    };
    let same = Confirm { same_address: true, address: "2001:db8::7", program: None, asked_at: now, ..confirm.clone() };
    vec![
        ("device", enter.answer()),
        (
            "device-wrong",
            EnterCode {
                typed: "WDJB-MJHX",
                problem: Some(
                    "That code is not waiting. Codes live for 10 minutes: check it, or start again on the device.",
                ),
                ..enter
            }
            .answer(),
        ),
        ("device-confirm", confirm.answer()),
        ("device-confirm-same-address", same.answer()),
        ("device-allowed", Done { server: SERVER, allowed: true }.answer()),
        ("device-denied", Done { server: SERVER, allowed: false }.answer()),
    ]
}

fn invites() -> Vec<Page> {
    let passkey = PasskeyMake { challenge: CHALLENGE, rp_id: "localhost", user_id: CHALLENGE, ceremony: "sealed" };
    let accept = Accept {
        server: SERVER,
        account: "ada",
        display_name: Some("Ada"),
        role: "publisher",
        passkey: Some(passkey),
        request: "sealed",
        problem: None,
    };
    let done = Accepted { server: SERVER, account: "ada", passkey: true, login_url: "https://packages.example.com" };
    vec![
        ("invite", accept.answer()),
        ("invite-wrong", Accept { problem: Some("The two passwords differ."), ..accept.clone() }.answer()),
        ("invite-without-passkey", Accept { passkey: None, display_name: None, ..accept }.answer()),
        ("invite-done", done.answer()),
        ("invite-done-password", Accepted { passkey: false, ..done }.answer()),
    ]
}

fn outcomes() -> Vec<Page> {
    let request_id = "5f3c2a9be01d774400000017";
    let no_access = NoAccess {
        server: SERVER,
        person: "ada@example.com",
        provider: "Example Corp",
        member: "corp/00u1a2b3c4d5e6f7",
        request_id,
    };
    let problem = Problem {
        server: SERVER,
        title: "This sign-in has expired",
        what: "It was begun more than 10 minutes ago, in another browser, or is already done.",
        next: "go back to the terminal and run the command again.",
        request_id,
    };
    let onward = Onward {
        server: SERVER,
        heading: "Taking you to Example Corp",
        // Goes nowhere, so that it can be looked at.
        url: "#here",
    };
    vec![
        ("signed-out", SignedOut { server: SERVER }.answer()),
        ("signed-in", SignedIn { server: SERVER, person: None }.answer()),
        ("signed-in-as", SignedIn { server: SERVER, person: Some("ada@example.com") }.answer()),
        ("no-access", no_access.answer()),
        ("error", problem.answer(axum::http::StatusCode::BAD_REQUEST)),
        ("onward", onward.answer()),
    ]
}
