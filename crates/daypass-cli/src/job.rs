//! What a CI job is given for its later steps, and what is taken back after it.
//!
//! A job has a folder of its own, outside the user's: two jobs on one machine never share a credential, and taking it
//! away takes everything away.
//!
//! ```text
//! FOLDER/                0700
//!     state.json         what was there before, written before anything else
//!     config.toml        the server, as `daypass login` remembers it
//!     config.before      somebody else's configuration file, as it was
//!     cache/             the credentials
//!     bin/daypass        this program
//!     bin/keyring        this program, which answers pip and uv under that name (`helper.rs`)
//! ```
//!
//! | module | idea |
//! |---|---|
//! | [`folder`] | the folder, and putting back what was there |
//! | [`variables`] | which variables the later steps get: pure |
//! | [`teller`] | how a CI is told: its files, its commands, or lines for a shell |
//! | [`github`] | how GitHub's runner reads what a job says |
//! | [`fork`] | whether this job is a stranger's |
//! | [`python`] | the keyring backend in the job's own Python |
//!
//! What is *not* here: signing in (`commands/login.rs`), and the order of it all (`commands/ci.rs`).

pub(crate) mod folder;
pub(crate) mod fork;
mod github;
pub(crate) mod python;
pub(crate) mod teller;
pub(crate) mod variables;
