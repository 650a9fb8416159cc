//! Text of somebody else's, made fit to be shown: in a terminal, on a page, in a log.
//!
//! Neither may it steer what shows it, nor may it look like another text: characters that nobody sees, and those that
//! turn the direction of writing, make one address look like another's (Unicode TR 36 §2.3, TR 55).
//!
//! What is *not* here: letters that look alike. They are real letters, and somebody's name.

/// The longest text that is shown, in characters.
const MAX_CHARS: usize = 500;

/// `text` for people to read: on one line, with nothing in it that cannot be seen, and not endless.
pub fn shown(text: &str) -> String {
    visible(text).take(MAX_CHARS).collect()
}

/// The characters of `text` that may be shown. A control character and a break of lines count as a blank; what is
/// invisible is left out.
pub(crate) fn visible(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|char| !is_hidden(*char)).map(|char| if breaks(char) { ' ' } else { char })
}

/// Whether there is nothing to see of `char`, or it turns the direction of writing.
pub(crate) fn is_hidden(char: char) -> bool {
    matches!(char,
        // A hyphen, a joiner and a mark of direction that do not show.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}'
        // Blanks without width, joiners, marks of direction.
        | '\u{200b}'..='\u{200f}'
        // Directions: embedded, overridden, isolated.
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        // Letters of Hangul that show nothing.
        | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
        // The mark of byte order, annotations, tags.
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether `char` is a control character, or begins another line or paragraph.
pub(crate) fn breaks(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_there_is() {
        for (text, expected) in [
            ("Ada L\u{f6}velace, \u{5d0}\u{5d3}\u{5d4}", "Ada L\u{f6}velace, \u{5d0}\u{5d3}\u{5d4}"),
            ("a\u{1b}[31mb\r\nc\u{2028}d\u{9b}e", "a [31mb  c d e"),
            ("a\u{202e}b\u{2066}c\u{2069}d\u{200f}e\u{61c}f", "abcdef"),
            ("a\u{200b}b\u{200d}c\u{2060}d\u{2064}e\u{feff}f\u{ad}g\u{e0041}h", "abcdefgh"),
            ("\u{3164}\u{115f}", ""),
        ] {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(shown(&"x".repeat(9999)).len(), MAX_CHARS);
    }
}
