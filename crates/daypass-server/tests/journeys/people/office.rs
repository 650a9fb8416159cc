//! An ordinary day at the office: the server, the company's provider, somebody's browser and machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    browser::Browser,
    corp::{CLIENT_SECRET, Corp},
    terminal::Terminal,
};
use crate::{
    stage::{Stage, Venv},
    world::{Plan, World},
};

/// Everything that takes part.
pub(crate) struct Office {
    pub(crate) browser: Browser,
    pub(crate) corp: Corp,
    pub(crate) world: World,
    pub(crate) stage: Stage,
}

impl Office {
    /// Engineers of the company may read.
    pub(crate) fn open() -> Self {
        Self::open_with(World::plan(), "")
    }

    /// The same in another world, with more lines for its policy file.
    pub(crate) fn open_with(plan: Plan, more: &str) -> Self {
        let stage = Stage::find();
        let redirect_uri = format!("{}/oauth/callback/corp", plan.url());
        let corp = Corp::start(&stage, plan.folder(), "127.0.0.2", &redirect_uri);
        write_secret(&plan.folder().join("corp.secret"), CLIENT_SECRET);
        let policy = format!("{}{READERS}{more}", provider("corp", "Example Corp", &corp.issuer));
        let world = plan.policy(&policy).start();
        let browser = Browser::start(&stage, world.folder(), &[&corp.issuer]);
        Self { browser, corp, world, stage }
    }

    /// Changes the policy file, which the server notices by itself.
    pub(crate) fn change_policy(&self, from: &str, to: &str) {
        let path = self.world.path("policy.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        // At once, as editors do it: a half-written policy is nobody's intention.
        let next = path.with_extension("next");
        fs::write(&next, text.replace(from, to)).unwrap();
        fs::rename(next, path).unwrap();
    }

    /// A program at somebody's desk: the server is known there, and a browser opens.
    pub(crate) fn at_desk(&self, program: impl AsRef<Path>, home: &str) -> Command {
        let mut command = self.world.clean(program, home);
        command.env("DAYPASS_SERVER", self.world.url());
        self.with_browser(&mut command, home);
        command
    }

    /// A browser opens for `command`: where it is told to go is noted.
    pub(crate) fn with_browser(&self, command: &mut Command, home: &str) {
        command.env("BROWSER", self.stage.people().join("open-tab.sh")).env("OPENED_TABS", self.tabs_file(home));
        // As on any desktop; nothing connects to it.
        command.env("DISPLAY", ":99");
    }

    fn tabs_file(&self, home: &str) -> PathBuf {
        self.world.path(&format!("{home}.tabs"))
    }

    /// The addresses of the tabs that were opened so far.
    pub(crate) fn tabs(&self, home: &str) -> Vec<String> {
        let noted = fs::read_to_string(self.tabs_file(home)).unwrap_or_default();
        noted.lines().map(str::to_owned).collect()
    }

    /// Waits for the first tab; its address.
    pub(crate) fn opened_tab(&self, home: &str) -> String {
        until("a tab opens", Duration::from_secs(30), || self.tabs(home).into_iter().next())
    }

    /// `daypass` at somebody's desk.
    pub(crate) fn daypass(&self, home: &str, arguments: &[&str]) -> Output {
        self.at_desk(World::daypass(), home).args(arguments).output().unwrap()
    }

    /// `alice` signs in by `daypass login`.
    pub(crate) fn logs_in(&mut self, home: &str, person: &str) -> String {
        let before = self.tabs(home).len();
        let mut daypass = self.at_desk(World::daypass(), home);
        let terminal = Terminal::run(&self.stage, daypass.args(["login", &self.world.url()]));
        let tab = until("a tab opens", Duration::from_secs(30), || self.tabs(home).into_iter().nth(before));
        self.browser.signs_in(&tab, person);
        terminal.succeeds()
    }

    /// An access token, as `daypass token` prints it.
    pub(crate) fn access_token(&self, home: &str) -> String {
        let output = self.daypass(home, &["token"]);
        assert!(output.status.success(), "{}", crate::installers::text(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Whether the index lets this access token in.
    pub(crate) fn lets_in(&self, access_token: &str) -> bool {
        self.world.fetch("/python/simple/acme-hello/", access_token).status == 200
    }

    /// The access token must be refused within 5 seconds (promise 3).
    pub(crate) fn refuses_soon(&self, access_token: &str) {
        until("the access token is refused", Duration::from_secs(5), || (!self.lets_in(access_token)).then_some(()));
    }

    /// The files that the client keeps in `home`, by name.
    pub(crate) fn kept_files(&self, home: &str) -> Vec<PathBuf> {
        files_below(&self.world.path(home))
    }

    /// The events of one kind; there must be some.
    pub(crate) fn happened(&self, kind: &str) -> Vec<Value> {
        let events = self.world.audit_of(kind);
        assert!(!events.is_empty(), "no `{kind}` in {:#?}", self.world.audit());
        events
    }

    /// An environment with that pip and our wheel in it.
    pub(crate) fn venv(&self, name: &str, pip: &str) -> Venv {
        let venv = self.stage.venv(&self.world.path(name), pip);
        self.stage.install_wheel(&venv);
        venv
    }
}

/// Tries again until there is an answer; it must come in time.
pub(crate) fn until<T>(what: &str, limit: Duration, mut answer: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(Instant::now() < deadline, "within {limit:?}: {what}");
        thread::sleep(Duration::from_millis(25));
    }
}

/// A provider's entry in the policy file.
pub(crate) fn provider(name: &str, label: &str, issuer: &str) -> String {
    format!(
        "[[provider]]\nname = \"{name}\"\nlabel = \"{label}\"\nurl = \"{issuer}\"\nclient_id = \"daypass\"\n\
         client_secret = {{ file = \"corp.secret\" }}\n\n"
    )
}

const READERS: &str = "[[role]]\nrole = \"reader\"\nindex = \"python\"\ngroups = [\"corp/eng\"]\n\n";

/// A file that only its owner may read.
pub(crate) fn write_secret(path: &Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = fs::File::options().create(true).truncate(true).write(true).mode(0o600).open(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}
