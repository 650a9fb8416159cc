//! Rights follow the policy file at once, and the provider's groups at the next refresh.

use serde_json::Value;

use super::{
    office::Office,
    wire::{Ask, text_of},
};

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
    let mut office = Office::open_with(crate::world::World::plan(), narrow);
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
fn who_has_no_role_is_told_what_to_ask_for() {
    let mut office = Office::open();
    office.browser.stops_at("http://127.0.0.1:8765/");
    office.browser.open(&format!("{}{}", office.world.url(), Ask::new().path()));
    let page = office.browser.signs_in_as("carol");
    assert!(page.text.contains("no access") && page.text.contains("corp/carol"), "{}", page.text);
    let refused = office.happened("sign_in.refused").pop().unwrap();
    assert_eq!(refused["outcome"], Value::from("refused"), "{refused}");
}

#[test]
fn an_address_that_nobody_verified_is_no_proof_where_the_domain_decides() {
    let plan = crate::world::World::plan();
    let mut office = Office::open_with(plan, "");
    office.change_policy("client_id = \"daypass\"\n", "client_id = \"daypass\"\ndomains = [\"example.com\"]\n");
    std::thread::sleep(std::time::Duration::from_secs(5));
    let sign_in = |office: &mut Office, person: &str| {
        office.browser.another_machine();
        office.browser.stops_at("http://127.0.0.1:8765/");
        office.browser.visited();
        office.browser.open(&format!("{}{}", office.world.url(), Ask::new().path()));
        office.browser.signs_in_as(person);
        office.browser.visited().iter().any(|url| url.contains("code=daypass_ac_"))
    };
    assert!(!sign_in(&mut office, "bob"), "bob's address is not verified");
    assert!(sign_in(&mut office, "alice"), "alice's is");
}
