//! Uploads: what twine and `uv publish` send, and what they never would.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use bytes::Bytes;
use daypass_core::audit::{AuditKind, Outcome};
use daypass_testkit::{
    hostile::{self, Sample},
    upload::{Field, Upload},
    wheel::Wheel,
};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::{
    hostile::kept,
    world::{Answer, World, basic},
};

fn wheel() -> Wheel {
    Wheel::new("acme-hello", "1.0")
}

fn upload_of(wheel: &Wheel) -> Upload {
    let upload = Upload::new(wheel.name(), wheel.version(), &wheel.file_name(), &wheel.bytes());
    upload.with("requires_python", ">=3.9")
}

/// What an upload was refused with: status, code and sentence.
fn refused(answer: &Answer) -> (u16, String, String) {
    let problem = answer.json();
    let text = |name: &str| problem[name].as_str().unwrap().to_owned();
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(problem["status"], answer.status.as_u16());
    assert!(answer.phrase.contains(&text("detail")) || !text("detail").is_ascii(), "{}", answer.phrase);
    (answer.status.as_u16(), text("code"), text("detail"))
}

async fn nothing_is_there(world: &World) {
    assert_eq!(kept(world), Vec::<std::path::PathBuf>::new());
    assert!(world.store.hosted_projects(&"python".parse().unwrap()).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_uploaded_file_is_served_at_once_with_its_metadata_and_who_brought_it_is_known() {
    let world = World::alone().await;
    let wheel = wheel().requires_dist("acme-base>=1");
    let answer = world.upload(&upload_of(&wheel).with_md5()).await;
    assert_eq!(
        (answer.status, answer.text()),
        (StatusCode::OK, "acme_hello-1.0-py3-none-any.whl is published: acme-hello 1.0\n")
    );
    let page = world.get_json("/python/simple/acme-hello/").await.json();
    assert_eq!(page["versions"], json!(["1.0"]));
    let file = &page["files"][0];
    assert_eq!(file["filename"], "acme_hello-1.0-py3-none-any.whl");
    assert_eq!(file["requires-python"], ">=3.9");
    assert_eq!(file["size"], wheel.bytes().len());
    let path = "/python/files/acme-hello/acme_hello-1.0-py3-none-any.whl";
    assert_eq!(world.get(path).await.bytes(), &wheel.bytes());
    assert_eq!(world.get(&format!("{path}.metadata")).await.text(), wheel.metadata());

    let listed = world.store.hosted_files(&"python".parse().unwrap(), &"acme-hello".parse().unwrap()).await.unwrap();
    assert_eq!(listed[0].uploader.as_deref(), Some("identity `ci/push`"));
    assert_eq!(listed[0].metadata_size, Some(wheel.metadata().len() as u64));
    let events = world.audit().await;
    let event = events.iter().find(|event| event.kind == AuditKind::FileUploaded).unwrap();
    assert_eq!((event.outcome, event.identity.as_deref()), (Outcome::Success, Some("ci/push")));
    assert_eq!(event.file_sha256, Some(listed[0].sha256));
    assert_eq!(event.file.as_ref().unwrap().as_str(), "acme_hello-1.0-py3-none-any.whl");
    assert!(event.token_sha256.is_some() && event.source.is_some());
}

#[tokio::test]
async fn an_sdist_and_a_wheel_are_one_release_and_the_address_may_lack_its_last_slash() {
    let world = World::alone().await;
    let wheel = wheel();
    let sdist = Upload::new("Acme.Hello", "1.0", &wheel.sdist_name(), &wheel.sdist_bytes());
    let request = Request::post("/python/legacy").header("authorization", basic(&world.push_token("acme-*")));
    let answer = world.send_body(request.header("content-type", sdist.content_type()), sdist.body()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(world.upload(&upload_of(&wheel)).await.status, StatusCode::OK);
    let page = world.get_json("/python/simple/acme-hello/").await.json();
    assert_eq!((&page["versions"], page["files"].as_array().unwrap().len()), (&json!(["1.0"]), 2));
    assert_eq!(page["files"][0]["requires-python"], ">=3.9");
}

#[tokio::test]
async fn the_same_file_again_is_fine_and_other_bytes_are_a_conflict_for_ever() {
    let world = World::alone().await;
    let wheel = wheel();
    assert_eq!(world.upload(&upload_of(&wheel)).await.status, StatusCode::OK);
    let again = world.upload(&upload_of(&wheel)).await;
    assert_eq!(again.status, StatusCode::OK);
    assert!(again.text().contains("was published before, with the same bytes"), "{}", again.text());
    let before = kept(&world);
    let other = wheel.clone().module("evil = True\n");
    let (status, code, detail) = refused(&world.upload(&upload_of(&other)).await);
    assert_eq!((status, &*code), (409, "file_exists"));
    assert!(detail.starts_with("File already exists"), "{detail}");
    assert_eq!(kept(&world), before);
    let events = world.audit().await;
    assert_eq!(events.iter().filter(|event| event.kind == AuditKind::FileUploaded).count(), 1);
}

#[tokio::test]
async fn a_release_keeps_its_first_spelling_and_has_one_sdist() {
    let world = World::alone().await;
    let (first, second) = (wheel(), Wheel::new("acme-hello", "1.0.0"));
    let sdist = |wheel: &Wheel| Upload::new(wheel.name(), wheel.version(), &wheel.sdist_name(), &wheel.sdist_bytes());
    assert_eq!(world.upload(&sdist(&first)).await.status, StatusCode::OK);
    assert_eq!(world.upload(&upload_of(&second)).await.status, StatusCode::OK);
    let before = kept(&world);
    let (status, _, detail) = refused(&world.upload(&sdist(&second)).await);
    assert_eq!(status, 400);
    assert!(detail.contains("second source distribution"), "{detail}");
    assert_eq!(kept(&world), before);
    assert_eq!(world.get_json("/python/simple/acme-hello/").await.json()["versions"], json!(["1.0"]));
}

#[tokio::test]
async fn every_hostile_file_is_refused_with_its_reason_and_nothing_is_kept() {
    // Making them takes a while, in which the world would go blind.
    let samples = hostile::refused();
    let world = World::alone().await;
    let mut wrong = Vec::new();
    for Sample { what, file, bytes, reason } in samples {
        let answer = world.upload(&Upload::new(hostile::PROJECT, "1.0", &file, &bytes)).await;
        let (status, code, detail) = refused(&answer);
        // The form is of `acme-hello`, so a file that is named otherwise is refused for that.
        let is_named = file.starts_with("acme_hello-1.0");
        if (status, &*code) != (400, "upload_invalid") || (is_named && !detail.contains(reason)) {
            wrong.push(format!("{what} ({reason}): {status} {detail}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    nothing_is_there(&world).await;
    assert!(world.audit().await.iter().all(|event| event.kind != AuditKind::FileUploaded));
}

#[tokio::test]
async fn every_good_twin_is_taken() {
    let mut wrong = Vec::new();
    for Sample { what, file, bytes, .. } in hostile::taken() {
        let world = World::alone().await;
        let version = if file.contains("+cgr.1") { "1.0+cgr.1" } else { "1.0" };
        let upload = Upload::new(hostile::PROJECT, version, &file, &bytes).without("metadata_version");
        let answer = world.upload(&upload).await;
        if answer.status != StatusCode::OK {
            wrong.push(format!("{what}: {answer:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_form_that_lies_or_lacks_something_is_refused_and_nothing_is_kept() {
    let world = World::alone().await;
    let good = || upload_of(&wheel());
    let content = |name: &str| {
        let mut upload = good();
        upload.fields.last_mut().unwrap().file = Some(name.to_owned());
        upload
    };
    let mut no_file_name = good();
    no_file_name.fields.last_mut().unwrap().file = None;
    let mut not_utf8 = good();
    not_utf8.fields.iter_mut().find(|field| field.name == "version").unwrap().value = vec![0xff];
    let mut many = good();
    let field = Field { name: "classifiers".to_owned(), file: None, value: Vec::new() };
    many.fields.splice(0..0, vec![field; 10_001]);
    for (what, upload, code, part) in [
        ("another SHA-256", good().with("sha256_digest", &"0".repeat(64)), "upload_invalid", "`sha256_digest`"),
        ("another BLAKE2", good().with("blake2_256_digest", &"0".repeat(64)), "upload_invalid", "`blake2_256_digest`"),
        ("another MD5", good().with("md5_digest", &"0".repeat(32)), "upload_invalid", "`md5_digest`"),
        ("a digest that is none", good().with("sha256_digest", "abc"), "upload_invalid", "`sha256_digest`"),
        ("no digest", good().without("sha256_digest").without("blake2_256_digest"), "form_invalid", "no digest"),
        ("another name", good().with("name", "evil"), "upload_invalid", "is of `acme-hello`"),
        ("a name that is none", good().with("name", "../evil"), "form_invalid", "no name of a project"),
        ("no name", good().without("name"), "form_invalid", "has no `name`"),
        ("two names", good().twice("name"), "form_invalid", "`name` is there twice"),
        ("another version", good().with("version", "2.0"), "upload_invalid", "says `version: 2.0`"),
        ("no version", good().without("version"), "form_invalid", "has no `version`"),
        (
            "another metadata version",
            good().with("metadata_version", "1.0"),
            "upload_invalid",
            "`metadata_version: 1.0`",
        ),
        ("another Python", good().with("requires_python", ">=2"), "upload_invalid", "`requires_python: >=2`"),
        ("another kind", good().with("filetype", "sdist"), "upload_invalid", "`filetype: sdist`"),
        ("another action", good().with(":action", "doc_upload"), "form_invalid", "only the action"),
        ("another protocol", good().with("protocol_version", "2"), "form_invalid", "only the protocol"),
        ("no file", good().without("content"), "form_invalid", "no file in `content`"),
        ("two files", good().twice("content"), "form_invalid", "`content` is there twice"),
        ("a file without a name", no_file_name, "form_invalid", "has no file name"),
        (
            "a path as the file's name",
            content("../../acme_hello-1.0-py3-none-any.whl"),
            "upload_invalid",
            "neither a wheel's",
        ),
        (
            "a name in an old form",
            content("Acme_Hello-1.0-py3-none-any.whl"),
            "upload_invalid",
            "must be `acme_hello-1.0-",
        ),
        ("a field that is too long", good().with("version", &"1".repeat(300)), "form_invalid", "`version` is too long"),
        ("a field that is not UTF-8", not_utf8, "form_invalid", "`version` is not UTF-8"),
        ("too many fields", many, "form_invalid", "too many fields"),
        ("attestations", good().with("attestations", "[{}]"), "attestations_refused", "attestations"),
    ] {
        let (status, found, detail) = refused(&world.upload(&upload).await);
        assert_eq!((status, &*found), (400, code), "{what}: {detail}");
        assert!(detail.contains(part), "{what}: {detail}");
    }
    nothing_is_there(&world).await;
    assert_eq!(world.upload(&good().with("attestations", "[]")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let world = World::alone().await;
    let token = world.push_token("*");
    let send = async |content_type: &str, body: Vec<u8>| {
        let request = Request::post("/python/legacy/").header("authorization", basic(&token));
        refused(&world.send_body(request.header("content-type", content_type), body).await)
    };
    let good = upload_of(&wheel());
    let cut = good.body();
    let cut = cut[..cut.len() - 30].to_vec();
    let long_head = format!("--x\r\nContent-Disposition: form-data; name=\"{}", "a".repeat(2_000_000)).into_bytes();
    for (what, content_type, body, part) in [
        ("no form at all", "application/json".to_owned(), b"{}".to_vec(), "multipart/form-data"),
        ("no boundary", "multipart/form-data".to_owned(), good.body(), "multipart/form-data"),
        ("cut", good.content_type(), cut, "ends in the middle"),
        ("nothing", good.content_type(), Vec::new(), "ends in the middle"),
        ("a field's head without end", "multipart/form-data; boundary=x".to_owned(), long_head, ""),
        ("a preamble without end", good.content_type(), vec![b'a'; 2_000_000], ""),
    ] {
        let (status, code, detail) = send(&content_type, body).await;
        assert_eq!((status, &*code), (400, "form_invalid"), "{what}: {detail}");
        assert!(detail.contains(part), "{what}: {detail}");
    }
    nothing_is_there(&world).await;
}

#[tokio::test]
async fn only_who_may_push_the_project_uploads_and_a_refusal_is_in_the_audit_log() {
    let world = World::alone().await;
    let upload = upload_of(&wheel());
    let send = async |authorization: Option<String>, path: &str| {
        let mut request = Request::post(path).header("content-type", upload.content_type());
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let answer = world.send_body(request, upload.body()).await;
        refused(&answer)
    };
    let path = "/python/legacy/";
    assert_eq!(send(None, path).await.0, 401);
    assert_eq!(send(Some(basic("nonsense")), path).await.0, 401);
    let mut expired = world.claims("ci/push");
    expired["exp"] = json!(world.now().as_second() - 1);
    assert_eq!(send(Some(basic(&world.signer.sign(&expired))), path).await.0, 401);
    let (status, code, detail) = send(Some(basic(&world.access_token("ci/app"))), path).await;
    assert_eq!((status, &*code), (403, "grant_missing"), "a grant to pull is none to push");
    assert_eq!(detail, "identity `ci/app` may not push anything of index `python`");
    let (status, _, detail) = send(Some(basic(&world.push_token("other-*"))), path).await;
    assert_eq!((status, &*detail), (403, "identity `ci/push` may not push project `acme-hello` of index `python`"));
    let push = || Some(basic(&world.push_token("*")));
    assert_eq!(send(push(), "/gone/legacy/").await.0, 403, "nothing is said of an index that is none of theirs");
    // Nor is it enough that the credential says so, when its identity is not granted it.
    let mut claims = world.claims("ci/app");
    claims["grants"] = json!([{ "index": "python", "projects": ["*"], "actions": ["push"] }]);
    assert_eq!(send(Some(basic(&world.signer.sign(&claims))), path).await.0, 403);
    nothing_is_there(&world).await;
    let denied = world.audit().await.into_iter().filter(|event| event.kind == AuditKind::AccessDenied).count();
    assert_eq!(denied, 4);
}

#[tokio::test]
async fn the_address_for_uploads_says_so_to_installers() {
    let world = World::alone().await;
    let request = Request::get("/python/legacy/").header("authorization", basic(&world.push_token("*")));
    let answer = world.send(request).await;
    assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    assert_eq!(world.get("/python/legacy/").await.status, StatusCode::FORBIDDEN);
    let request = Request::post("/python/simple/").header("authorization", basic(&world.push_token("*")));
    assert_eq!(world.send(request).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

/// A body that comes piece by piece; `between` is called before the last.
fn in_pieces(body: &[u8], between: impl FnOnce() + Send + 'static) -> Body {
    let pieces: Vec<Bytes> = body.chunks(1000).map(Bytes::copy_from_slice).collect();
    let last = pieces.len() - 1;
    let mut between = Some(between);
    Body::from_stream(stream::iter(pieces).enumerate().map(move |(number, piece)| {
        if number == last
            && let Some(between) = between.take()
        {
            between();
        }
        Ok::<_, std::convert::Infallible>(piece)
    }))
}

#[tokio::test]
async fn who_loses_the_grant_while_the_file_comes_does_not_publish_it() {
    let world = World::alone().await;
    let upload = upload_of(&wheel().padding(20_000));
    let (policy, changed) = (world.policy.clone(), World::changed_policy(|text| text.replace("\"push\"", "\"yank\"")));
    let body = in_pieces(&upload.body(), move || policy.store(changed));
    let request = Request::post("/python/legacy/").header("authorization", basic(&world.push_token("*")));
    let answer = world.send_body(request.header("content-type", upload.content_type()), body).await;
    assert_eq!(refused(&answer).0, 403);
    nothing_is_there(&world).await;
}

#[tokio::test]
async fn a_file_may_come_before_its_name_when_it_is_small() {
    let world = World::alone().await;
    assert_eq!(world.upload(&upload_of(&wheel()).file_first()).await.status, StatusCode::OK);
    let large = Wheel::new("acme-large", "1.0").padding(2_000_000);
    let (status, _, detail) = refused(&world.upload(&upload_of(&large).file_first()).await);
    assert_eq!(status, 400);
    assert!(detail.contains("`name` before a file"), "{detail}");
    assert_eq!(world.upload(&upload_of(&large)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_file_that_is_too_long_is_refused() {
    let world = World::with_longest_file(10_000).await;
    assert_eq!(world.upload(&upload_of(&wheel())).await.status, StatusCode::OK);
    let large = upload_of(&Wheel::new("acme-large", "1.0").padding(10_000));
    let (status, code, detail) = refused(&world.upload(&large).await);
    assert_eq!((status, &*code), (413, "file_too_large"), "{detail}");
    // One that says so is not even read.
    let request = Request::post("/python/legacy/").header("authorization", basic(&world.push_token("*")));
    let request = request.header("content-type", large.content_type()).header("content-length", "1000000000");
    assert_eq!(
        refused(&world.send_body(request, Body::from_stream(stream::pending::<Result<Bytes, String>>())).await).0,
        413
    );
    assert_eq!(kept(&world).len(), 2, "the one that was taken, and its metadata");
}

#[tokio::test]
async fn an_upload_that_stops_is_given_up() {
    let world = World::alone().await;
    let upload = upload_of(&wheel());
    let body = upload.body();
    let half = Bytes::copy_from_slice(&body[..body.len() / 2]);
    let stops = stream::iter([Ok::<_, String>(half.clone())]).chain(stream::pending());
    let breaks = stream::iter([Ok(half), Err("gone".to_owned())]);
    let send = async |body: Body| {
        let request = Request::post("/python/legacy/").header("authorization", basic(&world.push_token("*")));
        refused(&world.send_body(request.header("content-type", upload.content_type()), body).await)
    };
    assert_eq!(send(Body::from_stream(stops)).await.0, 408);
    assert_eq!(send(Body::from_stream(breaks)).await.0, 400);
    nothing_is_there(&world).await;
}

#[tokio::test]
async fn of_many_uploads_of_one_name_one_is_published() {
    let world = std::sync::Arc::new(World::alone().await);
    let uploads = (0..20).map(|number| {
        let world = std::sync::Arc::clone(&world);
        let upload = upload_of(&wheel().module(&format!("number = {number}\n")));
        tokio::spawn(async move { world.upload(&upload).await.status })
    });
    let mut taken = 0;
    for answer in uploads.collect::<Vec<_>>() {
        match answer.await.unwrap() {
            StatusCode::OK => taken += 1,
            other => assert_eq!(other, StatusCode::CONFLICT),
        }
    }
    assert_eq!(taken, 1);
    let events = world.audit().await;
    assert_eq!(events.iter().filter(|event| event.kind == AuditKind::FileUploaded).count(), 1);
}

#[tokio::test]
async fn a_project_that_is_closed_and_a_name_that_was_deleted_take_no_files() {
    use daypass_core::{audit::AuditEvent, project_status::ProjectStatus};
    use daypass_store::{CatalogueChange, Which};
    let world = World::alone().await;
    let (index, project) = ("python".parse().unwrap(), "acme-hello".parse().unwrap());
    assert_eq!(world.upload(&upload_of(&wheel())).await.status, StatusCode::OK);
    let event = |kind| AuditEvent::new(world.now(), kind, Outcome::Success, "test");
    let change =
        async |change, kind| world.store.change_catalogue(&index, &project, change, event(kind)).await.unwrap();

    let status = CatalogueChange::Status(ProjectStatus::Archived, Some("use acme-hi".to_owned()));
    change(status, AuditKind::ProjectStatusChanged).await;
    let next = upload_of(&Wheel::new("acme-hello", "2.0"));
    let (status, code, detail) = refused(&world.upload(&next).await);
    assert_eq!((status, &*code), (403, "project_closed"));
    assert_eq!(detail, "project `acme-hello` is archived: it takes no files; use acme-hi");
    change(CatalogueChange::Status(ProjectStatus::Active, None), AuditKind::ProjectStatusChanged).await;
    assert_eq!(world.upload(&next).await.status, StatusCode::OK);

    let which = Which::Release("1.0".to_owned());
    let delete = CatalogueChange::Delete { which, uploaded_since: None, at: world.now(), reason: None };
    change(delete, AuditKind::FileDeleted).await;
    let (status, code, detail) = refused(&world.upload(&upload_of(&wheel())).await);
    assert_eq!((status, &*code), (409, "file_name_used"));
    assert!(detail.contains("never used again"), "{detail}");
}

#[tokio::test]
async fn what_the_view_of_an_index_leaves_out_is_not_uploaded_to_it() {
    use daypass_index::{IndexSpec, View};
    let view = View { only: Some(vec!["other".parse().unwrap()]), before: None };
    let index = IndexSpec { view, ..IndexSpec::simple("python".parse().unwrap(), None) };
    let world = World::made_of(vec![index]).await;
    let (status, code, detail) = refused(&world.upload(&upload_of(&wheel())).await);
    assert_eq!((status, &*code), (403, "project_left_out"));
    assert!(detail.contains("acme-hello"), "{detail}");
    nothing_is_there(&world).await;
    assert_eq!(world.upload(&upload_of(&Wheel::new("other", "1.0"))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn into_a_namespace_uploads_only_who_was_granted_it_by_name() {
    use daypass_index::{IndexSpec, Namespace, Namespaces};
    let namespace = Namespace { name: "acme".parse().unwrap(), owner: None };
    let namespaces = Namespaces::new(vec![namespace]).unwrap();
    let index = IndexSpec { namespaces, ..IndexSpec::simple("python".parse().unwrap(), None) };
    let world = World::made_of(vec![index]).await;
    // The identity is granted `*`.
    let (status, code, _) = refused(&world.upload(&upload_of(&wheel())).await);
    assert_eq!((status, &*code), (409, "namespace_foreign"));
    nothing_is_there(&world).await;
    assert_eq!(world.upload(&upload_of(&Wheel::new("other", "1.0"))).await.status, StatusCode::OK);
    world.set_policy(|text| {
        text.replace(r#"projects = ["*"], actions = ["push"]"#, r#"projects = ["acme-*"], actions = ["push"]"#)
    });
    let (rule_of, upload) = (world.policy.load_full(), upload_of(&wheel()));
    let identity = rule_of.identities().iter().find(|one| one.name.as_str() == "ci/push").unwrap();
    let mut claims = world.claims("ci/push");
    claims["rule"] = json!(rule_of.rule_digest(identity));
    claims["grants"] = json!([{ "index": "python", "projects": ["acme-*"], "actions": ["push"] }]);
    let request = Request::post("/python/legacy/").header("authorization", basic(&world.signer.sign(&claims)));
    let answer = world.send_body(request.header("content-type", upload.content_type()), upload.body()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
}
