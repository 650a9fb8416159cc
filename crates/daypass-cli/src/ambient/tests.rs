//! Detection as tables: what a machine has, and what is seen there.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{machine::fake::FakeMachine, *};

const SERVER: &str = "https://packages.example.com";

fn server() -> PublicUrl {
    SERVER.parse().unwrap()
}

fn machine(variables: &[(&str, &str)]) -> FakeMachine {
    FakeMachine::with(variables)
}

fn jwt(claims: &str) -> String {
    format!("eyJhbGciOiJFUzI1NiJ9.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims))
}

/// What the one provider that is not absent is seen as.
fn seen(machine: &FakeMachine) -> Vec<(&'static str, Seen)> {
    let all = survey(machine, Some(&server())).into_iter();
    all.filter(|(_, seen)| !matches!(seen, Seen::NotHere(..))).map(|(found, seen)| (found.0.name, seen)).collect()
}

fn found(machine: &FakeMachine) -> Option<&'static str> {
    find(machine, &server()).unwrap().map(|ambient| ambient.0.name)
}

fn proof(name: &str, machine: &FakeMachine, pairing: Pairing) -> Result<String, Failure> {
    let ambient: Ambient = name.parse().unwrap();
    let proof = ambient.proof_for(machine, &Server::at(server()), pairing)?;
    Ok(proof.outside_token().expose().to_owned())
}

#[test]
fn nothing_is_here_on_a_laptop() {
    let laptop = machine(&[("HOME", "/home/ada"), ("PATH", "/usr/bin"), ("CI", "true")]);
    assert_eq!((seen(&laptop), found(&laptop)), (vec![], None));
    assert_eq!(nearly(&laptop, &server()), None);
}

#[test]
fn each_provider_is_known_by_its_marks() {
    let path = ("PATH", "/usr/bin:/opt/agent");
    for (expected, machine) in [
        ("github", machine(&[("ACTIONS_ID_TOKEN_REQUEST_URL", "https://x"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t")])),
        ("gitlab", machine(&[("GITLAB_CI", "true"), ("DAYPASS_ID_TOKEN", "t")])),
        ("gitlab", machine(&[("GITLAB_CI", "true"), ("HTTPS___PACKAGES_EXAMPLE_COM_ID_TOKEN", "t")])),
        (
            "buildkite",
            machine(&[("BUILDKITE", "true"), ("BUILDKITE_AGENT_ACCESS_TOKEN", "t"), ("BUILDKITE_JOB_ID", "1")]),
        ),
        ("buildkite", machine(&[("BUILDKITE", "true"), path]).file("/opt/agent/buildkite-agent", "")),
        ("circleci", machine(&[("CIRCLECI", "true"), ("CIRCLE_OIDC_TOKEN", "t")])),
        ("circleci", machine(&[("CIRCLECI", "true"), ("CIRCLE_OIDC_TOKEN_V2", "t")])),
        ("circleci", machine(&[("CIRCLECI", "true"), path]).file("/opt/agent/circleci", "")),
        ("bitbucket", machine(&[("BITBUCKET_STEP_OIDC_TOKEN", "t")])),
        ("azure-devops", machine(&[("SYSTEM_OIDCREQUESTURI", "https://x"), ("SYSTEM_ACCESSTOKEN", "t")])),
        ("jenkins", machine(&[("JENKINS_URL", "https://x"), ("DAYPASS_ID_TOKEN", "t")])),
        ("terraform", machine(&[("TFC_RUN_ID", "run-1"), ("TFC_WORKLOAD_IDENTITY_TOKEN", "t")])),
        ("terraform", machine(&[("TFC_RUN_ID", "run-1"), ("TFC_WORKLOAD_IDENTITY_TOKEN_DAYPASS", "t")])),
        ("spacelift", machine(&[("SPACELIFT_OIDC_TOKEN", "t")])),
        ("spacelift", machine(&[]).file("/mnt/workspace/spacelift.oidc", "t")),
        ("semaphore", machine(&[("SEMAPHORE", "true"), ("SEMAPHORE_OIDC_TOKEN", "t")])),
        ("vercel", machine(&[("VERCEL", "1"), ("VERCEL_OIDC_TOKEN", "t")])),
        ("codefresh", machine(&[("CF_BUILD_ID", "1"), ("DAYPASS_ID_TOKEN", "t")])),
        ("buddy", machine(&[("BUDDY_EXECUTION_ID", "1"), ("DAYPASS_ID_TOKEN", "t")])),
        ("harness", machine(&[("HARNESS_BUILD_ID", "1"), ("DAYPASS_ID_TOKEN", "t")])),
        ("fly", machine(&[("FLY_MACHINE_ID", "1")]).socket("/.fly/api")),
        ("file", machine(&[]).file("/var/run/daypass/oidc-token", "t")),
        ("kubernetes", machine(&[]).file("/var/run/secrets/tokens/daypass", "t")),
        ("aks", machine(&[("AZURE_FEDERATED_TOKEN_FILE", "/azure")]).file("/azure", "t")),
        ("google", machine(&[("GCE_METADATA_HOST", "127.0.0.1:1")])),
        ("google", machine(&[("K_SERVICE", "app")])),
        ("google", machine(&[("CLOUD_RUN_JOB", "app")])),
        ("google", machine(&[]).firmware_says("product_name", "Google Compute Engine")),
        ("azure", machine(&[("IDENTITY_ENDPOINT", "http://127.0.0.1:1"), ("IDENTITY_HEADER", "h")])),
        ("azure", machine(&[]).firmware_says("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77")),
    ] {
        assert!(matches!(&seen(&machine)[..], [(name, Seen::Here(_))] if *name == expected), "{:?}", seen(&machine));
        assert_eq!(found(&machine), Some(expected));
    }
    for endpoint in ["unix:///run/spire/api.sock", "unix:/run/spire/api.sock", "tcp://127.0.0.1:8081"] {
        assert_eq!(found(&machine(&[("SPIFFE_ENDPOINT_SOCKET", endpoint)])), Some("spiffe"));
    }
    // Anybody may listen there.
    assert_eq!(found(&machine(&[]).socket("/tmp/spire-agent/public/api.sock")), None);
}

#[test]
fn half_a_mark_is_none() {
    for machine in [
        machine(&[("ACTIONS_ID_TOKEN_REQUEST_URL", "https://x")]),
        machine(&[("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t")]),
        machine(&[("DAYPASS_ID_TOKEN", "t")]),
        machine(&[("GITLAB_CI", "false"), ("DAYPASS_ID_TOKEN", "t")]),
        machine(&[("BUILDKITE_AGENT_ACCESS_TOKEN", "t"), ("BUILDKITE_JOB_ID", "1")]),
        machine(&[("PATH", "/opt/agent")]).file("/opt/agent/buildkite-agent", ""),
        machine(&[("CIRCLE_OIDC_TOKEN_V2", "t")]),
        machine(&[("TFC_WORKLOAD_IDENTITY_TOKEN", "t")]),
        machine(&[("SYSTEM_ACCESSTOKEN", "t")]),
        machine(&[("FLY_MACHINE_ID", "1")]),
        machine(&[]).socket("/.fly/api"),
        machine(&[("IDENTITY_ENDPOINT", "http://127.0.0.1:1")]),
        machine(&[]).firmware_says("product_name", "Google Pixel"),
        machine(&[]).firmware_says("chassis_asset_tag", "none"),
        machine(&[("KUBERNETES_SERVICE_HOST", "10.0.0.1")]),
        machine(&[("JENKINS_URL", "https://x")]),
        machine(&[("VERCEL", "1"), ("VERCEL_ENV", "development")]),
    ] {
        assert_eq!((seen(&machine), found(&machine)), (vec![], None), "{machine:?}");
    }
}

#[test]
fn what_is_set_up_wrong_is_an_error_with_its_remedy() {
    for (machine, remedy) in [
        (machine(&[("GITHUB_ACTIONS", "true")]), "permissions: id-token: write"),
        (machine(&[("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "pull_request")]), "from a fork gets none"),
        (machine(&[("GITHUB_ACTIONS", "true"), ("ACTIONS_ID_TOKEN_REQUEST_URL", "x")]), "id-token: write"),
        (machine(&[("GITLAB_CI", "true")]), "DAYPASS_ID_TOKEN: { aud: https://packages.example.com } }"),
        (machine(&[("BUILDKITE", "true")]), "mount `buildkite-agent` into the container"),
        (machine(&[("CIRCLECI", "true")]), "let the job use a context"),
        (machine(&[("BITBUCKET_BUILD_NUMBER", "1")]), "audiences: [https://packages.example.com]"),
        (machine(&[("SYSTEM_OIDCREQUESTURI", "https://x")]), "SYSTEM_ACCESSTOKEN: $(System.AccessToken)"),
        (machine(&[("TFC_RUN_ID", "run-1")]), "TFC_WORKLOAD_IDENTITY_AUDIENCE_DAYPASS"),
        (machine(&[("SEMAPHORE", "true")]), "SEMAPHORE_OIDC_TOKEN"),
        (machine(&[("VERCEL", "1")]), "turn OIDC federation on"),
        (machine(&[("SPIFFE_ENDPOINT_SOCKET", "/run/api.sock")]), "unix://"),
        (machine(&[("AZURE_FEDERATED_TOKEN_FILE", "/not/there")]), "azure.workload.identity/use"),
    ] {
        // It is not overlooked for what lies under it.
        let machine = machine.file("/var/run/secrets/kubernetes.io/serviceaccount/token", "t");
        let failure = find(&machine, &server()).unwrap_err();
        assert_eq!(failure.status, Status::SignInNeeded);
        assert!(failure.hint.as_ref().is_some_and(|hint| hint.contains(remedy)), "{failure}");
    }
}

#[test]
fn what_could_be_helped_is_told_where_nothing_is_here() {
    for (mark, remedy) in [
        ("JENKINS_URL", "bind an OpenID Connect credential"),
        ("CF_BUILD_ID", "obtain-oidc-id-token"),
        ("BUDDY_EXECUTION_ID", "DAYPASS_IDENTITY_TOKEN"),
        ("HARNESS_BUILD_ID", "DAYPASS_IDENTITY_TOKEN"),
        ("KUBERNETES_SERVICE_HOST", "audience `https://packages.example.com` at `/var/run/secrets/tokens/daypass`"),
    ] {
        let hint = nearly(&machine(&[(mark, "x")]), &server()).unwrap();
        assert!(hint.contains(remedy), "{hint}");
    }
}

#[test]
fn a_ci_comes_before_the_cloud_under_it() {
    let runner = machine(&[
        ("GITHUB_ACTIONS", "true"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://x"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t"),
        ("SPIFFE_ENDPOINT_SOCKET", "unix:///x"),
    ]);
    let runner = runner.firmware_says("product_name", "Google").file("/var/run/secrets/tokens/daypass", "t");
    assert_eq!(found(&runner), Some("github"));
    let names: Vec<_> = seen(&runner).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["github", "spiffe", "kubernetes", "google"]);
    // A job of Jenkins without a token of its own may have the machine's.
    assert_eq!(found(&machine(&[("JENKINS_URL", "x")]).firmware_says("product_name", "Google")), Some("google"));
}

#[test]
fn the_token_of_every_pod_is_taken_only_if_it_is_for_us_alone() {
    let path = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    let pod = |claims: &str| machine(&[]).file(path, &jwt(claims));
    let ours = pod(r#"{"aud":["https://packages.example.com"]}"#);
    assert_eq!(found(&ours), Some("kubernetes"));
    assert!(proof("kubernetes", &ours, Pairing::ByAudience).is_ok());
    for claims in [
        r#"{"aud":["https://kubernetes.default.svc"]}"#,
        r#"{"aud":["https://kubernetes.default.svc","https://packages.example.com"]}"#,
        r"{}",
    ] {
        assert_eq!(found(&pod(claims)), None, "{claims}");
        // Not even where somebody chose it by name.
        assert!(proof("kubernetes", &pod(claims), Pairing::Explicit).is_err(), "{claims}");
    }
}

#[test]
fn a_file_is_read_anew_each_time() {
    let path = "/var/run/secrets/tokens/daypass";
    let (first, second) = (
        jwt(r#"{"aud":"https://packages.example.com","n":1}"#),
        jwt(r#"{"aud":"https://packages.example.com","n":2}"#),
    );
    let pod = machine(&[]).file(path, &format!("{first}\n"));
    assert_eq!(proof("kubernetes", &pod, Pairing::ByAudience), Ok(first));
    pod.files.borrow_mut().insert(path.into(), second.clone());
    assert_eq!(proof("kubernetes", &pod, Pairing::ByAudience), Ok(second));
}

#[test]
fn a_token_for_somebody_else_is_kept_back_unless_a_person_paired_it() {
    let fixed = jwt(r#"{"aud":"api://AzureADTokenExchange"}"#);
    for (name, machine) in [
        ("gitlab", machine(&[("GITLAB_CI", "true"), ("DAYPASS_ID_TOKEN", &fixed)])),
        ("bitbucket", machine(&[("BITBUCKET_STEP_OIDC_TOKEN", &fixed)])),
        ("circleci", machine(&[("CIRCLECI", "true"), ("CIRCLE_OIDC_TOKEN", &fixed)])),
        ("terraform", machine(&[("TFC_RUN_ID", "1"), ("TFC_WORKLOAD_IDENTITY_TOKEN", &fixed)])),
        ("spacelift", machine(&[("SPACELIFT_OIDC_TOKEN", &fixed)])),
        ("spacelift", machine(&[]).file("/mnt/workspace/spacelift.oidc", &fixed)),
        ("semaphore", machine(&[("SEMAPHORE", "true"), ("SEMAPHORE_OIDC_TOKEN", &fixed)])),
        ("vercel", machine(&[("VERCEL", "1"), ("VERCEL_OIDC_TOKEN", &fixed)])),
        ("aks", machine(&[("AZURE_FEDERATED_TOKEN_FILE", "/azure")]).file("/azure", &fixed)),
        ("file", machine(&[]).file("/var/run/daypass/oidc-token", &fixed)),
    ] {
        let failure = proof(name, &machine, Pairing::ByAudience).unwrap_err();
        assert_eq!(failure.status, Status::SignInNeeded, "{name}");
        assert!(failure.message.contains("meant for `api://AzureADTokenExchange`"), "{failure}");
        assert!(failure.hint.unwrap().contains(&format!("--ambient {name}")), "{name}");
        assert_eq!(proof(name, &machine, Pairing::Explicit).as_ref(), Ok(&fixed), "{name}");
    }
}

#[test]
fn what_is_no_jwt_goes_nowhere() {
    for value in ["$DAYPASS_ID_TOKEN", "hunter2", "a.b.c"] {
        let job = machine(&[("GITLAB_CI", "true"), ("DAYPASS_ID_TOKEN", value)]);
        let failure = proof("gitlab", &job, Pairing::Explicit).unwrap_err();
        assert!(failure.message.contains("no identity token") && !failure.to_string().contains(value), "{failure}");
    }
}

#[test]
fn a_provider_that_was_chosen_and_is_not_here_is_an_error() {
    let failure = proof("github", &machine(&[]), Pairing::Explicit).unwrap_err();
    assert_eq!(failure.message, "GitHub Actions does not vouch for this machine: `GITHUB_ACTIONS` is not set");
    // Some containers show nothing of the cloud they are in.
    for name in ["google", "azure"] {
        let ambient: Ambient = name.parse().unwrap();
        assert_eq!(ambient.check(&machine(&[]), &server()), Ok(()));
    }
}

#[test]
fn a_choice_is_read_as_it_is_written() {
    assert_eq!("auto".parse(), Ok(Choice::Auto));
    assert_eq!("off".parse(), Ok(Choice::Off));
    assert!(matches!("gitlab".parse(), Ok(Choice::Named(found)) if found.0.name == "gitlab"));
    for text in ["", "GitHub", "github ", "none"] {
        assert!(text.parse::<Choice>().unwrap_err().contains("is not one of github, gitlab,"), "{text}");
    }
}

#[test]
fn no_two_providers_share_a_name() {
    let mut names: Vec<_> = PROVIDERS.iter().map(|provider| provider.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), PROVIDERS.len());
    assert!(names.iter().all(|name| !name.is_empty() && !["auto", "off"].contains(name)));
}
