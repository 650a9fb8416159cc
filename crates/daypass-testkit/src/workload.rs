//! Where jobs run: the CIs and clouds that vouch for workloads, each in its own wire format, on loopback ports.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use daypass_testkit::workload::{Cloud, Kind};
//! use serde_json::json;
//!
//! let cloud = Cloud::start(Kind::GitHub, Path::new("/tmp/x"), Path::new("/usr/bin/python3"), "https://packages.example.com");
//! let job = cloud.job(); // its variables and files, as a runner would set them up
//! cloud.change(json!({ "repository_id": "99" })); // from now on, the jobs of another repository
//! # drop(job);
//! ```
//!
//! Real tokens cannot be had where daypass is built. The claim sets (`claims.rs`) are those of the providers'
//! documentation, with its lifetimes; whether a job is handed one token or asks for a fresh one each time is as there,
//! too. What is asked for wrongly is refused, and [`Cloud::complaints`] says why. Other people's clients judge that:
//! see `tests/journeys/workloads/judges.rs` of `daypass-server`.
//!
//! What is *not* here: SPIFFE's gRPC, which a script of the journeys speaks (it asks for its tokens here); AWS, which
//! signs requests; anything that verifies.

mod claims;
mod endpoints;
mod files;
mod issuer;
mod kind;
mod metadata;
mod programs;
mod server;
mod surroundings;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

pub use kind::{Audience, Kind, Mints};
use server::Running;

use crate::oidc::Provider;

/// The secret that a runner hands to its job, to be allowed to ask with: it is worth nothing outside the job.
pub(crate) const JOB_SECRET: &str = "runner-secret-of-this-job";

/// A provider, and the runner or machine that it gives to jobs. Stops when dropped.
#[derive(Debug)]
pub struct Cloud {
    state: Arc<State>,
    _running: Running,
}

/// What can be wrong with how the provider answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// Whatever is asked for a token is refused, as to somebody who may not have one.
    Forbidden,
    /// The answer has another shape: the token is there under another name, or without the header that vouches for it.
    WrongShape,
    /// The token is for another audience than the one that was asked for.
    WrongAudience,
}

#[derive(Debug)]
pub(crate) struct State {
    kind: Kind,
    audience: String,
    /// Where the issuer is: `http://127.0.0.1:PORT`.
    site: String,
    /// What jobs ask: `http://127.0.0.1:PORT`.
    api: String,
    folder: PathBuf,
    python: PathBuf,
    signer: Provider,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    changes: Value,
    trouble: Trouble,
    ahead: i64,
    life: Option<i64>,
    minted: u32,
    complaints: Vec<String>,
    /// Tokens that the platform keeps, and until when.
    kept: HashMap<String, (String, i64)>,
}

/// What a job finds when it starts.
#[derive(Debug, Clone)]
pub struct Job {
    /// The variables that the runner sets: nothing in them is good for longer than the job, or was put there by a person.
    pub variables: Vec<(String, String)>,
    /// A folder that the runner puts onto `PATH`.
    pub programs: Option<PathBuf>,
}

impl Cloud {
    /// Starts one. Its files and programs go below `folder`; programs are written for `python`. Where the settings of
    /// a job say for whom its tokens are, they say `audience`.
    pub fn start(kind: Kind, folder: &Path, python: &Path, audience: &str) -> Self {
        let (state, running) = server::start(|site, api, signer| State {
            kind,
            audience: audience.to_owned(),
            site,
            api,
            folder: folder.join(kind.name()),
            python: python.to_path_buf(),
            signer,
            inner: Mutex::new(Inner {
                changes: json!({}),
                trouble: Trouble::None,
                ahead: 0,
                life: None,
                minted: 0,
                complaints: Vec::new(),
                kept: HashMap::new(),
            }),
        });
        programs::write(&state);
        Self { state, _running: running }
    }

    /// Which it is.
    pub fn kind(&self) -> Kind {
        self.state.kind
    }

    /// The `iss` of its tokens.
    pub fn issuer(&self) -> String {
        issuer::url(&self.state)
    }

    /// Its keys as published, for an issuer that cannot be asked for them.
    pub fn jwks(&self) -> Value {
        issuer::jwks(&self.state)
    }

    /// What jobs ask: `http://127.0.0.1:PORT`.
    pub fn api(&self) -> &str {
        &self.state.api
    }

    /// The audience of a job's token: the settings', unless the provider has only its own.
    pub fn audience(&self) -> String {
        self.state.settings_audience()
    }

    /// The claims of its jobs, all but the times.
    pub fn claims(&self) -> Value {
        issuer::claims(&self.state, &json!(self.audience()))
    }

    /// Starts a job: where the provider hands out one token for all of it, this is when.
    pub fn job(&self) -> Job {
        surroundings::job(&self.state)
    }

    /// Mints a token without being asked properly.
    pub fn token(&self) -> String {
        issuer::mint(&self.state, &json!(self.audience()), json!({}))
    }

    /// The socket by which a machine asks, if it is asked by one.
    pub fn socket(&self) -> Option<PathBuf> {
        server::socket_path(&self.state)
    }

    /// The file that holds a job's token, if the platform writes one.
    pub fn token_file(&self) -> Option<PathBuf> {
        files::path(&self.state)
    }

    /// Writes the files of a job anew, with fresh tokens, as a kubelet does before the old ones end.
    pub fn rotate_files(&self) {
        files::write(&self.state);
    }

    /// Lays claims over those of the documentation, from now on; `null` removes one. `{}` ends it.
    pub fn change(&self, claims: Value) {
        self.state.inner().changes = claims;
    }

    /// From now on, `trouble` ([`Trouble::None`] ends it).
    pub fn set_trouble(&self, trouble: Trouble) {
        self.state.inner().trouble = trouble;
    }

    /// Sets its clock, in seconds before this machine's.
    pub fn set_ahead(&self, seconds: i64) {
        self.state.inner().ahead = seconds;
    }

    /// How long its tokens live from now on, in seconds, as a job's time limit has it.
    pub fn set_life(&self, seconds: i64) {
        self.state.inner().life = Some(seconds);
    }

    /// How many tokens were minted.
    pub fn minted(&self) -> u32 {
        self.state.inner().minted
    }

    /// What was wrong with requests, one sentence each.
    pub fn complaints(&self) -> Vec<String> {
        self.state.inner().complaints.clone()
    }
}

impl State {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self) -> Trouble {
        self.inner().trouble
    }

    fn complain(&self, complaint: impl Into<String>) -> String {
        let complaint = complaint.into();
        self.inner().complaints.push(complaint.clone());
        complaint
    }

    /// The audience of tokens that are not asked for by name.
    fn settings_audience(&self) -> String {
        match self.kind.audience() {
            Audience::AsAsked | Audience::InSettings => self.audience.clone(),
            Audience::Fixed(fixed) => fixed.to_owned(),
            Audience::IssuersOwn => self.site.clone(),
        }
    }
}
