//! The configuration file and the environment: what is wrong in them is told with the place.

use std::fs;

use insta::assert_snapshot;

use crate::{fake_issuer::FakeIssuer, person::Person};

#[test]
fn what_is_wrong_in_the_file_is_told_with_its_line() {
    let person = Person::new();
    let mut seen = String::new();
    for content in [
        "[[server]]\nurl = \"https://packages.example.com\"\nidentety = \"ci/app\"\n",
        "[server]\nurl = \"https://packages.example.com\"\n",
        "[[server]]\nurl = \"http://packages.example.com\"\n",
        "[[server]]\nurl = \"https://packages.example.com/python/simple/\"\n",
        "[[server]]\nidentity = \"ci/app\"\n",
        "[[server]]\nurl = \"https://packages.example.com\"\nidentity = \"ci app\"\n",
        "[[server]]\nurl = \"https://packages.example.com\"\nidentity_token_path = \"job.jwt\"\n",
        "[[server]]\nurl = \"https://a.example.com\"\n[[server]]\nurl = \"https://a.example.com/\"\n",
        "nonsense",
        "[[server]]\nurl = \"https://packages.example.com\nidentity_token = \"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJqb2ItMSJ9.c2ln\"\n",
    ] {
        person.write_config(content);
        seen.push_str(&person.sees(["helper", "keyring", "get", "https://packages.example.com/"]));
        seen.push('\n');
        assert_eq!(fs::read_to_string(person.config()).unwrap(), content, "it is still there");
    }
    assert_snapshot!(seen, @r#"
    exit code: 6
    ----- stdout
    ----- stderr
    error: `[HOME]/.config/daypass/config.toml` line 3: unknown field `identety`, expected one of `url`, `profile`, `default`, `identity`, `identity_token_path`, `ambient`, `audience`, `service_account_key_path`

    hint: correct the line, or move the file away and run `daypass login` again

    exit code: 6
    ----- stdout
    ----- stderr
    error: `[HOME]/.config/daypass/config.toml` line 1: invalid type: map, expected a sequence

    hint: correct the line, or move the file away and run `daypass login` again

    exit code: 6
    ----- stdout
    ----- stderr
    error: `[HOME]/.config/daypass/config.toml` line 2: `packages.example.com` must begin with `https://`; `http://` is for loopback addresses only

    hint: correct the line, or move the file away and run `daypass login` again

    exit code: 6
    ----- stdout
    ----- stderr
    error: `[HOME]/.config/daypass/config.toml` line 2: `https://packages.example.com` must be a scheme, a host and a port only, without path, query or user name

    hint: correct the line, or move the file away and run `daypass login` again

    exit code: 6
    ----- stdout
    ----- stderr
    error: `[HOME]/.config/daypass/config.toml` line 1: missing field `url`

    hint: correct the line, or move the file away and run `daypass login` again

    exit code: 6
    ----- stdout
    ----- stderr
    error: `[HOME]/.config/daypass/config.toml` line 3: `ci app` is not a valid identity name: use up to 128 ASCII letters, digits and `-_.`, in parts separated by `/`

    hint: correct the line, or move the file away and run `daypass login` again

    exit code: 6
    ----- stdout
    ----- stderr
    error: `[HOME]/.config/daypass/config.toml`: `identity_token_path` must be absolute, not `job.jwt`

    hint: it would depend on the folder a tool is started in

    exit code: 6
    ----- stdout
    ----- stderr
    error: `[HOME]/.config/daypass/config.toml` lists https://a.example.com twice

    hint: remove one of the two `[[server]]` tables

    exit code: 6
    ----- stdout
    ----- stderr
    error: `[HOME]/.config/daypass/config.toml` line 1: key with no value, expected `=`

    hint: correct the line, or move the file away and run `daypass login` again

    exit code: 6
    ----- stdout
    ----- stderr
    error: `[HOME]/.config/daypass/config.toml` line 2: invalid basic string, expected `"`

    hint: correct the line, or move the file away and run `daypass login` again
    "#);
}

#[test]
fn what_is_wrong_in_a_variable_is_told_with_its_name() {
    let with = |name, value| Person::new().with(name, value).sees(["token"]);
    assert_snapshot!(with("DAYPASS_SERVER", "packages"), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: `DAYPASS_SERVER`: `packages` is not a URL such as `https://packages.example.com`

    hint: correct `DAYPASS_SERVER` or unset it
    ");
    let person = Person::new().with("DAYPASS_SERVER", "https://packages.example.com");
    assert_snapshot!(person.with("DAYPASS_IDENTITY", "ci app").sees(["token"]), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: `DAYPASS_IDENTITY`: `ci app` is not a valid identity name: use up to 128 ASCII letters, digits and `-_.`, in parts separated by `/`

    hint: correct `DAYPASS_IDENTITY` or unset it
    ");
    // Set to nothing is not set.
    assert_snapshot!(with("DAYPASS_SERVER", ""), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: no server is known yet

    hint: `daypass login https://packages.example.com` names one, and so does `DAYPASS_SERVER`
    ");
}

#[test]
fn the_configuration_may_be_elsewhere() {
    let issuer = FakeIssuer::start();
    let person = Person::new().with("DAYPASS_IDENTITY_TOKEN", issuer.outside_token());
    let elsewhere = person.home().join("settings/daypass.toml");
    let person = person.with("DAYPASS_CONFIG", elsewhere.to_str().unwrap());
    assert!(person.run(["login", issuer.url()]).status.success());
    assert!(elsewhere.exists() && !person.config().exists());
    assert!(person.run(["token"]).status.success());
    assert!(person.run(["logout"]).status.success());
    assert_eq!(person.run(["token"]).status.code(), Some(4));
}

#[test]
fn a_link_to_settings_kept_elsewhere_stays_a_link() {
    let issuer = FakeIssuer::start();
    let person = Person::new().with("DAYPASS_IDENTITY_TOKEN", issuer.outside_token());
    person.write_config("");
    let kept = person.home().join("dotfiles.toml");
    fs::rename(person.config(), &kept).unwrap();
    std::os::unix::fs::symlink(&kept, person.config()).unwrap();
    assert!(person.run(["login", issuer.url()]).status.success());
    assert!(fs::symlink_metadata(person.config()).unwrap().is_symlink());
    assert!(fs::read_to_string(kept).unwrap().contains(issuer.url()));
}

#[test]
fn xdg_folders_are_used() {
    let issuer = FakeIssuer::start();
    let person = Person::new().with("DAYPASS_IDENTITY_TOKEN", issuer.outside_token());
    let (cache, config) = (person.home().join("c"), person.home().join("d"));
    let person =
        person.with("XDG_CACHE_HOME", cache.to_str().unwrap()).with("XDG_CONFIG_HOME", config.to_str().unwrap());
    assert!(person.run(["login", issuer.url()]).status.success());
    assert!(cache.join("daypass").exists() && config.join("daypass/config.toml").exists());
    assert!(!person.home().join(".cache").exists() && !person.home().join(".config").exists());
}
