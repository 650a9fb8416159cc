//! Medians, noise, and how a number is written.

/// Measurements of one thing.
#[derive(Default)]
pub(super) struct Sample(Vec<f64>);

impl Sample {
    pub(super) fn add(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    fn at(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a small, positive position"
        )]
        let position = (share * self.0.len().saturating_sub(1) as f64).round() as usize;
        self.0.get(position).copied().unwrap_or_default()
    }

    /// The value in the middle.
    pub(super) fn median(&self) -> f64 {
        self.at(0.5)
    }

    /// The smallest value.
    pub(super) fn least(&self) -> f64 {
        self.at(0.0)
    }

    /// The largest value.
    pub(super) fn most(&self) -> f64 {
        self.at(1.0)
    }

    /// Half of all values lie within this share of the median: `±3 %`.
    pub(super) fn noise(&self) -> String {
        if self.median() == 0.0 {
            return String::new();
        }
        format!("±{:.0} %", (self.at(0.75) - self.at(0.25)) / 2.0 / self.median() * 100.0)
    }
}

/// A Markdown table.
pub(super) struct Table(String);

impl Table {
    pub(super) fn new(title: &str, columns: &[&str]) -> Self {
        let rule = columns.iter().map(|_| "---").collect::<Vec<_>>().join(" | ");
        Self(format!("\n### {title}\n\n| {} |\n| {rule} |\n", columns.join(" | ")))
    }

    pub(super) fn row(&mut self, cells: &[String]) {
        for part in ["| ", &cells.join(" | "), " |\n"] {
            self.0.push_str(part);
        }
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        let mut sample = Sample::default();
        for value in [5.0, 1.0, 3.0, 100.0, 2.0] {
            sample.add(value);
        }
        assert!((sample.median() - 3.0).abs() < f64::EPSILON);
        assert!((sample.least() - 1.0).abs() < f64::EPSILON && (sample.most() - 100.0).abs() < f64::EPSILON);
        assert_eq!(sample.noise(), "±50 %");
    }
}
