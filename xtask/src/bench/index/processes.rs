//! What a server and the processes that it started use (proc(5)).

use std::{collections::BTreeSet, fs, time::Duration};

use anyhow::Result;

use super::super::server::cpu;

/// A process and all that came of it.
fn tree(process: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut open = vec![process];
    while let Some(process) = open.pop() {
        found.insert(process);
        for entry in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(entry.path().join("children")).unwrap_or_default();
            open.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
    }
    found
}

/// The CPU time of all of them.
pub(super) fn cpu_of_all(process: u32) -> Result<Duration> {
    tree(process).into_iter().map(cpu).sum()
}

/// The memory of all of them in MB: what it is now, and the most that each ever had.
pub(super) fn memory_of_all(process: u32) -> (f64, f64) {
    let figure = |status: &str, name: &str| -> f64 {
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0.0)
    };
    let all = tree(process).into_iter().filter_map(|id| fs::read_to_string(format!("/proc/{id}/status")).ok());
    all.fold((0.0, 0.0), |(now, most), status| {
        (now + figure(&status, "VmRSS:") / 1000.0, most + figure(&status, "VmHWM:") / 1000.0)
    })
}
