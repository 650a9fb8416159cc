//! Licence expressions (PEP 639, SPDX 2.3 annex D).

use spdx::{Expression, ParseMode};

/// The longest expression, in bytes.
const LONGEST: usize = 2048;

/// What PEP 639 allows: identifiers of the SPDX list, also deprecated ones, and `LicenseRef-` with a name.
const MODE: ParseMode = ParseMode {
    allow_slash_as_or_operator: false,
    allow_imprecise_license_names: false,
    allow_postfix_plus_on_gpl: true,
    allow_deprecated: true,
    allow_unknown: false,
};

/// Whether a text is a licence expression.
pub(super) fn is_expression(text: &str) -> bool {
    let spelled = if text.len() <= LONGEST { spelled(text) } else { String::new() };
    // The library takes a reference without a name.
    let is_nameless = |word: &str| word == "LicenseRef-";
    !spelled.split(' ').any(is_nameless) && Expression::parse_mode(&spelled, MODE).is_ok()
}

/// The expression with every identifier spelled as the list spells it: PEP 639 does not mind their case.
fn spelled(text: &str) -> String {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let words = spaced.split_whitespace().map(|word| {
        let plain = word.strip_suffix('+').unwrap_or(word);
        let plus = if plain.len() < word.len() { "+" } else { "" };
        let operator = ["AND", "OR", "WITH"].into_iter().find(|operator| operator.eq_ignore_ascii_case(word));
        let license = || spdx::identifiers::LICENSES.iter().map(|license| license.name);
        let exception = || spdx::identifiers::EXCEPTIONS.iter().map(|exception| exception.name);
        let known = operator.or_else(|| license().chain(exception()).find(|name| name.eq_ignore_ascii_case(plain)));
        known.map_or_else(|| word.to_owned(), |known| format!("{known}{plus}"))
    });
    words.collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spdx_expressions_pass() {
        for text in [
            "MIT",
            "mit",
            "Apache-2.0 OR BSD-2-Clause",
            "apache-2.0 or (mit and bsd-3-clause)",
            "GPL-3.0-or-later WITH GCC-exception-3.1",
            "GPL-2.0+",
            "GPL-2.0-only",
            "LicenseRef-Proprietary",
            "MIT AND LicenseRef-Acme.Public",
        ] {
            assert!(is_expression(text), "{text}");
        }
    }

    #[test]
    fn other_texts_do_not() {
        let deep = format!("{}MIT{}", "(".repeat(5000), ")".repeat(5000));
        for text in [
            "",
            "Proprietary",
            "MIT License",
            "MIT OR",
            "AND MIT",
            "(MIT",
            "MIT)",
            "MIT/Apache-2.0",
            "MIT, BSD",
            "LicenseRef-",
            &deep,
        ] {
            assert!(!is_expression(text), "{text}");
        }
    }
}
