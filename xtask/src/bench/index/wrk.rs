//! wrk: as many requests as a server answers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::{
    super::{
        server::{CLIENT_CORE, on_core},
        statistics::Sample,
    },
    processes::cpu_of_all,
};
use crate::command::finish;

/// What is asked of one server, and what came of it so far.
pub(super) struct Run {
    pub(super) url: String,
    /// Whole header lines. They go into a script, because others can read command lines.
    pub(super) headers: Vec<String>,
    pub(super) connections: u32,
    /// Whose CPU time counts.
    pub(super) process: u32,
    pub(super) rate: Sample,
    pub(super) p50: Sample,
    pub(super) p99: Sample,
    /// Microseconds of CPU time for a request.
    pub(super) cpu: Sample,
    /// Bytes for each second, in MB.
    pub(super) megabytes: Sample,
}

impl Run {
    pub(super) fn new(url: String, headers: Vec<String>, connections: u32, process: u32) -> Self {
        let empty = Sample::default;
        let (rate, p50, p99, cpu, megabytes) = (empty(), empty(), empty(), empty(), empty());
        Self { url, headers, connections, process, rate, p50, p99, cpu, megabytes }
    }

    /// Asks for so long.
    pub(super) fn go(&mut self, wrk: &Path, folder: &Path, seconds: u32) -> Result<()> {
        let script = script(folder, &self.headers)?;
        let mut command = on_core(CLIENT_CORE, wrk);
        command.args(["--threads", "1", "--latency", "--timeout", "60s"]);
        command.args(["--connections", &self.connections.to_string(), "--duration", &format!("{seconds}s")]);
        command.arg("--script").arg(&script);
        let before = cpu_of_all(self.process)?;
        let finished = finish(command.arg(&self.url))?;
        let used = cpu_of_all(self.process)?.saturating_sub(before);
        let said = finished.stdout;
        if !finished.status.success() || said.contains("Non-2xx") {
            bail!("wrk on {}: {said}{}", self.url, finished.stderr);
        }
        let field = |name: &str| said.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
        let counted = said.lines().find_map(|line| line.trim().split_once(" requests in"));
        let done: f64 = counted.and_then(|(count, _)| count.parse().ok()).context("wrk gave no count")?;
        if done < 1.0 {
            // Slower than the time there was: the rate is not known, only that it is below.
            return Ok(());
        }
        self.rate.add(field("Requests/sec:").context("wrk gave no rate")?.parse()?);
        self.megabytes.add(bytes(field("Transfer/sec:").context("wrk gave no transfer")?)? / 1e6);
        self.p50.add(milliseconds(field("50%").context("wrk gave no median")?)?);
        self.p99.add(milliseconds(field("99%").context("wrk gave no p99")?)?);
        self.cpu.add(used.as_secs_f64() * 1e6 / done);
        Ok(())
    }
}

fn script(folder: &Path, headers: &[String]) -> Result<PathBuf> {
    let line = |line: &String| -> Result<String> {
        let (name, value) = line.split_once(": ").context("a header has a name and a value")?;
        Ok(format!("wrk.headers[{name:?}] = {value:?}\n"))
    };
    let text: String = headers.iter().map(line).collect::<Result<_>>()?;
    let path = folder.join("headers.lua");
    fs::write(&path, text)?;
    Ok(path)
}

/// wrk writes `850.00us`, `1.25ms`, `2.01s`, `1.02m`.
fn milliseconds(text: &str) -> Result<f64> {
    number(text, &[("us", 0.001), ("ms", 1.0), ("s", 1000.0), ("m", 60_000.0)])
}

/// wrk writes `812.34B`, `1.02KB`, `66.31MB`, `3.01GB`, in powers of 1024.
fn bytes(text: &str) -> Result<f64> {
    number(text, &[("KB", 1024.0), ("MB", 1_048_576.0), ("GB", 1_073_741_824.0), ("B", 1.0)])
}

fn number(text: &str, units: &[(&str, f64)]) -> Result<f64> {
    for (unit, factor) in units {
        if let Some(number) = text.strip_suffix(unit) {
            return Ok(number.trim().parse::<f64>()? * factor);
        }
    }
    bail!("`{text}` has no unit that is known")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_writes_is_read() {
        let near = |read: Result<f64>, value: f64| assert!((read.unwrap() - value).abs() < 1e-9);
        near(milliseconds("850.00us"), 0.85);
        near(milliseconds("1.25ms"), 1.25);
        near(milliseconds("2.01s"), 2010.0);
        near(bytes("2.00MB"), 2_097_152.0);
        near(bytes("12.50B"), 12.5);
        assert!(bytes("12").is_err());
    }
}
