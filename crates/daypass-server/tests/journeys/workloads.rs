//! Workloads: jobs with nothing secret in their settings, on every CI and cloud that vouches for its own.
//!
//! The providers are `daypass_testkit::workload`, in their real wire formats; other people's clients judge them
//! (`judges`). Where an address or a path is the machine's own, a job runs on another machine: see
//! `tests/workloads/elsewhere.py`.

mod installs;
mod judges;
mod long_jobs;
mod machines;
pub(crate) mod place;
mod providers;
mod rules;
