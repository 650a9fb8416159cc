//! A glob and a value, against the plainest matcher there is.
#![no_main]

use daypass_core::claim_rule::Glob;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pair: (&str, &str)| {
    let (pattern, value) = pair;
    // The plain matcher takes exponential time; the real one must not.
    if pattern.len() > 24 || value.len() > 48 {
        if let Ok(glob) = pattern.parse::<Glob>() {
            let _ = glob.matches(value);
        }
        return;
    }
    let Ok(glob) = pattern.parse::<Glob>() else { return };
    let (pattern, value): (Vec<char>, Vec<char>) = (pattern.chars().collect(), value.chars().collect());
    assert_eq!(glob.matches(&value.iter().collect::<String>()), plainly(&pattern, &value), "{glob}");
});

/// By the definition: a star is nothing, or one character that is no separator and the star again.
fn plainly(pattern: &[char], value: &[char]) -> bool {
    match (pattern, value) {
        ([], []) => true,
        (['*', rest @ ..], _) if plainly(rest, value) => true,
        (['*', ..], [first, after @ ..]) => !matches!(first, '/' | ':' | '@') && plainly(pattern, after),
        ([one, rest @ ..], [first, after @ ..]) => one == first && *one != '*' && plainly(rest, after),
        _ => false,
    }
}
