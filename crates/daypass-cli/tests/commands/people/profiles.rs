//! Several accounts of one server, side by side.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use crate::{
    browser::{Browser, get, wait_for},
    fake_issuer::{
        FakeIssuer,
        people::{access_token_of_session, refresh_token},
    },
    person::Person,
    terminal,
};

fn sign_in(person: &Person, browser: &Browser, issuer: &FakeIssuer, who: &'static str, arguments: &[&str]) {
    issuer.treat_people(|manners| manners.person = who);
    let before = browser.tabs().len();
    let running = terminal::run(person, &format!("login-{before}"), &[&["login"], arguments].concat());
    let tab = wait_for("a tab", || browser.tabs().into_iter().nth(before));
    get(&get(&tab).location.unwrap());
    let done = running.end();
    assert!(done.status.success(), "{done:?}");
}

fn token(person: &Person, arguments: &[&str]) -> String {
    let done = person.run(["token"].iter().chain(arguments));
    assert!(done.status.success(), "{}", person.told(&done));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

#[test]
fn two_accounts_do_not_overwrite_each_other() {
    let issuer = FakeIssuer::start();
    let (person, browser) = Browser::of(Person::new());
    sign_in(&person, &browser, &issuer, "ada@home", &[issuer.url()]);
    sign_in(&person, &browser, &issuer, "ada@work", &[issuer.url(), "--profile", "work"]);
    let (first, second) = (access_token_of_session(1), access_token_of_session(2));
    assert_eq!(token(&person, &[]), first, "the first is the default");
    assert_eq!(token(&person, &["--profile", "work"]), second);
    // A user name that is a profile's name selects it; any other does not.
    for (username, expected) in [("work", &second), ("default", &first), ("ada", &first), ("__token__", &first)] {
        let done = person.run(["helper", "keyring", "get", &issuer.index_url(), username]);
        assert_eq!(String::from_utf8(done.stdout).unwrap(), format!("{expected}\n"), "{username}");
    }
    let echoed = person.run(["helper", "keyring", "--mode=creds", "get", &issuer.index_url(), "work"]);
    assert_eq!(String::from_utf8(echoed.stdout).unwrap(), format!("work\n{second}\n"));
    sign_in(&person, &browser, &issuer, "ada@work", &["--profile", "work", "--default"]);
    assert_eq!(token(&person, &[]), access_token_of_session(3));
    assert_eq!(issuer.revoked(), [refresh_token(2)], "only the one that was replaced");
    assert_snapshot!(person.told_text(&fs::read_to_string(person.config()).unwrap()), @r#"
    # The servers that get credentials from `daypass`. Written by `daypass login` and `logout`.

    [[server]]
    url = "http://[SERVER]"

    [[server]]
    url = "http://[SERVER]"
    profile = "work"
    default = true
    "#);
    let status: Value = serde_json::from_slice(&person.run(["status", "-o", "json"]).stdout).unwrap();
    let told: Vec<_> = status["servers"].as_array().unwrap().iter().map(|known| &known["person"]).collect();
    assert_eq!(told, ["ada@home", "ada@work"]);
    // Out of one only.
    assert!(person.run(["logout", "--profile", "work"]).status.success());
    assert_eq!(issuer.revoked(), [refresh_token(2), refresh_token(3)]);
    assert_eq!(token(&person, &[]), first);
    assert_snapshot!(person.sees(["token", "--profile", "work"]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: no profile `work` is known

    hint: `daypass login SERVER --profile work` signs in as it
    ");
}

#[test]
fn a_person_and_an_identity_stand_side_by_side() {
    let issuer = FakeIssuer::start();
    let (person, browser) = Browser::of(Person::new());
    sign_in(&person, &browser, &issuer, "ada@home", &[issuer.url()]);
    let robot = ["login", issuer.url(), "--profile", "robot", "--identity", "ci/app", "--identity-token", "-"];
    let done = person.run_with_stdin(robot, crate::fake_issuer::OUTSIDE_TOKEN);
    assert!(done.status.success(), "{}", person.told(&done));
    assert_eq!(token(&person, &[]), access_token_of_session(1));
    assert_eq!(token(&person, &["--profile", "robot"]), crate::fake_issuer::access_token(1));
    assert!(person.run(["logout", "--profile", "robot"]).status.success());
    assert_eq!(issuer.revoked(), [crate::fake_issuer::access_token(1)]);
    assert_eq!(token(&person, &[]), access_token_of_session(1));
}

#[test]
fn a_name_that_could_be_a_made_up_user_name_is_no_profile() {
    let person = Person::new();
    assert_snapshot!(person.sees(["login", "https://packages.example.com", "--profile", "_token"]), @r"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `_token` is not a valid profile name: use up to 64 ASCII letters, digits and `-_.`, beginning with a letter or a digit
    ");
    person.write_config(
        "[[server]]\nurl = \"https://a.example.com\"\nprofile = \"x\"\n\
         [[server]]\nurl = \"https://a.example.com\"\nprofile = \"x\"\n",
    );
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: `[HOME]/.config/daypass/config.toml` lists https://a.example.com (profile `x`) twice

    hint: remove one of the two `[[server]]` tables
    ");
}
