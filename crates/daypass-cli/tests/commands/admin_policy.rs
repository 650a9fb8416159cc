//! `daypass admin issuer|identity|role`, `plan` and `apply`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{fake_issuer::FakeIssuer, person::Person};

/// A sample of a job's token, as GitHub's documentation shows one.
fn sample(claims: &Value) -> String {
    format!("eyJhbGciOiJSUzI1NiJ9.{}.c2FtcGxlLXNpZ25hdHVyZQ", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn github() -> Value {
    json!({
        "iss": "https://token.actions.githubusercontent.com", "sub": "repo:acme/app:ref:refs/heads/main",
        "repository": "acme/app", "repository_id": "74", "repository_owner_id": "65", "ref": "refs/heads/main",
    })
}

/// The exit code, stdout and stderr.
fn ran(person: &Person, line: &[&str]) -> (i32, String, String) {
    let done = person.run(line);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

#[test]
fn an_identity_pins_the_ids_of_the_sample_which_is_never_sent() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let token = sample(&github());
    let path = person.write("sample.jwt", &token);
    let (code, _, said) = ran(&person, &["admin", "issuer", "create", "github"]);
    assert_eq!((code, said.as_str()), (0, "created issuer `github`\n"));
    assert_eq!(issuer.stored("issuers", "github"), Some(json!({"name": "github", "preset": "github"})));
    let create = [
        "admin",
        "identity",
        "create",
        "github",
        "--name",
        "ci/app",
        "--repository",
        "acme/app",
        "--ref",
        "refs/heads/main",
        "--outside-token",
        &path,
        "--project",
        "acme-*",
        "--action",
        "pull",
        "--ttl",
        "15m",
    ];
    let (code, written, said) = ran(&person, &create);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("pins repository_id = \"74\", from the sample"), "{said}");
    assert!(written.contains("[[identity]]") && written.contains("repository_owner_id = \"65\""), "{written}");
    let expected = json!({
        "name": "ci/app", "issuer": "github", "ttl": "15m",
        "claims": { "repository_id": "74", "repository_owner_id": "65", "ref": "refs/heads/main" },
        "grants": [{ "index": "*", "projects": ["acme-*"], "actions": ["pull"] }],
    });
    assert_eq!(issuer.stored("identities", "ci/app"), Some(expected));
    let part = token.split('.').nth(1).unwrap();
    assert!(!issuer.told_about_policy().contains(part) && !said.contains(part) && !written.contains(part));
    // Twice is once too often: whoever wants to change it says so.
    let (code, _, said) = ran(&person, &create);
    assert!(code == 3 && said.contains("it is there already"), "{said}");

    // It is listed, shown, switched off and on, and deleted.
    let (code, listed, _) = ran(&person, &["admin", "identity", "list"]);
    assert_eq!((code, listed.trim()), (0, "ci/app                           stored"));
    assert!(ran(&person, &["admin", "identity", "show", "ci/app"]).1.contains("acme-*"));
    assert_eq!(ran(&person, &["admin", "identity", "disable", "ci/app"]).0, 0);
    assert_eq!(issuer.stored("identities", "ci/app").unwrap()["enabled"], json!(false));
    assert!(ran(&person, &["admin", "identity", "list"]).1.contains("disabled"));
    assert_eq!(ran(&person, &["admin", "identity", "enable", "ci/app"]).0, 0);
    assert_eq!(issuer.stored("identities", "ci/app").unwrap().get("enabled"), None);
    assert_eq!(ran(&person, &["admin", "identity", "delete", "ci/app"]).0, 0);
    let (code, _, said) = ran(&person, &["admin", "identity", "show", "ci/app"]);
    assert!(code == 3 && said.contains("there is none"), "{said}");
}

#[test]
fn switching_an_identity_undoes_nobody_elses_change() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let line = ["admin", "identity", "create", "generic", "--name", "ci/app", "--issuer", "any", "--claim", "a=b"];
    let (code, _, said) = ran(&person, &line);
    assert_eq!(code, 0, "{said}");
    let narrowed = |count: usize| json!({"name": "ci/app", "grants": vec!["narrower"; count]});
    issuer.meanwhile(&[narrowed(1)]);
    assert_eq!(ran(&person, &["admin", "identity", "disable", "ci/app"]).0, 0);
    let stored = issuer.stored("identities", "ci/app").unwrap();
    assert_eq!(stored, json!({"name": "ci/app", "grants": ["narrower"], "enabled": false}));
    // Whoever is always too late is told so.
    issuer.meanwhile(&[narrowed(2), narrowed(3)]);
    let (code, _, said) = ran(&person, &["admin", "identity", "enable", "ci/app"]);
    assert!(code == 3 && said.contains("somebody else is changing"), "{said}");
    assert_eq!(issuer.stored("identities", "ci/app"), Some(narrowed(3)));
}

#[test]
fn what_pins_no_id_or_something_else_than_was_named_is_not_sent() {
    let person = Person::new();
    let mine = person.write("sample.jwt", &sample(&github()));
    let mut other = github();
    other["iss"] = json!("https://evil.example");
    let others = person.write("other.jwt", &sample(&other));
    let broken = person.write("broken.jwt", "nothing");
    let identity = ["admin", "identity", "create"];
    for (line, expected) in [
        (vec!["githup", "--name", "x"], "no such preset"),
        (vec!["github", "--name", "x"], "`--repository-id` is needed"),
        (vec!["github", "--name", "x", "--repository", "acme/app"], "is a name, which somebody else may get later"),
        (
            vec!["github", "--name", "x", "--repository", "acme/other", "--outside-token", &mine],
            "the sample says \"acme/app\"",
        ),
        (vec!["github", "--name", "x", "--repository-id", "75", "--outside-token", &mine], "the sample says \"74\""),
        (vec!["github", "--name", "x", "--outside-token", &others], "the sample is from `https://evil.example`"),
        (vec!["github", "--name", "x", "--outside-token", &broken], "is no JWT"),
        (vec!["generic", "--name", "x"], "nothing is pinned"),
        (vec!["generic", "--name", "x", "--claim", "a"], "is not NAME=VALUE"),
        (vec!["generic", "--name", "x", "--claim", "aud=x"], "pins only"),
        (vec!["kubernetes", "--name", "x", "--namespace", "web"], "is needed"),
        (vec!["generic", "--name", "x", "--claim", "a=b", "--action", "fetch"], "unknown variant"),
        (vec!["generic", "--name", "x", "--claim", "a=b", "--ttl", "25h"], "24 hours"),
    ] {
        let line: Vec<&str> = identity.into_iter().chain(line).chain(["--dry-run"]).collect();
        let (code, out, said) = ran(&person, &line);
        assert!(matches!(code, 2 | 6) && out.is_empty() && said.contains(expected), "{line:?}: {said}");
    }
}

#[test]
fn every_kind_has_a_creator_whose_rule_is_a_policy() {
    let person = Person::new();
    let number = "12345";
    for (kind, line, expected) in [
        ("github", vec!["--repository-id", "74", "--owner-id", "65"], "repository_owner_id = \"65\""),
        (
            "gitlab",
            vec!["--project-id", "20", "--namespace-id", "72", "--ref", "refs/heads/main"],
            "ref_path = \"refs/heads/main\"",
        ),
        ("buildkite", vec!["--organization-id", "o", "--pipeline-id", "p"], "pipeline_id = \"p\""),
        (
            "kubernetes",
            vec!["--namespace", "web", "--service-account", "app"],
            "sub = \"system:serviceaccount:web:app\"",
        ),
        (
            "aws-oidc",
            vec!["--role-arn", "arn:aws:iam::123456789012:role/ci"],
            "sub = \"arn:aws:iam::123456789012:role/ci\"",
        ),
        ("aws-sigv4", vec!["--account", "123456789012"], "account = \"123456789012\""),
        ("google", vec!["--unique-id", number], "sub = \"12345\""),
        ("circleci", vec!["--claim", "oidc.circleci.com/org-id=o"], "\"oidc.circleci.com/org-id\" = \"o\""),
        ("generic", vec!["--claim", "repository_id=74"], "repository_id = \"74\""),
    ] {
        let line: Vec<&str> = ["admin", "identity", "create", kind, "--name", "x", "--dry-run", "-o", "toml"]
            .into_iter()
            .chain(line)
            .collect();
        let (code, written, said) = ran(&person, &line);
        assert_eq!(code, 0, "{line:?}: {said}");
        assert!(written.contains(expected), "{kind}: {written}");
    }
}

const POLICY: &str = "[[issuer]]\nname = \"gh\"\npreset = \"github\"\n";
const IDENTITY: &str = "[[identity]]\nname = \"ci/app\"\nissuer = \"gh\"\nttl = \"1h\"\n\
                        claims = { repository_id = \"74\", repository_owner_id = \"65\" }\n\
                        grants = [ { index = \"python\", projects = [\"*\"], actions = [\"pull\"] } ]\n";

#[test]
fn files_are_planned_applied_and_then_there_is_nothing_to_do() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    std::fs::create_dir(person.home().join("policy")).unwrap();
    person.write("policy/issuers.toml", POLICY);
    person.write("policy/identities.toml", IDENTITY);
    person.write("policy/README.md", "not a policy");
    let (code, told, said) = ran(&person, &["admin", "plan", "-f", "policy"]);
    assert_eq!(code, 1, "something would change: {said}");
    assert!(told.starts_with("+ identity ci/app\n") || told.starts_with("+ issuer gh\n"), "{told}");
    assert!(
        told.contains("    + ttl = \"1h\"\n") && told.ends_with("2 to create, 0 to update, 0 to delete\n"),
        "{told}"
    );
    let (code, _, said) = ran(&person, &["admin", "apply", "-f", "policy"]);
    assert!(code == 2 && said.contains("--yes"), "{said}");
    // Whoever is asked has seen what, though stdout is for a program.
    let (code, told, said) = ran(&person, &["admin", "apply", "-f", "policy", "-o", "json"]);
    assert!(code == 2 && told.is_empty() && said.contains("2 to create, 0 to update, 0 to delete"), "{said}");
    assert_eq!(issuer.stored("issuers", "gh"), None, "nobody confirmed it");
    let (code, _, said) = ran(&person, &["admin", "apply", "-f", "policy", "--yes"]);
    assert!(code == 0 && said.contains("applied"), "{said}");
    let (code, told, _) = ran(&person, &["admin", "plan", "-f", "policy"]);
    assert_eq!((code, told.as_str()), (0, "nothing to do\n"));
    assert_eq!(ran(&person, &["admin", "apply", "-f", "policy", "--yes"]).0, 0);

    person.write("policy/identities.toml", &IDENTITY.replace("1h", "30m"));
    let (_, told, _) = ran(&person, &["admin", "plan", "-f", "policy"]);
    assert_eq!(
        told,
        "~ identity ci/app\n    - ttl = \"1h\"\n    + ttl = \"30m\"\n0 to create, 1 to update, 0 to delete\n"
    );
    person.write("policy/identities.toml", "");
    let (_, told, _) = ran(&person, &["admin", "plan", "-f", "policy", "-o", "json"]);
    let plan: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&plan["changes"][0]["name"], &plan["changes"][0]["after"]), (&json!("ci/app"), &Value::Null));
}

#[test]
fn files_that_make_no_sense_are_told_without_the_server() {
    let person = Person::new();
    std::fs::create_dir(person.home().join("empty")).unwrap();
    for (content, expected) in [
        ("[[isuer]]\n", "unknown field"),
        ("x = ", "policy `"),
        ("[[provider]]\nname = \"x\"\n", "`provider` is for the files"),
        (
            "[[issuer]]\nname = \"a\"\npreset = \"github\"\n[[issuer]]\nname = \"a\"\npreset = \"gitlab\"\n",
            "defined twice",
        ),
    ] {
        let path = person.write("policy.toml", content);
        let (code, _, said) = ran(&person, &["admin", "plan", "-f", &path]);
        assert!(code == 6 && said.contains(expected), "{content}: {said}");
    }
    let (code, _, said) = ran(&person, &["admin", "plan", "-f", "empty"]);
    assert!(code == 6 && said.contains("no `.toml` files"), "{said}");
}

#[test]
fn lint_and_claims_are_explained_without_a_server() {
    let person = Person::new();
    let tight = person.write("tight.toml", &format!("{POLICY}{IDENTITY}"));
    let broad =
        person.write("broad.toml", &format!("{POLICY}{}", IDENTITY.replace(", repository_owner_id = \"65\"", "")));
    let (code, told, said) = ran(&person, &["admin", "identity", "lint", "--policy", &tight]);
    assert_eq!((code, told.as_str(), said.as_str()), (0, "", "nothing is too broad\n"));
    let (code, told, _) = ran(&person, &["admin", "identity", "lint", "--policy", &broad, "-o", "json"]);
    let finding: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &finding["code"]), (1, &json!("organisation_not_pinned")));

    let explain = |claims: Value| {
        let path = person.write("claims.json", &claims.to_string());
        let line = ["admin", "identity", "explain", "--claims", &path, "--policy", &tight, "-o", "json"];
        let (code, told, said) = ran(&person, &line);
        (code, serde_json::from_str::<Value>(&told).unwrap_or_else(|_| panic!("{told}{said}")))
    };
    let (code, answer) = explain(github());
    assert_eq!((code, &answer["signature"], &answer["identities"][0]["matches"]), (0, &json!("unknown"), &json!(true)));
    let mut other = github();
    other["repository_id"] = json!("75");
    let (code, answer) = explain(other.clone());
    assert_eq!((code, &answer["identities"][0]["claims"]["repository_id"]["matches"]), (1, &json!(false)));
    other["iss"] = json!("https://evil.example");
    assert_eq!(explain(other).0, 1);
}

#[test]
fn the_schema_is_printed() {
    let (code, told, _) = ran(&Person::new(), &["admin", "schema"]);
    let schema: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &schema["title"]), (0, &json!("daypass policy")));
    // What is published is what is read.
    let published = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/policy.schema.json");
    let published: Value = serde_json::from_str(&std::fs::read_to_string(published).unwrap()).unwrap();
    assert!(published == schema, "write docs/reference/policy.schema.json again with `daypass admin schema`");
}
