//! Rights follow the policy file at once, and the provider's groups at the next refresh.

use super::{
    office::Office,
    terminal::Terminal,
    wire::{Ask, text_of},
};
use crate::world::World;

#[test]
fn a_role_that_is_taken_away_is_gone_within_5_seconds() {
    let mut office = Office::open();
    let session = office.session();
    let access_token = text_of(&session, "access_token");
    assert!(office.lets_in(&access_token));
    office.change_policy("\"corp/eng\"", "\"corp/sales\"");
    office.refuses_soon(&access_token);
    let refused = office.refresh(&text_of(&session, "refresh_token"));
    assert_eq!(refused.json()["error"], "invalid_grant", "{}", refused.everything());
    assert_eq!(refused.json()["reason"], "no_access", "{}", refused.everything());
}

#[test]
fn a_role_that_is_widened_counts_from_the_next_refresh() {
    let narrow =
        "[[role]]\nrole = \"reader\"\nindex = \"python\"\nprojects = [\"other-*\"]\ngroups = [\"corp/admins\"]\n";
    let mut office = Office::open_with(World::plan(), narrow);
    office.change_policy("\"corp/eng\"", "\"corp/sales\"");
    std::thread::sleep(std::time::Duration::from_secs(5));
    let session = office.session();
    assert!(!office.lets_in(&text_of(&session, "access_token")));
    office.change_policy("\"other-*\"", "\"acme-*\"");
    std::thread::sleep(std::time::Duration::from_secs(5));
    let next = office.refresh(&text_of(&session, "refresh_token"));
    assert_eq!(next.status, 200, "{}", next.everything());
    assert!(office.lets_in(&text_of(&next.json(), "access_token")));
}

#[test]
fn who_has_no_role_is_told_so_and_the_command_that_waits_too() {
    let mut office = Office::open();
    let mut daypass = office.at_desk(World::daypass(), "home");
    let waiting = Terminal::run(&office.stage, daypass.args(["login", &office.world.url()]));
    let tab = office.opened_tab("home");
    office.browser.arrives_at_provider(&tab);
    let page = office.browser.signs_in_as("carol");
    assert!(page.text.contains("no role"), "{}", page.text);
    let (success, seen) = waiting.end();
    assert!(!success && seen.contains("no role"), "{seen}");
    let refused = office.happened("sign_in.refused").pop().unwrap();
    assert_eq!((&refused["outcome"], &refused["actor"]["sub"]), (&"refused".into(), &"carol".into()), "{refused}");
}

#[test]
fn an_address_that_nobody_verified_is_no_proof_where_the_domain_decides() {
    let plan = World::plan();
    let mut office = Office::open_with(plan, "");
    office.change_policy("client_id = \"daypass\"\n", "client_id = \"daypass\"\ndomains = [\"example.com\"]\n");
    std::thread::sleep(std::time::Duration::from_secs(5));
    let sign_in = |office: &mut Office, person: &str| {
        office.browser.another_machine();
        office.browser.stops_at("http://127.0.0.1:8765/");
        office.browser.visited();
        office.browser.arrives_at_provider(&format!("{}{}", office.world.url(), Ask::new().path()));
        office.browser.signs_in_as(person);
        office.browser.visited().iter().any(|url| url.contains("code=daypass_ac_"))
    };
    assert!(!sign_in(&mut office, "bob"), "bob's address is not verified");
    assert!(sign_in(&mut office, "alice"), "alice's is");
}
