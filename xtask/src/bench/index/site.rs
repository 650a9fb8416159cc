//! A server that is measured, whoever made it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::{Ipv4Addr, TcpListener},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    ask::{fetch, get, resolved},
    processes::memory_of_all,
};
use crate::command::{Running, pause};

/// The names of PEP 691.
pub(super) const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// A server with a simple index.
pub(super) struct Site {
    pub(super) name: &'static str,
    /// The URL of its simple index, with the slash.
    pub(super) simple: String,
    /// What opens its door: whole header lines.
    pub(super) headers: Vec<String>,
    /// Whose CPU time and memory are its own.
    pub(super) process: u32,
    /// From starting it to the first page.
    pub(super) cold_start: Option<Duration>,
    /// Memory before anybody asked for much, in MB.
    pub(super) idle: f64,
    links: RefCell<BTreeMap<String, String>>,
    /// Ends with this, if it was started for it.
    running: Option<Running>,
}

impl Site {
    pub(super) fn new(name: &'static str, simple: String, headers: Vec<String>, process: u32) -> Self {
        let (links, running) = (RefCell::default(), None);
        Self { name, simple, headers, process, cold_start: None, idle: 0.0, links, running }
    }

    /// One that was just started, and ends with this; waits until it has the page of `project`.
    pub(super) fn started(name: &'static str, simple: String, mut running: Running, project: &str) -> Result<Self> {
        let began = Instant::now();
        let url = format!("{simple}{project}/");
        while !get(&url, &[]).is_ok_and(|answer| answer.status == 200) {
            if running.ended()?.is_some() || began.elapsed() > Duration::from_mins(3) {
                bail!("{name} did not get ready");
            }
            pause(Duration::from_millis(2))?;
        }
        let mut site = Self::new(name, simple, Vec::new(), running.id());
        site.cold_start = Some(began.elapsed());
        site.idle = memory_of_all(site.process).0;
        site.running = Some(running);
        Ok(site)
    }

    /// The page of a project.
    pub(super) fn page(&self, project: &str) -> String {
        format!("{}{project}/", self.simple)
    }

    /// The URL of a file, as the page of its project says.
    pub(super) fn file(&self, project: &str, file: &str) -> Result<String> {
        let key = format!("{project}/{file}");
        if let Some(known) = self.links.borrow().get(&key) {
            return Ok(known.clone());
        }
        let page = self.page(project);
        let html = fetch(&page, &self.headers)?.text();
        let link = html
            .split("href=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .find(|link| link.split('#').next().is_some_and(|link| link.ends_with(file)))
            .with_context(|| format!("{page} has no link to {file}"))?;
        let url = resolved(&link.replace("&amp;", "&"), &page);
        self.links.borrow_mut().insert(key, url.clone());
        Ok(url)
    }

    /// The headers of a request with these lines besides.
    pub(super) fn with(&self, more: &[&str]) -> Vec<String> {
        self.headers.iter().cloned().chain(more.iter().map(|line| (*line).to_owned())).collect()
    }
}

/// A port that nobody listens on.
pub(super) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
