//! What holds for any rule and any token.

use daypass_core::{
    lint::{Severity, lint},
    preset::Preset,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::house::{ask, policy};

/// A value as tokens have them, with the characters that rules care about.
fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9/:@._*-]{1,24}"
}

/// A glob that matches `value`: some of its characters that are no separators became stars. With the positions that
/// are still fixed.
fn globbed(value: &str, stars: &[bool]) -> (String, Vec<usize>) {
    let (mut glob, mut fixed) = (String::new(), Vec::new());
    for (at, char) in value.char_indices() {
        let star = stars.get(at).copied().unwrap_or(false) && !matches!(char, '/' | ':' | '@');
        match star {
            true if glob.ends_with('*') => {}
            true => glob.push('*'),
            false => {
                glob.push(char);
                fixed.push(at);
            }
        }
    }
    (glob, fixed)
}

/// `text` with another character at `at`.
fn changed(text: &str, at: usize, into: char) -> String {
    text.char_indices().map(|(here, char)| if here == at { into } else { char }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is pinned exactly: no other value of it is accepted, and no other type.
    #[test]
    fn any_change_of_a_pinned_claim_is_refused(
        values in prop::collection::btree_map("[a-z_]{1,8}", text(), 1..5),
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), into in "[ -~]",
    ) {
        let generic = json!({ "url": "https://ci.example.com", "keys": { "discovery": true } });
        prop_assume!(values.keys().any(|name| !["iss", "aud", "exp", "iat", "nbf", "jti"].contains(&name.as_str())));
        let policy = policy(&generic, &json!({ "claims": values })).unwrap();
        let mut claims = json!(values);
        prop_assert!(ask(&policy, &claims).is_ok());
        let (name, value) = which.get(&values.iter().collect::<Vec<_>>()).to_owned();
        let other = changed(value, at.index(value.len()), into.chars().next().unwrap());
        prop_assume!(other != *value);
        for wrong in [json!(other), json!(format!("{value}x")), json!([value]), json!({ "x": value }), json!(7), json!(null)] {
            claims[name.as_str()] = wrong.clone();
            prop_assert!(ask(&policy, &claims).is_err(), "{}: {}", name, wrong);
        }
        claims.as_object_mut().unwrap().remove(name);
        prop_assert!(ask(&policy, &claims).is_err());
    }

    /// Outside of its stars a glob is exact, and a star never swallows a separator.
    #[test]
    fn any_change_outside_of_a_star_is_refused(
        value in "[a-z0-9/:@.-]{2,24}", stars in prop::collection::vec(any::<bool>(), 24),
        at in any::<prop::sample::Index>(), into in "[/:@]",
    ) {
        let (glob, fixed) = globbed(&value, &stars);
        prop_assume!(glob.contains('*') && !fixed.is_empty());
        let generic = json!({ "url": "https://ci.example.com", "keys": { "discovery": true } });
        let policy = policy(&generic, &json!({ "claims": { "x": { "glob": glob } } })).unwrap();
        prop_assert!(ask(&policy, &json!({ "x": value })).is_ok(), "{} {}", glob, value);
        let at = *at.get(&fixed);
        // With every fixed character of one kind gone, nothing is left that could stand for it.
        let gone = value.chars().nth(at).unwrap();
        let without = value.replace(gone, "Z");
        prop_assert!(ask(&policy, &json!({ "x": without })).is_err(), "{} {}", glob, without);
        let separators = |text: &str| text.chars().filter(|char| "/:@".contains(*char)).collect::<String>();
        let more = changed(&value, at, into.chars().next().unwrap());
        if separators(&more) != separators(&value) {
            prop_assert!(ask(&policy, &json!({ "x": more })).is_err(), "{} {}", glob, more);
        }
    }

    /// A rule without a finding of weight keeps out every other organisation.
    #[test]
    fn what_lint_passes_accepts_nobody_of_another_organisation(
        preset in prop::sample::select(Preset::all().filter(|preset| preset.url.is_some()).map(|p| p.name).collect::<Vec<_>>()),
        picked in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4), 1..6),
        ours in prop::collection::vec("[a-f0-9]{6}", 24), theirs in prop::collection::vec("[g-z]{6}", 24),
    ) {
        let preset: Preset = preset.parse().unwrap();
        let mut paths: Vec<&str> = preset.organisation.to_vec();
        paths.extend(preset.must_pin.iter().chain(preset.code).chain(preset.untrusted));
        paths.extend(preset.mutable.iter().map(|(path, _)| *path));
        paths.sort_unstable();
        paths.dedup();
        let value = |path: &str, from: &[String]| {
            // Where two claims must be equal, they are.
            let path = preset.equal.iter().find(|(_, other, _)| *other == path).map_or(path, |(one, ..)| one);
            let at = paths.iter().position(|one| *one == path).unwrap();
            // GitHub's ids are numbers; a rule that pins something else is found for that.
            if path.ends_with("_id") { from[at].bytes().map(|b| (b'0' + b % 10) as char).collect() } else { from[at].clone() }
        };
        let mut rules = Map::new();
        for (which, form) in &picked {
            let path = *which.get(&paths);
            let ours = value(path, &ours);
            rules.insert(path.to_owned(), match form {
                0 => json!(ours),
                1 => json!([ours, "other"]),
                2 => json!({ "glob": "*" }),
                _ => json!({ "glob": format!("{}*", &ours[..4]) }),
            });
        }
        let mut issuer = json!({ "preset": preset.name });
        if preset.sigv4 { issuer["regions"] = json!(["eu-central-1"]); }
        let Ok(policy) = policy(&issuer, &json!({ "claims": rules })) else { return Ok(()) };
        prop_assume!(lint(&policy).iter().all(|finding| finding.severity != Severity::Error));
        let token = |organisation: &[String]| {
            let mut claims = json!({});
            for path in &paths {
                let from = if preset.organisation.contains(path) { organisation } else { &ours };
                put(&mut claims, path, json!(value(path, from)));
            }
            claims
        };
        prop_assert!(ask(&policy, &token(&ours)).is_ok(), "{:?}", rules);
        // The ids of two organisations differ.
        let other = token(&theirs);
        prop_assume!(preset.organisation.iter().all(|path| value(path, &ours) != value(path, &theirs)));
        prop_assert!(ask(&policy, &other).is_err(), "{:?} {}", rules, other);
    }
}

/// Puts a value where a path leads.
fn put(claims: &mut Value, path: &str, value: Value) {
    match path.strip_prefix('/') {
        None => claims[path] = value,
        Some(pointer) => {
            let steps: Vec<_> = pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
            let mut here = claims;
            for step in &steps {
                here = &mut here[step.as_str()];
            }
            *here = value;
        }
    }
}
