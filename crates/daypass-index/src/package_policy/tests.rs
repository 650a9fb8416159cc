//! Tables of the rules: what is allowed, and its twin that is refused.

use daypass_core::names::{IndexName, ProjectName};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const NOW: &str = "2026-11-24T12:00:00Z";

/// A file to be judged; what is not said is harmless and old.
struct Asked {
    file: &'static str,
    origin: Origin,
    age: Age,
    licence: Licence<'static>,
    yanked: bool,
    quarantined: Option<&'static str>,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn old(file: &'static str) -> Asked {
    Asked {
        file,
        origin: Origin::Upstream,
        age: Age::Uploaded(at("2026-01-01T00:00:00Z")),
        licence: Licence::Unknown,
        yanked: false,
        quarantined: None,
    }
}

/// Uploaded two days ago.
fn young(file: &'static str) -> Asked {
    Asked { age: Age::Uploaded(at("2026-11-22T12:00:00Z")), ..old(file) }
}

fn advisories(values: &[serde_json::Value]) -> Advisories {
    let mut advisories = Advisories::default();
    for value in values {
        advisories.add(value.to_string().as_bytes()).unwrap();
    }
    advisories.settle();
    advisories
}

fn judged(policy: &str, known: &Advisories, asked: &Asked, now: &str) -> Judgement {
    let (index, project): (IndexName, ProjectName) = ("python".parse().unwrap(), "acme".parse().unwrap());
    let named = Named::of(&project, asked.file);
    let facts = Facts {
        index: &index,
        project: &project,
        named: &named,
        origin: asked.origin,
        age: asked.age,
        licence: asked.licence,
        yanked: asked.yanked,
        quarantined: asked.quarantined,
    };
    PackagePolicy::parse(policy).unwrap().judge(&facts, known, at(now))
}

/// The rule that blocks, and its sentence.
fn blocked_by(policy: &str, known: &[serde_json::Value], asked: &Asked) -> Option<(Rule, String)> {
    match judged(policy, &advisories(known), asked, NOW).verdict {
        Verdict::Pass => None,
        Verdict::Blocked(blocked) => Some((blocked.rule, blocked.reason)),
    }
}

fn rule(policy: &str, known: &[serde_json::Value], asked: &Asked) -> Option<Rule> {
    blocked_by(policy, known, asked).map(|(rule, _)| rule)
}

fn advisory(id: &str, severity: Option<&str>, fixed: &str) -> serde_json::Value {
    json!({
        "id": id, "aliases": [format!("CVE-of-{id}")], "summary": "bad things",
        "database_specific": { "severity": severity },
        "affected": [{
            "package": { "ecosystem": "PyPI", "name": "acme" },
            "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": fixed }] }],
        }],
    })
}

const WHEEL: &str = "acme-1.0-py3-none-any.whl";
const NEWER: &str = "acme-2.0-py3-none-any.whl";
const SDIST: &str = "acme-1.0.tar.gz";

#[test]
fn what_others_upload_waits_seven_days_unless_the_policy_says_otherwise() {
    assert_eq!(rule("", &[], &old(WHEEL)), None);
    let (rule_of, reason) = blocked_by("", &[], &young(WHEEL)).unwrap();
    assert_eq!(rule_of, Rule::Cooldown);
    assert_eq!(
        reason,
        "uploaded on 2026-11-22T12:00:00Z; index `python` waits 7 days: can be installed from 2026-11-29T12:00:00Z"
    );
    assert_eq!(rule("cooldown = \"0\"", &[], &young(WHEEL)), None);
    assert_eq!(rule("cooldown = \"48h\"", &[], &young(WHEEL)), None);
    assert_eq!(rule("cooldown = \"48h 1s\"", &[], &young(WHEEL)), Some(Rule::Cooldown));
    let ours = Asked { origin: Origin::Hosted, ..young(WHEEL) };
    assert_eq!(rule("", &[], &ours), None);
    assert_eq!(rule("hosted_cooldown = \"7d\"", &[], &ours), Some(Rule::Cooldown));
}

#[test]
fn the_wait_ends_to_the_second_and_says_when() {
    let none = Advisories::default();
    let judgement = judged("", &none, &young(WHEEL), "2026-11-29T11:59:59Z");
    assert_eq!(judgement.changes_at, Some(at("2026-11-29T12:00:00Z")));
    assert!(matches!(judgement.verdict, Verdict::Blocked(_)));
    let judgement = judged("", &none, &young(WHEEL), "2026-11-29T12:00:00Z");
    assert_eq!(judgement, Judgement { verdict: Verdict::Pass, changes_at: None });
    // A time to come is no way around it.
    let later = Asked { age: Age::Uploaded(at("2030-01-01T00:00:00Z")), ..old(WHEEL) };
    assert_eq!(rule("", &[], &later), Some(Rule::Cooldown));
}

#[test]
fn without_an_upload_time_the_first_sight_counts() {
    let seen = Asked { age: Age::FirstSeen(at("2026-11-22T12:00:00Z")), ..old(WHEEL) };
    let (rule_of, reason) = blocked_by("", &[], &seen).unwrap();
    assert!(rule_of == Rule::Cooldown && reason.starts_with("first seen on 2026-11-22"), "{reason}");
    assert_eq!(rule("unknown_age = \"pass\"", &[], &seen), None);
    // That is about what is unknown only.
    assert_eq!(rule("unknown_age = \"pass\"", &[], &young(WHEEL)), Some(Rule::Cooldown));
}

#[test]
fn an_exception_from_the_wait_is_for_what_it_names_and_until_it_ends() {
    let allow = |what: &str| format!("[[allow]]\n{what}\nbecause = \"we need it\"");
    for (what, passes) in [
        ("project = \"acme\"", true),
        ("project = \"ac*\"", true),
        ("project = \"other\"", false),
        ("project = \"acme\"\nversions = \">=1,<2\"", true),
        ("project = \"acme\"\nversions = \">=2\"", false),
        ("purl = \"pkg:pypi/acme@1.0\"", true),
        ("purl = \"pkg:pypi/acme@1.0.0\"", true),
        ("purl = \"pkg:pypi/acme@1.1\"", false),
        ("purl = \"pkg:pypi/acme\"", true),
        ("project = \"acme\"\nfile_types = [\"wheel\"]", true),
        ("project = \"acme\"\nfile_types = [\"sdist\"]", false),
        ("project = \"acme\"\nuntil = \"2026-11-25T00:00:00Z\"", true),
        ("project = \"acme\"\nuntil = \"2026-11-24T00:00:00Z\"", false),
        ("project = \"acme\"\nlifts = [\"cooldown\", \"licence\"]", true),
        ("project = \"acme\"\nlifts = [\"licence\"]", false),
    ] {
        assert_eq!(rule(&allow(what), &[], &young(WHEEL)).is_none(), passes, "{what}");
    }
    let until = judged(
        &allow("project = \"acme\"\nuntil = \"2026-11-25T00:00:00Z\""),
        &Advisories::default(),
        &young(WHEEL),
        NOW,
    );
    assert_eq!(until.changes_at, Some(at("2026-11-25T00:00:00Z")));
    // A version that cannot be read gets no exception by version.
    let strange = young("acme-latest.tar.gz");
    assert_eq!(rule(&allow("project = \"acme\"\nversions = \">=1\""), &[], &strange), Some(Rule::Cooldown));
}

#[test]
fn what_closes_a_hole_need_not_wait_if_the_policy_says_so() {
    let fix = advisory("GHSA-1", Some("HIGH"), "2.0");
    let except = "cooldown_except_fixes = true";
    assert_eq!(rule(except, std::slice::from_ref(&fix), &young(NEWER)), None);
    assert_eq!(rule("", std::slice::from_ref(&fix), &young(NEWER)), Some(Rule::Cooldown));
    assert_eq!(rule(except, &[fix], &young(WHEEL)), Some(Rule::Cooldown));
    assert_eq!(rule(except, &[], &young(NEWER)), Some(Rule::Cooldown));
    // Malware that was "fixed" is no hole that was closed.
    assert_eq!(rule(except, &[advisory("MAL-1", None, "2.0")], &young(NEWER)), Some(Rule::Cooldown));
}

#[test]
fn the_block_list_names_projects_versions_types_and_purls() {
    let block = |what: &str| format!("[[block]]\n{what}\nbecause = \"no longer kept\"");
    for (what, file, blocks) in [
        ("project = \"acme\"", WHEEL, true),
        ("project = \"ac*\"", WHEEL, true),
        ("project = \"acme-*\"", WHEEL, false),
        ("project = \"acme\"\nversions = \"<2\"", WHEEL, true),
        ("project = \"acme\"\nversions = \"<2\"", NEWER, false),
        ("project = \"*\"\nfile_types = [\"sdist\", \"egg\"]", SDIST, true),
        ("project = \"*\"\nfile_types = [\"sdist\", \"egg\"]", "acme-1.0-py3.8.egg", true),
        ("project = \"*\"\nfile_types = [\"sdist\", \"egg\"]", WHEEL, false),
        ("purl = \"pkg:pypi/acme@1.0\"", WHEEL, true),
        ("purl = \"pkg:pypi/acme@1.0\"", NEWER, false),
        // A version that cannot be read does not get past a range.
        ("project = \"acme\"\nversions = \"<2\"", "acme-latest.tar.gz", true),
        ("project = \"acme\"\nyanked = true", WHEEL, false),
    ] {
        assert_eq!(rule(&block(what), &[], &old(file)), blocks.then_some(Rule::Block), "{what} {file}");
    }
    let yanked = Asked { yanked: true, ..old(WHEEL) };
    assert_eq!(rule(&block("project = \"acme\"\nyanked = true"), &[], &yanked), Some(Rule::Block));
    let (_, reason) = blocked_by(&block("project = \"acme\""), &[], &old(WHEEL)).unwrap();
    assert_eq!(reason, "on the block list of index `python`: no longer kept");
    let lifted =
        format!("{}\n[[allow]]\nproject = \"acme\"\nlifts = [\"block\"]\nbecause = \"x\"", block("project = \"*\""));
    assert_eq!(rule(&lifted, &[], &old(WHEEL)), None);
}

#[test]
fn malware_is_blocked_always_and_only_its_own_id_lifts_it() {
    let malware = [advisory("MAL-2026-1", None, "2.0")];
    let (rule_of, reason) = blocked_by("", &malware, &old(WHEEL)).unwrap();
    assert_eq!((rule_of, reason.as_str()), (Rule::Malware, "reported as malicious: MAL-2026-1 (bad things)"));
    assert_eq!(rule("", &malware, &old(NEWER)), None);
    let lift = |lifts: &str| format!("[[allow]]\nproject = \"acme\"\nlifts = [{lifts}]\nbecause = \"checked by hand\"");
    assert_eq!(rule(&lift("\"MAL-2026-1\""), &malware, &old(WHEEL)), None);
    assert_eq!(rule(&lift("\"CVE-of-MAL-2026-1\""), &malware, &old(WHEEL)), None);
    for other in ["\"MAL-2026-2\"", "\"vulnerability\", \"block\", \"cooldown\", \"licence\""] {
        assert_eq!(rule(&lift(other), &malware, &old(WHEEL)), Some(Rule::Malware), "{other}");
    }
    // Also where its version cannot be read, and where it is hosted here.
    assert_eq!(rule("", &malware, &old("acme-latest.tar.gz")), Some(Rule::Malware));
    assert_eq!(rule("", &malware, &Asked { origin: Origin::Hosted, ..old(WHEEL) }), Some(Rule::Malware));
    assert!(PackagePolicy::parse("cooldown = \"0\"").unwrap().concerns(Origin::Hosted, &advisories(&malware)));
}

#[test]
fn vulnerabilities_are_blocked_from_a_severity_on_or_by_id() {
    let high = [advisory("GHSA-1", Some("HIGH"), "2.0")];
    let silent = [advisory("PYSEC-1", None, "2.0")];
    for (policy, known, blocks) in [
        ("", &high, false),
        ("[vulnerabilities]\nblock_from = \"high\"", &high, true),
        ("[vulnerabilities]\nblock_from = \"low\"", &high, true),
        ("[vulnerabilities]\nblock_from = \"critical\"", &high, false),
        ("[vulnerabilities]\nids = [\"GHSA-1\"]", &high, true),
        ("[vulnerabilities]\nids = [\"cve-of-ghsa-1\"]", &high, true),
        ("[vulnerabilities]\nids = [\"GHSA-2\"]", &high, false),
        // What does not say how bad it is counts as the worst.
        ("[vulnerabilities]\nblock_from = \"critical\"", &silent, true),
        ("[vulnerabilities]\nblock_from = \"critical\"\nunscored = \"pass\"", &silent, false),
    ] {
        assert_eq!(rule(policy, known, &old(WHEEL)), blocks.then_some(Rule::Vulnerability), "{policy}");
        assert_eq!(rule(policy, known, &old(NEWER)), None, "{policy}");
    }
    let from_high =
        "[vulnerabilities]\nblock_from = \"high\"\n[[allow]]\nproject = \"acme\"\nbecause = \"not reachable\"\n";
    assert_eq!(rule(&format!("{from_high}lifts = [\"GHSA-1\"]"), &high, &old(WHEEL)), None);
    assert_eq!(rule(&format!("{from_high}lifts = [\"vulnerability\"]"), &high, &old(WHEEL)), None);
    assert_eq!(rule(&format!("{from_high}lifts = [\"GHSA-9\"]"), &high, &old(WHEEL)), Some(Rule::Vulnerability));
}

#[test]
fn licences_are_judged_as_far_as_they_are_known() {
    let policy = "[licences]\nblock = [\"AGPL-*\"]";
    let with = |licence| Asked { licence, ..old(WHEEL) };
    assert_eq!(rule(policy, &[], &with(Licence::Said("AGPL-3.0-only"))), Some(Rule::Licence));
    assert_eq!(rule(policy, &[], &with(Licence::Said("MIT OR AGPL-3.0-only"))), None);
    assert_eq!(rule(policy, &[], &with(Licence::Unknown)), None);
    let strict = format!("{policy}\nunknown = \"block\"");
    assert_eq!(rule(&strict, &[], &with(Licence::Unknown)), Some(Rule::Licence));
    let lifted = format!("{policy}\n[[allow]]\nproject = \"acme\"\nlifts = [\"licence\"]\nbecause = \"bought\"");
    assert_eq!(rule(&lifted, &[], &with(Licence::Said("AGPL-3.0-only"))), None);
}

#[test]
fn nothing_lifts_a_quarantine() {
    let policy = "[[quarantine]]\nproject = \"acme\"\nversions = \"==1.0\"\nbecause = \"looks wrong\"\n\
                  [[allow]]\nproject = \"*\"\nlifts = [\"cooldown\", \"block\", \"licence\", \"vulnerability\"]\nbecause = \"x\"";
    let (rule_of, reason) = blocked_by(policy, &[], &old(WHEEL)).unwrap();
    assert_eq!((rule_of, reason.as_str()), (Rule::Quarantine, "quarantined by the administrator: looks wrong"));
    assert_eq!(rule(policy, &[], &old(NEWER)), None);
    assert_eq!(rule("", &[], &Asked { quarantined: Some(""), ..old(WHEEL) }), Some(Rule::Quarantine));
}

#[test]
fn the_first_rule_in_the_order_is_named() {
    let known = [advisory("MAL-1", None, "2.0"), advisory("GHSA-1", Some("HIGH"), "2.0")];
    let parts = [
        ("[vulnerabilities]\nblock_from = \"low\"\n", Rule::Malware),
        ("[[quarantine]]\nproject = \"acme\"\n", Rule::Quarantine),
    ];
    let mut policy = String::new();
    for (part, named) in parts {
        policy.push_str(part);
        assert_eq!(rule(&policy, &known, &young(WHEEL)), Some(named));
    }
    let policy = "[[block]]\nproject = \"acme\"\n[vulnerabilities]\nblock_from = \"low\"\n";
    assert_eq!(rule(policy, &known[1..], &young(WHEEL)), Some(Rule::Vulnerability));
    let policy = "[[block]]\nproject = \"acme\"\n[licences]\nunknown = \"block\"";
    assert_eq!(rule(policy, &[], &young(WHEEL)), Some(Rule::Block));
    assert_eq!(rule("[licences]\nunknown = \"block\"", &[], &young(WHEEL)), Some(Rule::Licence));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_sentence() {
    for (text, says) in [
        ("colldown = \"7d\"", "unknown field `colldown`"),
        ("[[block]]\nproject = \"a\"\nversion = \"1\"", "unknown field `version`"),
        ("mode = \"off\"", "unknown variant `off`"),
        ("cooldown = \"a week\"", "`cooldown` must be a duration"),
        ("cooldown = \"-7d\"", "`cooldown` must be a duration"),
        ("hosted_cooldown = \"2000d\"", "`hosted_cooldown` must be a duration"),
        ("cooldown = 7", "invalid type"),
        ("[[block]]\nbecause = \"x\"", "each `[[block]]` needs either a `project`"),
        ("[[block]]\nproject = \"a\"\npurl = \"pkg:pypi/a\"", "each `[[block]]` needs either"),
        ("[[quarantine]]\npurl = \"pkg:pypi/a\"\nversions = \">1\"", "each `[[quarantine]]` needs either"),
        ("[[block]]\npurl = \"pkg:npm/a\"", "is not a package URL"),
        ("[[block]]\nproject = \"a\"\nversions = \"latest\"", "versions = \"latest\""),
        ("[[block]]\nproject = \"a\"\nfile_types = [\"jar\"]", "unknown variant `jar`"),
        ("[[allow]]\nproject = \"a\"", "missing field `because`"),
        ("[[allow]]\nproject = \"a\"\nbecause = \" \"", "needs `because`"),
        ("[[allow]]\nproject = \"a\"\nbecause = \"x\"\nlifts = [\"malware\"]", "name the advisory"),
        ("[[allow]]\nproject = \"a\"\nbecause = \"x\"\nlifts = [\"quarantine\"]", "end the quarantine instead"),
        ("[[allow]]\nproject = \"*\"\nbecause = \"x\"\nlifts = [\"MAL-1\"]", "must name one project"),
        ("[licences]\nblock = [\"GLP-3.0\"]", "`GLP-3.0` is not a licence"),
        ("[vulnerabilities]\nblock_from = \"terrible\"", "unknown variant `terrible`"),
    ] {
        let error = PackagePolicy::parse(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    let many = "[[block]]\nproject = \"a\"\n".repeat(10_001);
    assert!(matches!(PackagePolicy::parse(&many), Err(written::InvalidPackagePolicy::TooMany)));
}

#[test]
fn a_policy_that_says_nothing_concerns_nothing() {
    let (none, policy) = (Advisories::default(), PackagePolicy::parse("cooldown = \"0\"").unwrap());
    assert!(!policy.concerns(Origin::Upstream, &none) && !policy.concerns(Origin::Hosted, &none));
    let default = PackagePolicy::default();
    assert!(default.concerns(Origin::Upstream, &none) && !default.concerns(Origin::Hosted, &none));
}

#[test]
fn a_policy_is_told_in_sentences() {
    let text = "mode = \"preview\"\ncooldown_except_fixes = true\nosv = [\"advisories\"]\n\
                [[block]]\nproject = \"*\"\nfile_types = [\"sdist\"]\n\
                [[allow]]\npurl = \"pkg:pypi/acme@1.0\"\nbecause = \"we need it\"\nuntil = \"2026-12-01T00:00:00Z\"\n\
                [vulnerabilities]\nblock_from = \"high\"\n[licences]\nblock = [\"GPL-*\"]";
    insta::assert_snapshot!(PackagePolicy::parse(text).unwrap().told(3).join("\n"), @r"
    preview: nothing is withheld, what would be is recorded
    files from upstream wait 7 days, unless they close a known hole
    files without an upload time wait from when they are first seen
    blocked: every project, sdist only
    allowed despite cooldown until 2026-12-01T00:00:00Z: `acme` 1.0 (we need it)
    licences: never GPL-*; unknown passes
    3 advisories: malware is blocked
    vulnerabilities are blocked that are high or worse, or of unknown severity
    ");
}

proptest! {
    /// The wait is over exactly when it is over, and the instant that is told is the one.
    #[test]
    fn a_file_passes_exactly_from_the_instant_that_was_told(uploaded in 0_i64..2_000_000, now in 0_i64..4_000_000) {
        let asked = Asked { age: Age::Uploaded(Timestamp::from_second(uploaded).unwrap()), ..old(WHEEL) };
        let now = Timestamp::from_second(now).unwrap();
        let judgement = judged("", &Advisories::default(), &asked, &now.to_string());
        let matures = Timestamp::from_second(uploaded + 7 * 86_400).unwrap();
        prop_assert_eq!(judgement.verdict == Verdict::Pass, now >= matures);
        prop_assert_eq!(judgement.changes_at, (now < matures).then_some(matures));
    }

    /// A range of versions blocks what PEP 440 says is in it, and an exception with the same range lifts as much.
    #[test]
    fn block_and_allow_read_ranges_alike(major in 0_u64..5, minor in 0_u64..5) {
        let file: &'static str = Box::leak(format!("acme-{major}.{minor}.tar.gz").into_boxed_str());
        let block = "[[block]]\nproject = \"acme\"\nversions = \">=1.2,<3.1,!=2.*\"\n";
        let inside = (major, minor) >= (1, 2) && (major, minor) < (3, 1) && major != 2;
        prop_assert_eq!(rule(block, &[], &old(file)).is_some(), inside);
        let allow = "cooldown = \"7d\"\n[[allow]]\nproject = \"acme\"\nversions = \">=1.2,<3.1,!=2.*\"\nbecause = \"x\"";
        prop_assert_eq!(rule(allow, &[], &young(file)).is_none(), inside);
    }
}
