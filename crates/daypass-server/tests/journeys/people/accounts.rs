//! Built-in accounts, for a team without a provider: an invite link, a password or a passkey.

use std::process::Output;

use super::{
    browser::{Browser, DONE},
    office::Office,
    terminal::Terminal,
};
use crate::{
    installers::text,
    server::daypassd,
    stage::Stage,
    world::{PRIVATE, World, free_port},
};

const PASSWORD: &str = "four words in a row";

fn user(world: &World, arguments: &[&str]) -> Output {
    let output = daypassd().arg("user").args(arguments).arg("--data").arg(world.data()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    output
}

/// The invite link for a new account.
fn invite(world: &World, name: &str) -> String {
    let said = text(&user(world, &["add", name]));
    let link = said.split_whitespace().find(|word| word.contains("/invite/"));
    let link =
        link.unwrap_or_else(|| panic!("no link in {said}")).trim_matches(|c| "`'\",.<>()".contains(c)).to_owned();
    // The administrator's shell knows the address of the data, not the one that people use.
    let (_, path) = link.split_once("/invite/").unwrap();
    format!("{}/invite/{path}", world.url())
}

#[test]
fn an_invited_account_chooses_a_password_signs_in_and_installs() {
    let mut office = Office::open();
    let link = invite(&office.world, "ada");
    let page = office.browser.open(&link);
    assert!(page.text.contains("ada"), "{}", page.text);
    office.browser.type_into("Password", PASSWORD);
    office.browser.type_into("Once more", PASSWORD);
    office.browser.press("Set this password");
    office.browser.reads("Your account is ready");
    let venv = office.venv("venv", "newest");
    let mut pip = office.at_desk(venv.python(), "home");
    pip.args(["-m", "pip", "install", "--index-url", &office.world.index_url(), PRIVATE]);
    let waiting = Terminal::run(&office.stage, &pip);
    let tab = office.opened_tab("home");
    office.browser.another_machine();
    let page = office.browser.open(&tab);
    if page.text.contains("Use an account of this server") {
        office.browser.opens("Use an account of this server");
    }
    office.browser.type_into("Account", "ada");
    office.browser.type_into("Password", "not this one at all");
    let page = office.browser.press("Sign in");
    assert!(page.url.starts_with(&office.world.url()) && !page.text.contains(DONE), "{}", page.text);
    office.browser.type_into("Account", "ada");
    office.browser.type_into("Password", PASSWORD);
    office.browser.press("Sign in");
    office.browser.reads(DONE);
    waiting.succeeds();
    for kind in ["account.created", "session.created", "sign_in.refused"] {
        office.happened(kind);
    }
    // The link worked once.
    office.browser.another_machine();
    let page = office.browser.open(&link);
    assert!(!page.text.contains("Set this password"), "{}", page.text);
}

#[test]
fn passwords_cannot_be_guessed_in_a_hurry() {
    let mut office = Office::open();
    invite(&office.world, "ada");
    let ask = super::wire::Ask::new().with("provider", None);
    let mut throttled = false;
    for attempt in 0..25 {
        let page = office.browser.open(&format!("{}{}", office.world.url(), ask.path()));
        if page.text.contains("Use an account of this server") {
            office.browser.opens("Use an account of this server");
        }
        office.browser.type_into("Account", "ada");
        office.browser.type_into("Password", &format!("guess number {attempt}"));
        let page = office.browser.press("Sign in");
        throttled |=
            page.text.contains("too many") || page.text.contains("Too many") || page.text.contains("Try again in");
        if throttled {
            break;
        }
    }
    assert!(throttled);
}

#[test]
fn a_passkey_is_made_and_signs_in() {
    let stage = Stage::find();
    let port = free_port();
    // A passkey belongs to a name; an address has none.
    let url = format!("http://localhost:{port}");
    let plan = World::plan().on_port(port).config(&format!("public_url = \"{url}\"\n"));
    let world = plan.start();
    let mut browser = Browser::start(&stage, world.folder(), &[]);
    browser.has_passkeys();
    let link = invite(&world, "ada").replace(&world.url(), &url);
    browser.open(&link);
    browser.press("Make a passkey");
    browser.reads("Your account is ready");
    let mut daypass = world.clean(World::daypass(), "home");
    daypass
        .env("BROWSER", stage.people().join("open-tab.sh"))
        .env("OPENED_TABS", world.path("tabs"))
        .env("DISPLAY", ":99");
    let waiting = Terminal::run(&stage, daypass.args(["login", &url]));
    let tab = super::office::until("a tab opens", std::time::Duration::from_secs(30), || {
        std::fs::read_to_string(world.path("tabs")).ok()?.lines().next().map(str::to_owned)
    });
    browser.open(&tab);
    browser.press("Sign in with a passkey");
    browser.reads(DONE);
    waiting.succeeds();
}
