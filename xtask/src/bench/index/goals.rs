//! What was wanted beforehand, and whether it is so.

use std::collections::BTreeMap;

use super::{super::statistics::Table, nginx::FLOOR, ours::OURS};

/// Figures by what was asked, of whom, and which figure.
#[derive(Default)]
pub(super) struct Facts(BTreeMap<(String, String, &'static str), f64>);

/// Whether more is better.
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

impl Facts {
    pub(super) fn note(&mut self, what: &str, whom: &str, figure: &'static str, value: f64) {
        self.0.insert((what.to_owned(), whom.to_owned(), figure), value);
    }

    fn of(&self, what: &str, whom: &str, figure: &'static str) -> Option<f64> {
        self.0.get(&(what.to_owned(), whom.to_owned(), figure)).copied()
    }

    /// Our rate, in nginx's.
    fn ratio(&self, what: &str) -> Option<f64> {
        Some(self.of(what, OURS, "rate")? / self.of(what, FLOOR, "rate")?)
    }

    /// Our rate, in that of the fastest Python index.
    fn lead(&self, what: &str) -> Option<f64> {
        let python = |whom: &str| !whom.contains("nginx") && whom != OURS;
        let rates =
            self.0.iter().filter(|((asked, whom, figure), _)| asked == what && python(whom) && *figure == "rate");
        let fastest = rates.map(|(_, rate)| *rate).max_by(f64::total_cmp)?;
        Some(self.of(what, OURS, "rate")? / fastest)
    }

    fn ours(&self, what: &str, figure: &'static str) -> Option<f64> {
        self.of(what, OURS, figure)
    }

    /// The table of goals, of those parts that were run.
    pub(super) fn table(&self) -> String {
        use Wanted::{AtLeast, AtMost};
        let pages = ["small page, HTML", "small page, JSON", "1,000 files, HTML", "1,000 files, HTML, gzip"];
        let json = ["1,000 files, JSON", "1,000 files, JSON, gzip"];
        let lead = pages.into_iter().chain(json).filter_map(|what| self.lead(what)).min_by(f64::total_cmp);
        let flat = self.ours("upload at 10,000 versions", "p50").zip(self.ours("upload at 0 versions", "p50"));
        let goals = [
            ("small page, rate in nginx's", AtLeast(1.0), self.ratio("small page, JSON")),
            ("small page at 100 a second, p99, ms", AtMost(0.6), self.ours("small page, JSON", "p99 open")),
            ("1,000 files, HTML, gzip, rate in nginx's", AtLeast(1.0), self.ratio("1,000 files, HTML, gzip")),
            ("1,000 files, JSON, gzip, rate in nginx's", AtLeast(1.0), self.ratio("1,000 files, JSON, gzip")),
            ("file of 5 MB, rate in nginx's", AtLeast(0.9), self.ratio("file of 5 MB")),
            ("file of 100 MB, rate in nginx's", AtLeast(0.9), self.ratio("file of 100 MB")),
            ("304, CPU, µs", AtMost(12.0), self.ours("small page, unchanged (304)", "cpu")),
            ("pages, least lead over the fastest Python index", AtLeast(20.0), lead),
            ("upload at 10,000 versions, p99, ms", AtMost(10.0), self.ours("upload at 10,000 versions", "p99")),
            ("upload at 10,000 versions, p50 in that at 0", AtMost(1.5), flat.map(|(many, none)| many / none)),
            ("first byte of a pulled-through file, ms more than upstream", AtMost(5.0), self.ours("pulled", "more")),
            ("cold start with 100,000 projects, ms", AtMost(100.0), self.ours("100,000 projects", "cold start")),
            ("memory idle, MB", AtMost(30.0), self.ours("memory", "idle")),
            ("memory under load, MB", AtMost(60.0), self.ours("memory", "load")),
        ];
        let mut table = Table::new("Goals", &["what", "wanted", "measured", "met"]);
        for (what, wanted, measured) in goals {
            let Some(measured) = measured else { continue };
            let (shown, met) = match wanted {
                AtLeast(least) => (format!("≥ {least}"), measured >= least),
                AtMost(most) => (format!("≤ {most}"), measured <= most),
            };
            let met = if met { "yes" } else { "**no**" };
            table.row(&[what.to_owned(), shown, format!("{measured:.2}"), met.to_owned()]);
        }
        table.text()
    }
}
