//! Wheels and sdists whose metadata must not be believed.

use super::{METADATA, SDIST, Sample, WHEEL, sample, tar, wheels::Parts};

fn wheel(what: &'static str, text: &str, reason: &'static str) -> Sample {
    sample(what, WHEEL, Parts::good().info("METADATA", text).bytes(), reason)
}

fn more(what: &'static str, version: &str, fields: &str, reason: &'static str) -> Sample {
    wheel(what, &format!("{}{fields}", METADATA.replace("2.1", version)), reason)
}

pub(super) fn refused() -> Vec<Sample> {
    let giant = format!("{METADATA}\n{}", "a".repeat(5 << 20));
    vec![
        wheel("no metadata", "", "has no `Metadata-Version`"),
        wheel("metadata of another project", &METADATA.replace("acme-hello", "evil"), "its metadata says `evil 1.0`"),
        wheel("metadata of another version", &METADATA.replace("1.0", "2.0"), "but its name says `acme-hello 1.0`"),
        wheel("giant metadata", &giant, "is longer than 4194304 bytes"),
        more("metadata of the future", "3.0", "", "says `Metadata-Version: 3.0`"),
        more("two names", "2.1", "Name: evil\n", "more than one `Name`"),
        more("a name behind a carriage return", "2.1", "Summary: a\rName: evil\n", "control character in line 4"),
        more("a line that is no field", "2.1", "evil\n", "a line 4 that is neither a field"),
        more("a requirement that is none", "2.1", "Requires-Dist: a b c\n", "no requirement (PEP 508)"),
        more("nested parentheses", "2.1", &format!("Requires-Dist: a; {}\n", "(".repeat(2_000)), "no requirement"),
        more("no Python", "2.1", "Requires-Python: three\n", "no version specifiers"),
        more("an unknown licence", "2.4", "License-Expression: Whatever\n", "no SPDX licence expression"),
        more(
            "a licence that is not there",
            "2.4",
            "License-File: LICENSE\n",
            "has no `acme_hello-1.0.dist-info/licenses/LICENSE`",
        ),
        more("a licence elsewhere", "2.4", "License-File: ../../LICENSE\n", "no path within the distribution"),
        sample(
            "an sdist of another project",
            SDIST,
            tar::gzip(&tar::Tar::sdist(&METADATA.replace("acme-hello", "evil")).bytes()),
            "its metadata says `evil 1.0`",
        ),
    ]
}
