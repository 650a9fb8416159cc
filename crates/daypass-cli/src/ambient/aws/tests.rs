use daypass_core::clock::{Clock, SystemClock};
use daypass_oidc::aws_caller::{ExpectedCaller, SignedCaller};

use super::{super::machine::fake::FakeMachine, *};

const KEYS: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjE+/="),
    ("AWS_REGION", "eu-central-1"),
];

fn server() -> PublicUrl {
    "https://packages.example.com".parse().unwrap()
}

fn machine(more: &[(&str, &str)]) -> FakeMachine {
    FakeMachine::with(&[&KEYS, more].concat())
}

fn sign(machine: &FakeMachine, identity: &str) -> Result<Proof, Failure> {
    get_signed_caller(machine, Asked { server: &server(), audience: server().as_str(), identity })
}

fn is_here(machine: &FakeMachine) -> bool {
    matches!(look(machine, None), Seen::Here(_))
}

#[test]
fn a_machine_of_aws_is_known_by_what_aws_put_there() {
    for variables in [
        &[("AWS_LAMBDA_FUNCTION_NAME", "f")][..],
        &[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x")],
        &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials")],
        &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/x")],
    ] {
        assert!(is_here(&FakeMachine::with(variables)), "{variables:?}");
    }
    for (name, text) in [("sys_vendor", "Amazon EC2"), ("bios_vendor", "Amazon EC2"), ("bios_version", "4.11.amazon")] {
        assert!(is_here(&FakeMachine::default().firmware_says(name, text)), "{name} = {text}");
    }
}

#[test]
fn keys_on_a_laptop_and_another_cloud_are_not_it() {
    assert!(!is_here(&FakeMachine::default()));
    for (name, text) in [("sys_vendor", "Google"), ("sys_vendor", "Amazon EC2 Fan"), ("bios_version", "amazon")] {
        assert!(!is_here(&FakeMachine::default().firmware_says(name, text)), "{name} = {text}");
    }
    let Seen::NotHere(_, Some(hint)) = look(&machine(&[]), None) else { panic!("keys alone say nothing") };
    assert!(hint.contains("--ambient aws`"), "{hint}");
}

#[test]
fn half_a_role_of_a_pod_is_a_mistake() {
    let half = FakeMachine::with(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")]);
    assert!(matches!(look(&half, None), Seen::Misconfigured(..)));
}

#[test]
fn what_is_signed_is_what_the_server_expects() {
    let Proof::AwsSigv4(text) = sign(&machine(&[]), "ci/app").unwrap() else { panic!("a signed request") };
    let regions = ["eu-central-1".parse().unwrap()];
    let (audiences, now) = ([server().as_str().into()], SystemClock.now());
    let expected = ExpectedCaller { audiences: &audiences, identity: Some("ci/app"), regions: &regions, now };
    SignedCaller::parse(text.expose()).unwrap().check(&expected).unwrap();
    assert!(!text.expose().contains("wJalr"), "the key stays here");
    assert!(text.expose().contains("IQoJb3JpZ2luX2VjE+/="), "the session goes along");
    let other = ExpectedCaller { identity: Some("ci/other"), ..expected };
    assert!(SignedCaller::parse(text.expose()).unwrap().check(&other).is_err());
}

#[test]
fn it_signs_for_one_identity_in_one_region_with_whole_keys() {
    let failure = sign(&machine(&[]), "").unwrap_err();
    assert!(failure.hint.unwrap().contains("--identity"));
    for (more, expected) in
        [(("AWS_REGION", "moon"), "which region"), (("AWS_REGION", "eu-central-1.evil.example"), "which region")]
    {
        let failure = sign(&machine(&[more]), "ci/app").unwrap_err();
        assert!(failure.message.contains(expected), "{failure}");
        assert_eq!(failure.status, Status::SignInNeeded);
    }
}

#[test]
fn a_profile_gives_keys_and_only_its_own() {
    let profile = "[default]\naws_access_key_id = AKIADEFAULTDEFAULT11\naws_secret_access_key = x\n\
                   [build]\naws_access_key_id = AKIABUILDBUILDBUIL11\naws_secret_access_key = y\n";
    let with = |more: &[(&str, &str)]| {
        let base = [("HOME", "/home/me"), ("AWS_REGION", "eu-central-1"), ("AWS_EC2_METADATA_DISABLED", "true")];
        FakeMachine::with(&[&base, more].concat()).file("/home/me/.aws/credentials", profile)
    };
    for (more, key) in [(&[][..], "AKIADEFAULTDEFAULT11"), (&[("AWS_PROFILE", "build")], "AKIABUILDBUILDBUIL11")] {
        let Proof::AwsSigv4(text) = sign(&with(more), "ci/app").unwrap() else { panic!("a signed request") };
        assert!(text.expose().contains(key), "{more:?}");
        assert!(!text.expose().contains("security_token"));
    }
    let failure = sign(&with(&[("AWS_PROFILE", "other")]), "ci/app").unwrap_err();
    assert!(failure.message.contains("no keys"), "{failure}");
}

#[test]
fn no_agent_is_asked_in_clear_text_beyond_the_machine() {
    for place in [
        "http://packages.example.com/credentials",
        "http://10.0.0.1/credentials",
        "http://203.0.113.7/credentials",
        "http://user@127.0.0.1/credentials",
    ] {
        let base = [("AWS_REGION", "eu-central-1"), ("AWS_CONTAINER_CREDENTIALS_FULL_URI", place)];
        let failure = sign(&FakeMachine::with(&base), "ci/app").unwrap_err();
        assert!(failure.message.contains("is not asked") || failure.message.contains("cannot connect"), "{failure}");
    }
    // Nor where the rest of a host name is put after the agent's address.
    for rest in [".packages.example.com/x", "@packages.example.com/x", ":80@packages.example.com/x"] {
        let base = [("AWS_REGION", "eu-central-1"), ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", rest)];
        assert!(sign(&FakeMachine::with(&base), "ci/app").is_err(), "{rest}");
    }
}

#[test]
fn a_source_that_gives_nothing_is_not_skipped() {
    // A container whose agent is not there does not become the machine under it.
    let base =
        [("AWS_REGION", "eu-central-1"), ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/credentials")];
    let failure = sign(&FakeMachine::with(&base), "ci/app").unwrap_err();
    assert!(failure.message.contains("the role of this container"), "{failure}");
    assert_eq!(failure.status, Status::Unreachable);
}

#[test]
fn nothing_secret_is_shown() {
    let shown = format!("{:?}", Surroundings::of(&machine(&[])));
    assert!(!shown.contains("wJalr") && !shown.contains("IQoJ"), "{shown}");
}
