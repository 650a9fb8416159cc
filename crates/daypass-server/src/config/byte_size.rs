//! Numbers of bytes, as people write them.

use std::{fmt, str::FromStr};

use serde::Deserialize;

/// So many bytes: `"50GB"`, `"512MiB"`, `"1500"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ByteSize(u64);

const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

impl ByteSize {
    /// So many bytes.
    pub(crate) fn of(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number.
    pub(crate) fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
        let (number, unit) = unit.unwrap_or((text, 1));
        let number = number.trim_end().parse::<u64>().ok().filter(|_| !number.starts_with('+'));
        number.and_then(|number| number.checked_mul(unit)).map(Self).ok_or_else(|| {
            format!("`{text}` is no number of bytes: write a whole number with kB, MB, GB, TB, KiB, MiB, GiB or TiB")
        })
    }
}

impl TryFrom<String> for ByteSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 50 GB are a whole number of KiB, too; the shortest is what was meant.
        let fits = |(_, bytes): &&(&str, u64)| self.0 >= *bytes && self.0.is_multiple_of(*bytes);
        let (unit, bytes) = UNITS.iter().filter(fits).min_by_key(|(_, bytes)| self.0 / bytes).unwrap_or(&("B", 1));
        write!(f, "{} {unit}", self.0 / bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<ByteSize>().map(ByteSize::bytes).ok();
        for (text, bytes) in [("50GB", 50_000_000_000), ("512MiB", 536_870_912), ("1500", 1500), ("3 kB", 3000)] {
            assert_eq!(read(text), Some(bytes), "{text}");
        }
        for bad in ["", "GB", "-1GB", "+1GB", "1.5GB", "50gb", "50G", "99999999999TB", "1 0GB"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_unit_that_they_were_written_in() {
        for text in ["50 GB", "512 MiB", "1500 B", "0 B"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
    }
}
