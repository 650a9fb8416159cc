//! What strangers wrote, as people may see it.

use std::borrow::Cow;

use url::Url;

/// A line of text without what cannot be seen: control characters, and those that turn the direction of what stands
/// around them, so that a name or a version looks like another (CVE-2021-42574).
pub(super) fn line(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_hidden) {
        Cow::Owned(text.chars().map(|char| if is_hidden(char) { '\u{fffd}' } else { char }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// The same, up to so many characters.
pub(super) fn short(text: &str, longest: usize) -> String {
    let mut shown: String = line(text.trim()).chars().take(longest).collect();
    if text.trim().chars().count() > longest {
        shown.push('…');
    }
    shown
}

/// Several lines of text, made the same way; without invisible characters rather than with marks for them.
pub(super) fn lines(text: &str) -> String {
    text.chars().filter(|char| matches!(char, '\n' | '\t') || !is_hidden(*char)).collect()
}

/// Whether a character has no look of its own, and could change the look of others.
fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(char, '\u{e0000}'..='\u{e007f}' | '\u{fff9}'..='\u{fffb}' | '\u{061c}')
}

/// The address, if a link may lead there: `http` or `https` to a host, without a user name, which looks like a host.
pub(super) fn link(address: &str) -> Option<Url> {
    if address.len() > 2048 {
        return None;
    }
    let url = Url::parse(address.trim()).ok()?;
    let plain = matches!(url.scheme(), "http" | "https") && url.has_host();
    (plain && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// Bytes as people read them.
pub(super) fn size(bytes: u64) -> String {
    let units = ["KB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    // Tenths of a unit, rounded.
    let (mut tenths, mut unit) = (bytes / 100, 0);
    while tenths >= 10_000 && unit + 1 < units.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, units.get(unit).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_turns_or_hides_what_stands_around_it() {
        assert_eq!(line("1.0"), "1.0");
        assert_eq!(line("safe\u{202e}lmth.exe\u{0}"), "safe\u{fffd}lmth.exe\u{fffd}");
        assert_eq!(line("pay\u{200b}pal\u{2066}"), "pay\u{fffd}pal\u{fffd}");
        assert_eq!(lines("a\tb\r\nc\u{1b}[31md\u{202e}"), "a\tb\nc[31md");
        assert_eq!(short("  abcdef ", 3), "abc…");
        assert_eq!(short("größe 東京", 20), "größe 東京");
    }

    #[test]
    fn links_lead_to_web_pages_only() {
        for good in ["https://example.com/a?b#c", "http://example.com", " https://example.com "] {
            assert!(link(good).is_some(), "{good}");
        }
        let long = format!("https://example.com/{}", "a".repeat(3000));
        for bad in [
            "javascript:alert(1)",
            " JavaScript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,<script>",
            "vbscript:x",
            "file:///etc/passwd",
            "mailto:a@example.com",
            "//example.com",
            "/console/",
            "example.com",
            "https://bank.example.com@evil.example.com/",
            &long,
        ] {
            assert!(link(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 KB"),
            (15_360, "15.3 KB"),
            (999_999, "999.9 KB"),
            (5_242_880, "5.2 MB"),
            (3_000_000_000, "3.0 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
