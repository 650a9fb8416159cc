//! Who gets the outside token: the server that it is meant for, or that a person named together with it.

use insta::assert_snapshot;

use crate::{
    fake_issuer::{FakeIssuer, OUTSIDE_TOKEN},
    person::Person,
};

/// A job with an outside token for `ours`, on a machine whose configuration knows `theirs` too.
fn job(ours: &FakeIssuer, theirs: &FakeIssuer) -> Person {
    let person = Person::new().with("DAYPASS_IDENTITY_TOKEN", ours.outside_token());
    person.write_config(&format!("[[server]]\nurl = \"{}\"\n[[server]]\nurl = \"{}\"\n", ours.url(), theirs.url()));
    person
}

#[test]
fn a_requirements_file_cannot_have_the_outside_token_sent_to_another_trusted_server() {
    let (ours, theirs) = (FakeIssuer::start(), FakeIssuer::start());
    let person = job(&ours, &theirs);
    assert_snapshot!(person.sees(["helper", "keyring", "get", &theirs.index_url()]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: the identity token is meant for `http://[SERVER]` and not for `http://[SERVER]`, so it was not sent there

    hint: get a token with the audience `http://[SERVER]`; if the issuer's audience is fixed and the token is for this server, `DAYPASS_SERVER=http://[SERVER]` says so
    ");
    for person in [person, job(&ours, &theirs).with("DAYPASS_SERVER", ours.url())] {
        let get = ["helper", "keyring", "get", &theirs.index_url()];
        for arguments in [&get[..], &["token", "--audience", theirs.url()], &["login", theirs.url()]] {
            assert_eq!(person.run(arguments).status.code(), Some(4), "{arguments:?}");
        }
        assert!(person.run(["helper", "keyring", "get", &ours.index_url()]).status.success());
    }
    assert_eq!((ours.exchanges().len(), theirs.requests()), (2, 0));
}

#[test]
fn a_fixed_audience_is_sent_where_a_person_paired_the_token_with_the_server() {
    let issuer = FakeIssuer::start();
    let by_variable =
        Person::new().with("DAYPASS_SERVER", issuer.index_url()).with("DAYPASS_IDENTITY_TOKEN", OUTSIDE_TOKEN);
    assert!(by_variable.run(["token"]).status.success());
    let by_login = Person::new();
    by_login.write("job.jwt", OUTSIDE_TOKEN);
    assert!(by_login.run(["login", issuer.url(), "--identity-token", "job.jwt"]).status.success());
    // And what `login` remembered renews.
    by_login.age_entry(3600, 3600);
    assert!(by_login.run(["token"]).status.success());
    assert_eq!(issuer.exchanges().len(), 3);

    let by_nobody = Person::new();
    by_nobody.write_config(&format!("[[server]]\nurl = \"{}\"\n", issuer.url()));
    let done = by_nobody.run_with_stdin(["login", "--identity-token", "-"], OUTSIDE_TOKEN);
    assert_eq!(done.status.code(), Some(4), "{}", by_nobody.told(&done));
    // `status` does not promise what the next install would not get.
    let seen = by_nobody.with("DAYPASS_IDENTITY_TOKEN", OUTSIDE_TOKEN).sees(["status"]);
    assert!(seen.contains("exit code: 4") && seen.contains("next       get a token with the audience"), "{seen}");
    assert_eq!(issuer.exchanges().len(), 3);
}

#[test]
fn a_remembered_path_is_for_the_server_it_was_remembered_with() {
    let (ours, theirs) = (FakeIssuer::start(), FakeIssuer::start());
    let person = Person::signed_in(&ours).with("DAYPASS_SERVER", theirs.url());
    assert_eq!(person.run(["helper", "keyring", "get", &theirs.index_url()]).status.code(), Some(4));
    assert_eq!(theirs.requests(), 0);
}

#[test]
fn an_outside_token_that_cannot_be_read_goes_nowhere() {
    let issuer = FakeIssuer::start();
    let token = OUTSIDE_TOKEN.replace("eyJzdWIiOiJqb2ItMSJ9", "bm9uc2Vuc2U");
    let person = Person::new().with("DAYPASS_SERVER", issuer.url()).with("DAYPASS_IDENTITY_TOKEN", token);
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: the identity token cannot be read, so it was not sent

    hint: an identity token is a JWT, whose second part is a JSON object in base64url
    ");
    assert_eq!(issuer.requests(), 0);
}
