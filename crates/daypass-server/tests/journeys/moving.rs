//! Packages move in and out, are yanked, retired and deleted: by the real command, proven by the real pip and uv.

use std::{
    fs,
    path::Path,
    process::{Child, Output, Stdio},
    time::{Duration, Instant},
};

use daypass_testkit::wheel::Wheel;
use serde_json::{Value, json};

use crate::{
    http::get,
    stage::{Stage, Venv},
    world::{World, free_port},
};

/// `ci/mover` may do everything, `ci/builder` push everything, but not what stands in a namespace.
const POLICY: &str = r#"
[[identity]]
name = "ci/mover"
issuer = "ci"
claims = { repository_id = "81" }
grants = [ { index = "python", projects = ["*", "corp-*"], actions = ["pull", "push", "yank", "admin"] } ]

[[identity]]
name = "ci/builder"
issuer = "ci"
claims = { repository_id = "82" }
grants = [ { index = "python", projects = ["*"], actions = ["pull", "push"] } ]
"#;

const CONFIG: &str = "[[index]]\nname = \"python\"\nnamespaces = [{ name = \"corp\" }]\n";

fn world() -> World {
    World::plan().policy(POLICY).config(CONFIG).start()
}

/// A folder with these releases of `project`, as wheels, and an sdist of the first.
fn dist(world: &World, folder: &str, project: &str, versions: &[&str]) {
    let folder = world.path(folder);
    fs::create_dir_all(folder.join("deep")).unwrap();
    for version in versions {
        let wheel = Wheel::new(project, version).module(&format!("version = '{version}'\n"));
        fs::write(folder.join("deep").join(wheel.file_name()), wheel.bytes()).unwrap();
    }
    let wheel = Wheel::new(project, versions[0]);
    fs::write(folder.join(wheel.sdist_name()), wheel.sdist_bytes()).unwrap();
}

/// `daypass`, as the job of a repository.
fn daypass(world: &World, repository: &str, arguments: &[&str]) -> Output {
    let token = world.outside_token_of(repository);
    world.in_job(World::daypass(), &format!("home-{repository}"), &token).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The version of `module` that a real pip installs from an index.
fn pip(world: &World, venv: &Venv, index: &str, project: &str, target: &str) -> Result<String, String> {
    let target = world.path(target);
    let mut pip = world.clean(venv.python(), "home");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "--no-deps"]);
    let output = pip.args(["--index-url", index, "--target"]).arg(&target).arg(project).output().unwrap();
    if !output.status.success() {
        return Err(text(&output.stderr));
    }
    let module = target.join(format!("{}.py", project.replace('-', "_").split('=').next().unwrap()));
    let init = target.join(project.replace('-', "_").split('=').next().unwrap()).join("__init__.py");
    let source = fs::read_to_string(&module).or_else(|_| fs::read_to_string(init)).unwrap();
    Ok(source.split('\'').nth(1).unwrap().to_owned())
}

fn index_with(world: &World, access_token: &str) -> String {
    world.index_url().replacen("://", &format!("://_token:{access_token}@"), 1)
}

#[test]
fn a_folder_moves_in_and_what_is_yanked_retired_or_deleted_is_installed_no_more() {
    let (stage, world) = (Stage::find(), world());
    let venv = stage.venv(&world.path("venv"), "newest");
    dist(&world, "dist", "acme-tool", &["1.0", "1.1"]);
    let said = done(&daypass(&world, "81", &["index", "import", "dist", "--dry-run"]));
    assert!(said.contains("3 would be uploaded to `python`"), "{said}");
    let said = done(&daypass(&world, "81", &["index", "import", "dist"]));
    assert!(said.contains("3 uploaded to `python`"), "{said}");
    let said = done(&daypass(&world, "81", &["index", "import", "dist"]));
    assert!(said.contains("0 uploaded to `python` (0 B), 3 there already"), "{said}");

    let index = index_with(&world, &world.access_token_for(&world.outside_token_of("81")));
    assert_eq!(pip(&world, &venv, &index, "acme-tool", "one").unwrap(), "1.1");
    done(&daypass(&world, "81", &["admin", "index", "yank", "python/acme-tool==1.1", "--reason", "breaks"]));
    assert_eq!(pip(&world, &venv, &index, "acme-tool", "two").unwrap(), "1.0");
    assert_eq!(pip(&world, &venv, &index, "acme-tool==1.1", "three").unwrap(), "1.1", "pinned, it is still there");
    done(&daypass(&world, "81", &["admin", "index", "unyank", "python/acme-tool==1.1"]));
    assert_eq!(pip(&world, &venv, &index, "acme-tool", "four").unwrap(), "1.1");

    let status = ["admin", "index", "status", "python/acme-tool"];
    done(&daypass(&world, "81", &[&status[..], &["quarantined", "--reason", "ask security"]].concat()));
    assert!(pip(&world, &venv, &index, "acme-tool", "five").is_err());
    dist(&world, "more", "acme-tool", &["1.2"]);
    let refused = daypass(&world, "81", &["index", "import", "more"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stdout).contains("quarantined"), "{}", text(&refused.stdout));
    done(&daypass(&world, "81", &[&status[..], &["active"]].concat()));

    let delete = ["admin", "index", "delete", "python/acme-tool==1.1", "--reason", "a password", "--yes"];
    done(&daypass(&world, "81", &delete));
    assert_eq!(pip(&world, &venv, &index, "acme-tool", "six").unwrap(), "1.0");
    let again = daypass(&world, "81", &["index", "import", "dist"]);
    assert_eq!(again.status.code(), Some(3));
    assert!(text(&again.stdout).contains("never used again"), "{}", text(&again.stdout));
    // Who may push may do none of it.
    let refused = daypass(&world, "82", &["admin", "index", "yank", "python/acme-tool==1.0"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(text(&refused.stderr).contains("may not yank project `acme-tool`"), "{}", text(&refused.stderr));
    for kind in ["file.yanked", "file.unyanked", "file.deleted"] {
        assert_eq!(world.audit_of(kind).len(), 1, "{kind}");
    }
    assert_eq!(world.audit_of("project.status").len(), 2);
}

#[test]
fn only_its_owners_upload_into_a_namespace() {
    let world = world();
    dist(&world, "dist", "corp-tool", &["1.0"]);
    dist(&world, "dist", "other-tool", &["1.0"]);
    let refused = daypass(&world, "82", &["index", "import", "dist", "-o", "json"]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    let said: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!((said["uploaded"].as_array().unwrap().len(), said["refused"].as_array().unwrap().len()), (2, 2));
    let reason = said["refused"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("namespace `corp`") && reason.contains("`corp-*`"), "{reason}");
    let said = done(&daypass(&world, "81", &["index", "import", "dist"]));
    assert!(said.contains("2 uploaded to `python`") && said.contains("2 there already"), "{said}");
}

/// A server that ends with this.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// A static web server for a folder.
fn serve(world: &World, stage: &Stage, folder: &Path) -> (Ends, String) {
    let port = free_port();
    let mut server = world.clean(stage.python(), "home");
    server.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string(), "--directory"]).arg(folder);
    let server = Ends(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let authority = format!("127.0.0.1:{port}");
    let deadline = Instant::now() + Duration::from_mins(1);
    while get("/").send(&authority).is_err() {
        assert!(Instant::now() < deadline, "the static server does not answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    (server, format!("http://{authority}/simple/"))
}

#[test]
fn an_index_moves_out_into_a_folder_that_any_web_server_serves() {
    let (stage, world) = (Stage::find(), world());
    dist(&world, "dist", "acme-tool", &["1.0", "1.1"]);
    done(&daypass(&world, "81", &["index", "import", "dist"]));
    done(&daypass(&world, "81", &["admin", "index", "yank", "python/acme-tool==1.1"]));
    let said = done(&daypass(&world, "81", &["index", "export", "mirror"]));
    assert!(said.contains("2 projects of `python` are in `mirror`: 4 files fetched"), "{said}");
    let said = done(&daypass(&world, "81", &["index", "export", "mirror"]));
    assert!(said.contains("0 files fetched (0 B), 4 there already"), "{said}");

    let mirror = world.path("mirror");
    let page: Value = serde_json::from_slice(&fs::read(mirror.join("simple/acme-tool/index.json")).unwrap()).unwrap();
    for file in page["files"].as_array().unwrap().iter().filter(|file| file["core-metadata"].is_object()) {
        let path = mirror.join("files/acme-tool").join(format!("{}.metadata", file["filename"].as_str().unwrap()));
        assert!(fs::read_to_string(path).unwrap().starts_with("Metadata-Version"));
    }
    let venv = stage.venv(&world.path("venv"), "newest");
    let (_server, url) = serve(&world, &stage, &mirror);
    assert_eq!(pip(&world, &venv, &url, "acme-tool", "one").unwrap(), "1.0", "a yank goes along");
    let file = format!("file://{}/simple/", mirror.display());
    assert_eq!(pip(&world, &venv, &file, "acme-tool", "two").unwrap(), "1.0");
    let mut uv = world.clean(stage.uv(), "home");
    uv.args(["pip", "install", "--no-cache", "--index-url", &url, "--target"]).arg(world.path("three"));
    let output = uv.arg("--python").arg(stage.python()).arg("acme-tool").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn another_index_moves_in_with_its_yanks_and_upload_times() {
    let (old, new) = (world(), world());
    dist(&old, "dist", "acme-tool", &["1.0", "1.1"]);
    done(&daypass(&old, "81", &["index", "import", "dist"]));
    done(&daypass(&old, "81", &["admin", "index", "yank", "python/acme-tool==1.1", "--reason", "breaks & burns"]));
    let access_token = old.access_token_for(&old.outside_token_of("81"));
    let password = new.path("password");
    fs::write(&password, &access_token).unwrap();
    let url = old.index_url();
    let import = |repository: &str, more: &[&str]| {
        let line = ["index", "import", &url, "--username", "_token", "--password-file", "password", "--project"];
        daypass(&new, repository, &[&line[..], &["acme-tool"], more].concat())
    };
    // Whoever may only push brings no yank and no time of others.
    let refused = import("82", &[]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    assert!(text(&refused.stdout).contains("2 uploaded") && text(&refused.stdout).contains("may not yank"));
    assert!(import("82", &["--keep-upload-times"]).status.code() == Some(3));

    let said = done(&import("81", &["--keep-upload-times"]));
    assert!(said.contains("1 uploaded to `python`") && said.contains("2 there already"), "{said}");
    let page = |world: &World| {
        let token = world.access_token_for(&world.outside_token_of("81"));
        let request = get("/python/simple/acme-tool/").basic("_token", &token);
        let answer = world.send(&request.header("accept", "application/vnd.pypi.simple.v1+json"));
        let files = answer.json()["files"].as_array().unwrap().clone();
        files.into_iter().find(|file| file["filename"] == "acme_tool-1.1-py3-none-any.whl").unwrap()
    };
    let (there, here) = (page(&old), page(&new));
    assert_eq!(here["yanked"], json!("breaks & burns"));
    for key in ["yanked", "upload-time", "hashes", "core-metadata", "size"] {
        assert_eq!(here[key], there[key], "{key}");
    }
    // Ours was never sent there.
    let events = old.audit_of("access.denied");
    assert!(events.is_empty(), "{events:?}");
}

#[test]
fn what_is_described_of_the_administration_is_there() {
    let world = world();
    let document = world.send(&get("/api/v1/openapi.json")).json();
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        if !path.starts_with("/api/v1/indexes") {
            continue;
        }
        let path = path.replace("{index}", "python").replace(['{', '}'], "");
        for method in operations.as_object().unwrap().keys() {
            let method = ["GET", "PUT", "DELETE"].into_iter().find(|known| known.eq_ignore_ascii_case(method)).unwrap();
            let answer = world.send(&get(path.as_str()).method(method));
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.everything());
            asked += 1;
        }
    }
    assert_eq!(asked, 10);
}
