//! Everything that the parts of the measurement share.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{super::server::Load, content::Content, goals::Facts, nginx, ours::Ours, peers::Peers, site::Site};
use crate::{build::Built, system, workspace::Workspace};

/// How long and how often.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// Of one measurement of what is fast.
    pub(super) seconds: u32,
    pub(super) rounds: usize,
    /// How many uploads, how many installs and so on, in percent of what a whole run does.
    pub(super) percent: usize,
    /// Without the Python indexes.
    pub(super) alone: bool,
}

impl Pace {
    /// So many, or fewer when it is only tried out.
    pub(super) fn of(self, count: usize) -> usize {
        (count * self.percent / 100).max(2)
    }
}

/// What measures.
#[derive(Clone, Copy)]
pub(super) struct Tools<'a> {
    pub(super) wrk: &'a Path,
    pub(super) folder: &'a Path,
    pub(super) pace: Pace,
}

/// The servers, and what they are measured with.
pub(super) struct Stage<'a> {
    pub(super) built: &'a Built,
    pub(super) workspace: &'a Workspace,
    pub(super) folder: &'a Path,
    pub(super) pace: Pace,
    pub(super) wrk: PathBuf,
    pub(super) content: Content,
    pub(super) peers: Peers,
    /// A CI's identity provider, that says who may ask daypassd.
    pub(super) issuer: Load,
    pub(super) ours: Ours,
    /// nginx twice, daypassd's own content on each, and then the Python indexes.
    pub(super) others: Vec<Site>,
    pub(super) facts: Facts,
}

impl<'a> Stage<'a> {
    /// Installs, makes and starts all of it.
    pub(super) fn set(workspace: &'a Workspace, built: &'a Built, folder: &'a Path, pace: Pace) -> Result<Self> {
        let wrk = system::require("wrk", "wrk")?;
        let peers = Peers::install(workspace)?;
        let content = Content::make(built, folder)?;
        let issuer = Load::start(built)?;
        let home = folder.join("ours");
        let ours = Ours::start(built, &home, &issuer, None)?;
        content.import(built, &home.join("data"))?;
        ours.has_content()?;
        let root = folder.join("static");
        content.static_tree(&ours.site, &root)?;
        let floor = nginx::anonymous(folder, &root)?;
        let asking = nginx::asking(folder, &root)?;
        let python =
            if pace.alone { Vec::new() } else { peers.all(folder, &content.flat, &content.tree, &floor.simple) };
        let others = [floor, asking].into_iter().chain(python).collect();
        let facts = Facts::default();
        Ok(Self { built, workspace, folder, pace, wrk, content, peers, issuer, ours, others, facts })
    }

    /// nginx without authentication.
    pub(super) fn floor(&self) -> Result<&Site> {
        self.others.first().context("nginx runs")
    }

    /// Everybody: nginx, daypassd, the Python indexes.
    pub(super) fn sites(&self) -> Vec<&Site> {
        let mut sites: Vec<&Site> = self.others.iter().collect();
        sites.insert(2.min(sites.len()), &self.ours.site);
        sites
    }

    /// What measures.
    pub(super) fn tools(&self) -> Tools<'_> {
        Tools { wrk: &self.wrk, folder: self.folder, pace: self.pace }
    }
}
