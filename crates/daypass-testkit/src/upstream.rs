//! A fake upstream index: speaks PEP 691 JSON or PEP 503 HTML, counts what it is asked, and can be made to misbehave.
//!
//! It runs on a thread of its own, so a plain `#[test]` or a binary can use it too, and [`Upstream::stop`] is as
//! abrupt as a power cut. What is *not* here: uploads.

mod answer;
mod page;
mod server;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use md5::Md5;
use sha2::{Digest as _, Sha256, Sha512};

use crate::wheel::Wheel;

/// A running fake index. Stops when dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    shared: Shared,
    server: Option<server::Running>,
}

/// How the index speaks and misbehaves. Change it at any time with [`Upstream::set`].
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "these are switches")]
pub struct Manner {
    /// Which form of pages it has.
    pub speaks: Speaks,
    /// Whether pages give the files' digests.
    pub hashes: bool,
    /// Which digest they give: `sha256` (with `sha512` beside it, in JSON), `sha512` or `md5`.
    pub algorithm: &'static str,
    /// Whether HTML pages give their links relative to a `<base href>`.
    pub base_href: bool,
    /// Whether files are sent in parts to who asks for one (RFC 9110 §14).
    pub ranges: bool,
    /// Whether every answer sets a cookie.
    pub cookie: bool,
    /// The `Authorization` that every request must have.
    pub authorization: Option<String>,
    /// Whether pages give sizes and upload times (JSON only).
    pub details: bool,
    /// Whether `….metadata` is there and advertised (PEP 658).
    pub core_metadata: bool,
    /// Whether the digest of metadata is given, where the files' are.
    pub metadata_digest: bool,
    /// Whether pages have an `ETag` and answer `If-None-Match`.
    pub etag: bool,
    /// Whether pages are sent compressed to who accepts it.
    pub gzip: bool,
    /// Where the files' URLs point: `None` for relative URLs, else the beginning of an absolute one.
    pub file_host: Option<String>,
    /// What goes wrong with pages.
    pub pages: Trouble,
    /// What goes wrong with files.
    pub files: Trouble,
    /// What goes wrong with `….metadata`.
    pub metadata: Trouble,
    /// What goes wrong with provenance.
    pub provenance: Trouble,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            speaks: Speaks::Both,
            hashes: true,
            algorithm: "sha256",
            base_href: false,
            ranges: true,
            cookie: false,
            authorization: None,
            details: true,
            core_metadata: true,
            metadata_digest: true,
            etag: true,
            gzip: false,
            file_host: None,
            pages: Trouble::None,
            files: Trouble::None,
            metadata: Trouble::None,
            provenance: Trouble::None,
        }
    }
}

/// Forms of project pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// PEP 691 JSON, whatever is asked.
    Json,
    /// PEP 503 HTML, whatever is asked.
    Html,
    /// As the request's `Accept` says.
    Both,
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// So many bytes per second. The head of the answer comes at once.
    Slow(u64),
    /// The first half comes; the rest waits for [`Upstream::let_go`].
    Gate,
    /// One byte in the middle is another.
    Corrupt,
    /// The connection ends before the promised length.
    Truncate,
    /// A whole answer, but a shorter one, with a `Content-Length` to match.
    Shorter,
    /// This status, with an empty body.
    Status(u16),
    /// No answer, ever.
    Hang,
    /// This body instead, as `text/plain`.
    Garbage(String),
    /// A redirect to this place.
    Redirect(String),
    /// This status, with this `Retry-After`.
    Busy(u16, String),
    /// The right body, called by this content type.
    ContentType(String),
    /// A small compressed body that becomes so many bytes.
    Bomb(usize),
    /// Only the first so many requests have this trouble; the others have none.
    First(u32, Box<Trouble>),
    /// Every second request has this trouble, beginning with the next if so.
    EverySecond(bool, Box<Trouble>),
}

impl Trouble {
    /// The trouble of one request.
    fn next(&mut self) -> Self {
        match self {
            Self::First(0, _) => Self::None,
            Self::First(left, trouble) => {
                *left -= 1;
                (**trouble).clone()
            }
            Self::EverySecond(now, trouble) => {
                *now = !*now;
                if *now { Self::None } else { (**trouble).clone() }
            }
            other => other.clone(),
        }
    }
}

/// One file of the fake index, with what its page says about it.
#[derive(Debug, Clone)]
pub struct UpstreamFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The core metadata, if there is any.
    pub metadata: Option<String>,
    /// `requires-python`.
    pub requires_python: Option<String>,
    /// `yanked`, with its reason; an empty reason is plain `true`.
    pub yanked: Option<String>,
    /// `upload-time`.
    pub upload_time: String,
    /// The SHA-256 that the page gives, if it is to be a lie.
    pub claimed_sha256: Option<String>,
    /// Its provenance, a JSON text, if there is any (PEP 740).
    pub provenance: Option<String>,
}

impl UpstreamFile {
    /// A file that is nothing but a name and bytes.
    pub fn new(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.to_owned(),
            bytes: bytes.into(),
            metadata: None,
            requires_python: None,
            yanked: None,
            upload_time: "2026-01-02T03:04:05.678900Z".to_owned(),
            claimed_sha256: None,
            provenance: None,
        }
    }

    /// A wheel, with its metadata.
    pub fn of(wheel: &Wheel) -> Self {
        Self {
            metadata: Some(wheel.metadata()),
            requires_python: Some(">=3.9".to_owned()),
            ..Self::new(&wheel.file_name(), wheel.bytes())
        }
    }

    /// The lower-case hexadecimal SHA-256 of its bytes.
    pub fn sha256(&self) -> String {
        hex_sha256(&self.bytes)
    }

    /// The same with SHA-512, which JSON pages give beside it.
    pub fn sha512(&self) -> String {
        hex(&Sha512::digest(&self.bytes))
    }

    /// The same with MD5, as the oldest indexes give it.
    pub fn md5(&self) -> String {
        hex(&Md5::digest(&self.bytes))
    }
}

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    /// `GET` or another method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
}

impl Upstream {
    /// Starts an empty index on a free loopback port.
    pub fn start() -> Self {
        let shared = Shared::default();
        let (address, server) = server::start(shared.clone());
        Self { address, shared, server: Some(server) }
    }

    /// The index's URL: `http://127.0.0.1:PORT/simple/`.
    pub fn url(&self) -> String {
        format!("{}/simple/", self.origin())
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a wheel to its project.
    pub fn add_wheel(&self, wheel: &Wheel) {
        self.add_file(wheel.name(), UpstreamFile::of(wheel));
    }

    /// Adds a file to a project, or replaces the one of the same name.
    pub fn add_file(&self, project: &str, file: UpstreamFile) {
        let mut state = self.shared.lock();
        let files = state.projects.entry(normalized(project)).or_default();
        files.retain(|other| other.name != file.name);
        files.push(file);
    }

    /// Adds a file of a new name to a project, without looking for one of the same name.
    pub fn add_file_quickly(&self, project: &str, file: UpstreamFile) {
        self.shared.lock().projects.entry(normalized(project)).or_default().push(file);
    }

    /// Takes a project away.
    pub fn remove(&self, project: &str) {
        self.shared.lock().projects.remove(&normalized(project));
    }

    /// Gives a project a PEP 792 status: `archived`, `quarantined`, …
    pub fn set_status(&self, project: &str, status: &str) {
        self.shared.lock().statuses.insert(normalized(project), status.to_owned());
    }

    /// Changes how the index behaves.
    pub fn set(&self, change: impl FnOnce(&mut Manner)) {
        change(&mut self.shared.lock().manner);
    }

    /// How often a path was asked for, by any method.
    pub fn hits(&self, path: &str) -> usize {
        self.shared.lock().seen.iter().filter(|request| request.path == path).count()
    }

    /// How often a whole file, and not a part of it, was asked for.
    pub fn whole_hits(&self, path: &str) -> usize {
        let is_whole = |request: &&SeenRequest| request.path == path && !request.headers.contains_key("range");
        self.shared.lock().seen.iter().filter(is_whole).count()
    }

    /// How often anything was asked for.
    pub fn all_hits(&self) -> usize {
        self.shared.lock().seen.len()
    }

    /// Every request so far, in order.
    pub fn seen(&self) -> Vec<SeenRequest> {
        self.shared.lock().seen.clone()
    }

    /// Lets everything that waits at a [`Trouble::Gate`] go on, now and from now on.
    pub fn let_go(&self) {
        self.shared.lock().gate_open = true;
    }

    /// Cuts the power: connections break, the port is closed.
    pub fn stop(&mut self) {
        self.server = None;
    }
}

/// What the server thread and the test share.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    projects: BTreeMap<String, Vec<UpstreamFile>>,
    statuses: BTreeMap<String, String>,
    manner: Manner,
    seen: Vec<SeenRequest>,
    gate_open: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait_at_gate(&self) {
        while !self.lock().gate_open {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn hex_sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// PEP 503 normalization.
fn normalized(name: &str) -> String {
    let mut normal = String::new();
    for char in name.to_lowercase().chars() {
        if !matches!(char, '-' | '_' | '.') {
            normal.push(char);
        } else if !normal.ends_with('-') {
            normal.push('-');
        }
    }
    normal
}
