//! The web console: somebody signs in, finds a project, copies a line, and the line works in a shell.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Output};

use daypass_testkit::wheel::Wheel;

use super::office::Office;
use crate::{
    installers::{succeeded, text},
    stage::{Stage, Venv},
    world::{PRIVATE, PUBLIC},
};

const README: &str = "License-Expression: MIT\nAuthor-email: Ada Example <ada@example.com>\nKeywords: hello, greeting\n\
    Classifier: Programming Language :: Python :: 3\nClassifier: Topic :: Utilities\nRequires-Dist: acme-hello>=1\n\
    Requires-Dist: sunny-lib; extra == \"sun\"\nProject-URL: Documentation, https://docs.example.com/acme-rich\n\
    Project-URL: Trap, javascript:alert(document.domain)\nDescription-Content-Type: text/markdown\n\n\
    # acme-rich\n\n[![build](https://ci.example.com/badge.svg)](https://ci.example.com/) \
    <img src=\"https://tracker.example.com/pixel.png\" onerror=\"document.title='stolen'\">\n\n\
    Says **hello** in many ways. See [the docs](https://docs.example.com/), or <script>document.title='stolen'</script> not.\n\n\
    ## How\n\n```python\nimport acme_rich\n\nacme_rich.greet(name=\"a rather long line of code that does not fit on the screen of a phone at all\")\n```\n\n\
    | way | works |\n|---|---|\n| loud | yes |\n| quiet | yes |\n\n> Quoted, and [a trap](javascript:alert(1)).\n\n1. one\n2. two\n";

/// Alice has come as far as the first page.
fn signed_in(office: &mut Office) {
    let url = format!("{}/console/", office.world.url());
    office.browser.arrives_at_provider(&url);
    office.browser.signs_in_as("alice");
    let page = office.browser.reads("Packages for you");
    assert_eq!(page.url, url);
    assert!(page.text.contains("alice"), "{}", page.text);
}

/// The line of the page that begins so.
fn line(text: &str, begins: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| line.starts_with(begins));
    line.unwrap_or_else(|| panic!("no line `{begins}…` in {text}")).to_owned()
}

/// Runs lines as they were copied, in a shell at the desk of whoever is signed in on the command line.
fn shell(office: &Office, lines: &str, venv: &Venv, folder: &Path) -> Output {
    // The environment is the one that is active, as its `activate` has it.
    let (bin, stage) = (venv.python().parent().unwrap().to_path_buf(), &office.stage);
    let pip = bin.join("pip");
    fs::write(&pip, "#!/bin/sh\nexec \"$(dirname \"$0\")/python\" -m pip \"$@\"\n").unwrap();
    fs::set_permissions(&pip, fs::Permissions::from_mode(0o755)).unwrap();
    let of = |program: std::path::PathBuf| program.parent().unwrap().display().to_string();
    let path = [of(venv.python()), of(stage.uv()), of(stage.poetry()), stage.client().display().to_string()].join(":");
    let mut shell = office.at_desk("/bin/sh", "home");
    shell.args(["-e", "-c", lines]).current_dir(folder).env("PATH", format!("{path}:/usr/bin:/bin"));
    shell.env("VIRTUAL_ENV", bin.parent().unwrap()).env("POETRY_VIRTUALENVS_IN_PROJECT", "true");
    shell.env("UV_NO_PROGRESS", "1").env("UV_NO_CACHE", "1").env("PIP_NO_CACHE_DIR", "1");
    shell.output().unwrap()
}

fn says_hello(office: &Office, python: &Path) {
    let script = "import acme_hello; print(acme_hello.hello())";
    let output = office.world.clean(python, "home").args(["-c", script]).output().unwrap();
    assert_eq!(text(&output).trim(), "hello from a private package");
}

#[test]
fn somebody_finds_a_project_and_its_lines_work_with_pip_uv_and_poetry() {
    let mut office = Office::open();
    signed_in(&mut office);
    office.browser.type_into("Find a project in python", "acme");
    office.browser.press("Search");
    let page = office.browser.press(PRIVATE);
    assert!(page.url.ends_with("/console/python/acme-hello/"), "{}", page.url);
    assert!(page.text.contains("Hosted on this server"), "{}", page.text);
    let (pip, uv) = (line(&page.text, "pip install --index-url"), line(&page.text, "uv pip install"));
    let poetry = format!("{}\n{}", line(&page.text, "poetry source"), line(&page.text, "poetry add"));

    office.logs_in("home", "alice");
    let venv = office.venv("venv-pip", "newest");
    succeeded(&shell(&office, &pip, &venv, office.world.folder()));
    says_hello(&office, &venv.python());
    let venv = office.stage.venv(&office.world.path("venv-uv"), "newest");
    succeeded(&shell(&office, &uv, &venv, office.world.folder()));
    says_hello(&office, &venv.python());

    let project = office.world.path("project");
    fs::create_dir(&project).unwrap();
    let written = "[project]\nname = \"mine\"\nversion = \"1.0\"\nrequires-python = \">=3.9\"\n[tool.poetry]\npackage-mode = false\n";
    fs::write(project.join("pyproject.toml"), written).unwrap();
    succeeded(&shell(&office, &poetry, &venv, &project));
    // Where an environment is active, poetry installs into that one.
    says_hello(&office, &venv.python());

    // What only upstream has is looked at by its name, and is found from then on.
    let url = format!("{}/console/python/{PUBLIC}/", office.world.url());
    let page = office.browser.open(&url);
    assert!(page.text.contains("Pulled through from an upstream index"), "{}", page.text);
    let venv = office.venv("venv-public", "newest");
    let pinned = office.browser.press("2.5");
    succeeded(&shell(&office, &line(&pinned.text, "pip install --index-url"), &venv, office.world.folder()));
    assert!(line(&pinned.text, "pip install --index-url").ends_with("sunny-lib==2.5"), "{}", pinned.text);
}

#[test]
fn the_pages_have_their_pictures_taken_and_hostile_words_do_nothing() {
    let mut office = Office::open();
    let stage = Stage::find();
    for version in ["0.9", "1.0", "1.1", "2.0rc1"] {
        office.world.import(&Wheel::new("acme-rich", version).about(README));
    }
    signed_in(&mut office);
    office.browser.picture(&stage, "console-home");
    let url = format!("{}/console/python/?q=acme", office.world.url());
    let page = office.browser.open(&url);
    assert!(page.text.contains("2 projects for “acme”"), "{}", page.text);
    office.browser.picture(&stage, "console-search");
    let page = office.browser.press("acme-rich");
    assert!(page.text.contains("acme-rich 1.1") && page.text.contains("Says hello in many ways"), "{}", page.text);
    office.browser.picture(&stage, "console-project");
    let page = office.browser.press("2.0rc1");
    assert!(page.text.contains("is a pre-release") && page.text.contains("acme-rich==2.0rc1"), "{}", page.text);
    office.browser.picture(&stage, "console-prerelease");
    let url = format!("{}/console/python/nothing-of-that-name/", office.world.url());
    let page = office.browser.open(&url);
    assert!(page.text.contains("Not found"), "{}", page.text);
    office.browser.picture(&stage, "console-absent");
    let page = office.browser.press("Back to the start");
    assert!(page.text.contains("Packages for you"), "{}", page.text);
    office.browser.press("Sign out");
    office.browser.reads("You are signed out");
    office.browser.picture(&stage, "console-signed-out");
}

#[test]
fn it_works_without_javascript_until_one_signs_out() {
    let mut office = Office::open();
    office.browser.without_scripts();
    // From a link that somebody sent, through the sign-in, to the very page.
    let url = format!("{}/console/python/acme-hello/?version=1.0", office.world.url());
    office.browser.arrives_at_provider(&url);
    let page = office.browser.signs_in_as("alice");
    assert_eq!(page.url, url);
    assert!(page.text.contains("pip install --index-url"), "{}", page.text);
    office.browser.press("Packages");
    office.browser.type_into("Find a project in python", "ello");
    let page = office.browser.press("Search");
    assert!(page.text.contains("1 project for “ello”"), "{}", page.text);
    office.browser.press("Sign out");
    office.browser.reads("You are signed out");
    let page = office.browser.open(&url);
    assert!(page.text.contains("Sign in") && !page.text.contains("pip install"), "{}", page.text);
    assert_eq!(office.happened("session.ended").len(), 1);
}

#[test]
fn another_browser_sees_nothing_and_neither_does_who_has_no_role() {
    let mut office = Office::open();
    signed_in(&mut office);
    let url = format!("{}/console/python/acme-hello/", office.world.url());
    assert!(office.browser.open(&url).text.contains("pip install"));
    office.browser.another_machine();
    let page = office.browser.open(&url);
    assert!(page.text.contains("the web console asks for access"), "{}", page.text);
    office.browser.press("Continue with Example Corp");
    let page = office.browser.signs_in_as("carol");
    assert!(page.text.contains("You are not signed in") && page.text.contains("no role"), "{}", page.text);
    let page = office.browser.open(&url);
    assert!(!page.text.contains("pip install"), "{}", page.text);
}

#[test]
fn a_role_that_is_taken_away_closes_the_open_page() {
    let mut office = Office::open();
    signed_in(&mut office);
    let url = format!("{}/console/python/acme-hello/", office.world.url());
    assert!(office.browser.open(&url).text.contains("pip install"));
    office.change_policy("\"corp/eng\"", "\"corp/sales\"");
    super::office::until("the page is closed", std::time::Duration::from_secs(5), || {
        let page = office.browser.open(&url);
        (!page.text.contains("pip install")).then_some(page)
    });
}
