//! As many requests as each server answers, round by round.

use anyhow::Result;

use super::{
    super::statistics::Table,
    ask::get,
    content::{BIG, FIVE, HUNDRED, LARGE, SMALL, SMALL_FILE},
    goals::Facts,
    nginx::FLOOR,
    ours::OURS,
    site::{JSON, Site},
    stage::{Stage, Tools},
    wrk::Run,
};
use crate::say::complain;

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) enum Thing {
    Page(&'static str),
    File(&'static str, &'static str),
    /// The list of projects.
    List,
}

/// How it is asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) what: &'static str,
    pub(super) thing: Thing,
    pub(super) json: bool,
    pub(super) coding: Option<&'static str>,
    /// With the tag of what is known already.
    pub(super) known: bool,
    pub(super) connections: u32,
}

impl Asked {
    const fn page(what: &'static str, project: &'static str, json: bool) -> Self {
        let connections = if matches!(project.as_bytes(), b"big-lib") { 8 } else { 16 };
        Self { what, thing: Thing::Page(project), json, coding: None, known: false, connections }
    }

    const fn file(what: &'static str, project: &'static str, file: &'static str, connections: u32) -> Self {
        Self { what, thing: Thing::File(project, file), json: false, coding: None, known: false, connections }
    }

    const fn coded(mut self, coding: &'static str) -> Self {
        self.coding = Some(coding);
        self
    }

    const fn known(mut self) -> Self {
        self.known = true;
        self
    }

    fn url(&self, site: &Site) -> Result<String> {
        match self.thing {
            Thing::Page(project) => Ok(site.page(project)),
            Thing::File(project, file) => site.file(project, file),
            Thing::List => Ok(site.simple.clone()),
        }
    }

    /// The headers, once the server is known to give what is asked for; it is warm then.
    fn headers(&self, site: &Site, url: &str) -> Result<Option<Vec<String>>> {
        let mut headers = site.headers.clone();
        if !matches!(self.thing, Thing::File(..)) {
            headers.push(format!("Accept: {}", if self.json { JSON } else { "text/html" }));
        }
        headers.extend(self.coding.map(|coding| format!("Accept-Encoding: {coding}")));
        let answer = get(url, &headers)?;
        if answer.status != 200 {
            complain(format_args!("  {} answers {} to {url}", site.name, answer.status));
            return Ok(None);
        }
        if self.known {
            let Some(etag) = answer.header("etag") else { return Ok(None) };
            headers.push(format!("If-None-Match: {etag}"));
            if get(url, &headers)?.status != 304 {
                return Ok(None);
            }
        }
        Ok(Some(headers))
    }
}

pub(super) const PAGES: [Asked; 8] = [
    Asked::page("small page, HTML", SMALL, false),
    Asked::page("small page, JSON", SMALL, true),
    Asked::page("small page, unchanged (304)", SMALL, true).known(),
    Asked::page("1,000 files, HTML", BIG, false),
    Asked::page("1,000 files, HTML, gzip", BIG, false).coded("gzip"),
    Asked::page("1,000 files, JSON", BIG, true),
    Asked::page("1,000 files, JSON, gzip", BIG, true).coded("gzip"),
    Asked::page("1,000 files, JSON, as uv asks", BIG, true).coded("gzip, br, zstd"),
];

pub(super) const FILES: [Asked; 3] = [
    Asked::file("file of 11 KB", SMALL, SMALL_FILE, 16),
    Asked::file("file of 5 MB", LARGE, FIVE, 4),
    Asked::file("file of 100 MB", LARGE, HUNDRED, 4),
];

/// One table of these things, of all servers.
pub(super) fn measure(stage: &mut Stage<'_>, title: &str, things: &[Asked]) -> Result<String> {
    let mut facts = std::mem::take(&mut stage.facts);
    let table = table_of(stage.tools(), &stage.sites(), title, things, &mut facts);
    stage.facts = facts;
    table
}

/// The same of these servers, the first of which is nginx.
pub(super) fn table_of(
    tools: Tools<'_>,
    sites: &[&Site],
    title: &str,
    things: &[Asked],
    facts: &mut Facts,
) -> Result<String> {
    let columns = ["what", "who", "per second", "noise", "in nginx's", "MB/s", "p50 ms", "p99 ms", "CPU µs"];
    let mut table = Table::new(title, &columns);
    for asked in things {
        complain(format_args!("  {}", asked.what));
        let mut runs = Vec::new();
        for site in sites {
            let url = asked.url(site)?;
            if let Some(headers) = asked.headers(site, &url)? {
                runs.push((site.name, Run::new(url, headers, asked.connections, site.process)));
            }
        }
        for _ in 0..tools.pace.rounds {
            let mut good = Vec::new();
            for (name, mut run) in runs {
                // The Python indexes are so far from the rest that a second tells enough.
                let fast = name.contains("nginx") || name == OURS;
                match run.go(tools.wrk, tools.folder, if fast { tools.pace.seconds } else { 1 }) {
                    Ok(()) => good.push((name, run)),
                    // Who does not stand it is left out of the table, and does not take the others along.
                    Err(error) => complain(format_args!("  {name}: {error:#}")),
                }
            }
            runs = good;
        }
        let floor = runs.iter().find(|(name, _)| *name == FLOOR).map_or(0.0, |(_, run)| run.rate.median());
        for (name, run) in &runs {
            for (figure, sample) in [("rate", &run.rate), ("cpu", &run.cpu), ("p99", &run.p99)] {
                facts.note(asked.what, name, figure, sample.median());
            }
            table.row(&[
                asked.what.to_owned(),
                (*name).to_owned(),
                rate(run.rate.median()),
                run.rate.noise(),
                format!("{:.3}", run.rate.median() / floor),
                format!("{:.0}", run.megabytes.median()),
                format!("{:.2}", run.p50.median()),
                format!("{:.2}", run.p99.median()),
                format!("{:.0}", run.cpu.median()),
            ]);
        }
    }
    Ok(table.text())
}

fn rate(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}
