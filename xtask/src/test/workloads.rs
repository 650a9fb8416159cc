//! What the journeys of workloads need: other people's clients, to judge the fakes, and a machine of its own to run on.

use std::path::PathBuf;

use anyhow::Result;

use super::people;
use crate::{system, tools, workspace::Workspace};

/// Each asks a provider in its own way; `grpcio` is what the fake Workload API is made of.
const JUDGES: [&str; 6] = [
    "id==1.6.1",
    "google-auth==2.63.0",
    "requests==2.34.2",
    "azure-identity==1.27.0",
    "spiffe==0.3.2",
    "grpcio==1.85.3",
];

/// The folder with the scripts, beside the toolkit of GitHub's Actions.
pub(super) fn scripts(workspace: &Workspace) -> Result<PathBuf> {
    // A network of its own is made with these.
    system::require("ip", "iproute2")?;
    system::require("mount", "mount")?;
    people::beside_packages(workspace, "workloads", "the toolkit of GitHub's Actions")
}

/// The Python that has the judges.
pub(super) fn judges(workspace: &Workspace) -> Result<PathBuf> {
    Ok(tools::environment(workspace, "judges", &JUDGES)?.join("python"))
}
