//! Every page as people see it: pictures in light, dark and as narrow as a phone, for somebody to look at. That axe
//! finds nothing and nothing else is asked for is checked on every page of every journey.

use super::{
    browser::DONE,
    office::Office,
    wire::{Ask, text_of},
};
use crate::{http::post_form, server::daypassd};

fn authorize(office: &Office, ask: &Ask) -> String {
    format!("{}{}", office.world.url(), ask.path())
}

#[test]
fn every_page_has_its_picture_taken() {
    let mut office = Office::open();
    let stage = crate::stage::Stage::find();
    let take = |office: &mut Office, name: &str| office.browser.picture(&stage, name);

    let url = authorize(&office, &Ask::new().with("provider", None));
    office.browser.open(&url);
    take(&mut office, "choose");
    let url = authorize(&office, &Ask::new().with("redirect_uri", Some("https://evil.example.com/")));
    office.browser.open(&url);
    take(&mut office, "error");
    let url = format!("{}/device", office.world.url());
    office.browser.open(&url);
    take(&mut office, "device");

    let asked = office.world.send(&post_form("/oauth/device_authorization", &[("client_id", "daypass-cli")]));
    office.browser.open(&text_of(&asked.json(), "verification_uri_complete"));
    let page = office.browser.reads("Continue with Example Corp");
    take(&mut office, "device-choose");
    assert!(page.text.contains(&text_of(&asked.json(), "user_code")), "{}", page.text);
    office.browser.press("Continue with Example Corp");
    office.browser.signs_in_as("alice");
    take(&mut office, "device-confirm");
    office.browser.press("Allow");
    office.browser.reads(DONE);
    take(&mut office, "device-done");

    let url = format!("{}/oauth/signed-in", office.world.url());
    office.browser.open(&url);
    take(&mut office, "signed-in");

    office.browser.another_machine();
    let asked = office.world.send(&post_form("/oauth/device_authorization", &[("client_id", "daypass-cli")]));
    office.browser.open(&text_of(&asked.json(), "verification_uri_complete"));
    office.browser.press("Continue with Example Corp");
    let page = office.browser.signs_in_as("carol");
    assert!(page.text.contains("no access") && page.text.contains("corp/carol"), "{}", page.text);
    take(&mut office, "no-access");

    let output = daypassd().args(["user", "add", "ada", "--data"]).arg(office.world.data()).output().unwrap();
    let said = crate::installers::text(&output);
    let (_, link) = said.split_once("/invite/").unwrap_or_else(|| panic!("no link in {said}"));
    let invite = link.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap();
    let url = format!("{}/invite/{invite}", office.world.url());
    office.browser.open(&url);
    take(&mut office, "invite");
    office.browser.type_into("Password", "four words in a row");
    office.browser.type_into("Once more", "four words in a row");
    office.browser.press("Set this password");
    take(&mut office, "invite-done");
}

#[test]
fn everything_works_without_javascript() {
    let mut office = Office::open();
    office.browser.without_scripts();
    let code = office.code(&Ask::new().with("provider", None));
    assert_eq!(office.redeem(&code).status, 200);
}

#[test]
fn two_tabs_of_one_browser_do_not_disturb_each_other() {
    let mut office = Office::open();
    let tabs = [Ask::new().with("state", Some("first")), Ask::new().with("state", Some("second"))];
    for (number, ask) in tabs.iter().enumerate() {
        office.browser.tab(number);
        office.browser.stops_at("http://127.0.0.1:8765/");
        let url = authorize(&office, &ask.clone().with("provider", None));
        office.browser.open(&url);
    }
    for (number, state) in [(1, "state=second"), (0, "state=first")] {
        office.browser.tab(number);
        office.browser.visited();
        office.browser.press("Continue with Example Corp");
        office.browser.signs_in_as("alice");
        let visited = office.browser.visited();
        let back = visited.iter().find(|url| url.starts_with("http://127.0.0.1:8765/"));
        let back = back.unwrap_or_else(|| panic!("{visited:#?}"));
        assert!(back.contains(state) && back.contains("code="), "{back}");
    }
}
