//! What many identities and issuers cost, and what a flood of invented key ids at one issuer does to the others.

use std::fmt::Write;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{
    server::{Daypassd, Load, policy_text},
    statistics::{Sample, Table},
};
use crate::{build::Built, say::complain, workspace::Workspace};

const ROUNDS: usize = 5;
const EXCHANGES: usize = 15_000;
const CONNECTIONS: usize = 128;
const IDENTITIES: usize = 10_000;
const ISSUERS: usize = 100;

/// How many forged tokens a second, and for how long.
const FLOOD_PER_SECOND: u64 = 200;
const FLOOD_SECONDS: u64 = 8;

pub(super) fn measure(_workspace: &Workspace, built: &Built) -> Result<String> {
    let many = many_identities(built)?;
    complain(&many);
    Ok(format!("{many}\n{}", flood(built)?))
}

/// Exchanges that name no identity, so that the server must find the one that matches.
fn many_identities(built: &Built) -> Result<String> {
    let [few_folder, many_folder] = [folder()?, folder()?];
    let mut load = Load::start(built)?;
    let few = Daypassd::start(built, few_folder.path(), &load.issuer)?;
    let many = Daypassd::start_with_policies(built, many_folder.path(), &many(&load.issuer))?;
    let (mut few_core, mut many_core) = (Sample::default(), Sample::default());
    for server in [&few, &many] {
        round(&mut load, server, 2_000)?;
    }
    for _ in 0..ROUNDS {
        few_core.add(round(&mut load, &few, EXCHANGES)?.0);
        many_core.add(round(&mut load, &many, EXCHANGES)?.0);
    }
    let title =
        format!("Exchanges per second of the server's CPU time, by identities and issuers, {CONNECTIONS} connections");
    let mut table = Table::new(&title, &["policy", "median", "noise", "ratio"]);
    let mut row = |name: String, sample: &Sample| {
        let ratio = format!("{:.2}x", sample.median() / few_core.median());
        table.row(&[name, format!("{:.0} /s", sample.median()), sample.noise(), ratio]);
    };
    row("1 identity of 1 issuer".to_owned(), &few_core);
    row(format!("{IDENTITIES} identities of {ISSUERS} issuers"), &many_core);
    let memory = many.peak_memory()?;
    table.row(&[
        "memory with the many, the most it ever had".to_owned(),
        format!("{memory:.0} MB"),
        String::new(),
        String::new(),
    ]);
    Ok(table.text())
}

/// How long the others wait while one issuer's tokens name keys that nobody has.
fn flood(built: &Built) -> Result<String> {
    let folder = folder()?;
    let mut load = Load::start(built)?;
    let mut flood = Load::flooding(built)?;
    let policy = format!("{}\n{}", policy_text(&load.issuer), issuer_text("flooded", &flood.issuer));
    let server = Daypassd::start_with_policies(built, folder.path(), &[policy])?;
    round(&mut load, &server, 2_000)?;
    let mut p99 = [Sample::default(), Sample::default(), Sample::default()];
    for _ in 0..ROUNDS {
        let [alone, known, unknown] = &mut p99;
        alone.add(paced(&mut load, &server)?);
        for (sample, is_unknown) in [(known, false), (unknown, true)] {
            let order = json!({
                "url": server.url, "per_second": FLOOD_PER_SECOND, "seconds": FLOOD_SECONDS, "unknown": is_unknown,
            });
            flood.order(&order)?;
            flood.hear().context("the flood did not begin")?;
            sample.add(paced(&mut load, &server)?);
            flood.hear().context("the flood did not end")?;
        }
    }
    let [alone, known, unknown] = &p99;
    let title =
        format!("p99 of an exchange beside {FLOOD_PER_SECOND} forged tokens a second of another issuer, 8 connections");
    let mut table = Table::new(&title, &["beside it", "p99, median", "noise", "ratio"]);
    for (name, sample) in [
        ("nothing", alone),
        ("forged tokens that name a known key", known),
        ("forged tokens that each name an unknown key, whose issuer does not answer", unknown),
    ] {
        let ratio = format!("{:.2}x", sample.median() / alone.median());
        table.row(&[name.to_owned(), format!("{:.1} ms", sample.median()), sample.noise(), ratio]);
    }
    Ok(table.text())
}

/// One round over all connections: exchanges per second of CPU time, and the p99 in milliseconds.
fn round(load: &mut Load, server: &Daypassd, count: usize) -> Result<(f64, f64)> {
    exchange(load, server, count, CONNECTIONS)
}

/// Few connections, so that what is measured is the wait and not the queue.
fn paced(load: &mut Load, server: &Daypassd) -> Result<f64> {
    exchange(load, server, 6_000, 8).map(|(_, p99)| p99)
}

fn exchange(load: &mut Load, server: &Daypassd, count: usize, connections: usize) -> Result<(f64, f64)> {
    load.prepare(&server.url, count, connections)?;
    let before = server.cpu()?;
    let went = load.go()?;
    let used = server.cpu()?.saturating_sub(before).as_secs_f64();
    let number = |key: &str| went.get(key).and_then(Value::as_f64).with_context(|| format!("no `{key}`"));
    if number("failed")? > 0.0 {
        bail!("{} exchanges failed", number("failed")?);
    }
    Ok((number("done")? / used, number("p99_ms")?))
}

/// How many identities one file takes: a policy file has a mebibyte at most.
const IDENTITIES_OF_ONE_FILE: usize = 2_500;

/// The one identity that matches, among others of the same issuer and of issuers that never speak.
fn many(issuer: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut text = policy_text(issuer);
    for number in 1..ISSUERS {
        text.push_str(&issuer_text(&format!("ci-{number}"), &format!("https://ci-{number}.example.com")));
    }
    for number in 1..IDENTITIES {
        if number % IDENTITIES_OF_ONE_FILE == 0 {
            texts.push(std::mem::take(&mut text));
        }
        // Every second one is of the issuer whose tokens come.
        let issuer = if number % 2 == 0 { "ci".to_owned() } else { format!("ci-{}", 1 + number % (ISSUERS - 1)) };
        let claims = format!("repository_id = \"{}\", ref = \"refs/heads/main\"", 1_000_000 + number);
        let _ = write!(
            text,
            "[[identity]]\nname = \"ci/app-{number}\"\nissuer = \"{issuer}\"\nclaims = {{ {claims} }}\n\
             grants = [ {{ index = \"python\", projects = [\"*\"], actions = [\"pull\"] }} ]\n"
        );
    }
    texts.push(text);
    texts
}

fn issuer_text(name: &str, url: &str) -> String {
    format!("[[issuer]]\nname = \"{name}\"\nurl = \"{url}\"\nkeys = {{ discovery = true }}\n\n")
}

fn folder() -> Result<tempfile::TempDir> {
    Ok(tempfile::Builder::new().prefix("daypass-bench-").tempdir()?)
}
