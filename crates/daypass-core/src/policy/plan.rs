//! From what is to what is wanted: the changes, in an order in which nothing is named before it is there.
//!
//! What is *not* here: who may make them (`authority`), and making them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{InvalidPolicy, ObjectKind, Objects, Policy};
use crate::{
    audit::AuditKind,
    lint::{Finding, lint},
};

/// One object that comes, changes or goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectChange {
    /// What it is.
    pub kind: ObjectKind,
    /// What it is called.
    pub name: String,
    /// How it is written now; `null`: it is not there.
    pub before: Option<Value>,
    /// How it will be written; `null`: it will be gone.
    pub after: Option<Value>,
}

/// What becomes of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It comes.
    Create,
    /// It changes.
    Update,
    /// It goes.
    Delete,
}

impl Turn {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl ObjectChange {
    /// What becomes of it.
    pub const fn turn(&self) -> Turn {
        match (&self.before, &self.after) {
            (None, _) => Turn::Create,
            (Some(_), Some(_)) => Turn::Update,
            (Some(_), None) => Turn::Delete,
        }
    }

    /// How the audit log calls it.
    pub const fn audit_kind(&self) -> AuditKind {
        match (self.kind, self.turn()) {
            (ObjectKind::Issuer, Turn::Create) => AuditKind::IssuerCreated,
            (ObjectKind::Issuer, Turn::Update) => AuditKind::IssuerUpdated,
            (ObjectKind::Issuer, Turn::Delete) => AuditKind::IssuerDeleted,
            (ObjectKind::Identity, Turn::Create) => AuditKind::IdentityCreated,
            (ObjectKind::Identity, Turn::Update) => AuditKind::IdentityUpdated,
            (ObjectKind::Identity, Turn::Delete) => AuditKind::IdentityDeleted,
            (ObjectKind::Role, Turn::Create) => AuditKind::RoleCreated,
            (ObjectKind::Role, Turn::Update) => AuditKind::RoleUpdated,
            (ObjectKind::Role, Turn::Delete) => AuditKind::RoleDeleted,
        }
    }
}

/// What must change so that `current` becomes `wanted`. Empty when it is so already.
///
/// Issuers come before the identities that trust them and those before the roles that bind them; what goes, goes the
/// other way round, after everything that comes.
pub fn plan(current: &Objects, wanted: &Objects) -> Vec<ObjectChange> {
    let change = |kind, name: &str, before: Option<&Value>, after: Option<&Value>| ObjectChange {
        kind,
        name: name.to_owned(),
        before: before.cloned(),
        after: after.cloned(),
    };
    let comes = wanted.iter().filter_map(|(kind, name, after)| {
        let before = current.get(kind, name);
        (before != Some(after)).then(|| change(kind, name, before, Some(after)))
    });
    let mut changes: Vec<_> = comes.collect();
    let mut goes: Vec<_> = current
        .iter()
        .filter(|(kind, name, _)| wanted.get(*kind, name).is_none())
        .map(|(kind, name, before)| change(kind, name, Some(before), None))
        .collect();
    goes.reverse();
    changes.append(&mut goes);
    changes
}

/// The policy that files and stored objects make together: files stand on their own, stored objects may lean on them.
pub fn together(files: &Policy, stored: &Objects) -> Result<Policy, InvalidPolicy> {
    Policy::merge([files.clone(), stored.to_policy()?])
}

/// What is too broad in the identities that `changes` touch, themselves or by their issuer. `after` is the policy with
/// the changes made.
pub fn findings(changes: &[ObjectChange], after: &Policy) -> Vec<Finding> {
    let touched = |kind, name: &str| {
        changes.iter().any(|change| change.kind == kind && change.after.is_some() && change.name == name)
    };
    let is_new = |finding: &Finding| {
        let issuer = after.identity_called(finding.identity.as_str()).map(|identity| &identity.issuer);
        touched(ObjectKind::Identity, finding.identity.as_str())
            || issuer.is_some_and(|issuer| touched(ObjectKind::Issuer, issuer.as_str()))
    };
    lint(after).into_iter().filter(is_new).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::lint::Severity;

    fn objects(text: &str) -> Objects {
        Objects::read(&toml::from_str::<Value>(text).unwrap()).unwrap()
    }

    const GOOD: &str = r#"
        [[issuer]]
        name = "gh"
        preset = "github"

        [[identity]]
        name = "ci/app"
        issuer = "gh"
        claims = { repository_owner_id = "65", repository_id = "74" }
        grants = [ { index = "python", projects = ["acme-*"], actions = ["pull"] } ]

        [[role]]
        role = "reader"
        index = "python"
        identities = ["ci/app"]
    "#;

    fn told(changes: &[ObjectChange]) -> Vec<String> {
        changes.iter().map(|change| format!("{} {} {}", change.turn().as_str(), change.kind, change.name)).collect()
    }

    #[test]
    fn everything_comes_in_order_goes_in_reverse_and_then_there_is_nothing_to_do() {
        let (nothing, all) = (Objects::default(), objects(GOOD));
        let coming = plan(&nothing, &all);
        let role = all.iter().last().unwrap().1.to_owned();
        assert!(role.starts_with("reader-"), "{role}");
        assert_eq!(
            told(&coming),
            ["create issuer gh".to_owned(), "create identity ci/app".to_owned(), format!("create role {role}")]
        );
        assert_eq!(plan(&all, &all), []);
        let going = plan(&all, &nothing);
        assert_eq!(
            told(&going),
            [format!("delete role {role}"), "delete identity ci/app".to_owned(), "delete issuer gh".to_owned()]
        );
        assert!(going.iter().all(|change| change.after.is_none() && change.before.is_some()));
    }

    #[test]
    fn a_role_without_a_name_stays_the_same_when_its_members_change() {
        let more = GOOD.replace(
            r#"["ci/app"]"#,
            r#"["ci/app"]
        users = ["local/ada"]"#,
        );
        let changes = plan(&objects(GOOD), &objects(&more));
        assert_eq!(
            changes.iter().map(|change| (change.kind, change.turn())).collect::<Vec<_>>(),
            [(ObjectKind::Role, Turn::Update)]
        );
        let named = objects(&GOOD.replace("role = \"reader\"", "name = \"readers\"\nrole = \"reader\""));
        assert!(named.get(ObjectKind::Role, "readers").is_some());
    }

    #[test]
    fn how_it_is_written_does_not_matter() {
        let one = Objects::read(&json!({"issuer": [{"preset": "github", "name": "gh", "url": null}]})).unwrap();
        let other = Objects::read(&json!({"issuer": [{"name": "gh", "preset": "github"}]})).unwrap();
        assert_eq!(plan(&one, &other), []);
    }

    #[test]
    fn what_a_database_may_not_hold_is_refused() {
        for (value, expected) in [
            (json!([]), "is an object"),
            (json!({"provider": []}), "`provider` is for the files"),
            (json!({"client": []}), "`client` is for the files"),
            (json!({"service_account": []}), "`service_account` is for the files"),
            (json!({"isuer": []}), "unknown field"),
            (json!({"issuer": [{"name": "a", "preset": "github", "x": 1}]}), "unknown field"),
            (json!({"issuer": [{"name": "a", "preset": "github", "ca_file": "/etc/passwd"}]}), "names a file"),
            (json!({"issuer": [{"name": "a", "url": "https://a.example", "keys": {"jwks": "x"}}]}), "names a file"),
            (json!({"issuer": [{"name": "a", "preset": "github"}, {"name": "a", "preset": "gitlab"}]}), "twice"),
            (json!({"issuer": [{"preset": "github"}]}), "missing field `name`"),
            (role_of(21), "at most 20 projects"),
            (json!({"identity": [{"name": "a", "grants": [role_of(21)["role"][0]]}]}), "at most 20 projects"),
            (json!({"role": [{"name": "a", "users": ["x".repeat(65 * 1024)]}]}), "larger than 64 KiB"),
            (json!({"identity": [{"name": "67e55044-10b1-426f-9247-bb680e5fe0c8"}]}), "as an id is"),
            (inline(&json!({"kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA"})), "private member `d`"),
            (inline(&json!({"kty": "oct", "k": "AA"})), "private member `k`"),
        ] {
            // An issuer without a name gets one only to be refused for it.
            let error = Objects::read(&value).expect_err(&value.to_string()).to_string();
            assert!(error.contains(expected), "{value}: {error}");
        }
    }

    fn role_of(projects: usize) -> Value {
        let projects: Vec<String> = (0..projects).map(|number| format!("p{number}")).collect();
        json!({"role": [{"name": "a", "role": "reader", "index": "x", "projects": projects, "users": ["local/ada"]}]})
    }

    fn inline(key: &Value) -> Value {
        json!({"issuer": [{"name": "a", "url": "https://a.example", "keys": {"inline": {"keys": [key]}}}]})
    }

    #[test]
    fn what_just_fits_may_be_stored() {
        assert!(Objects::read(&role_of(20)).is_ok());
        assert!(Objects::read(&inline(&json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}))).is_ok());
    }

    #[test]
    fn an_object_is_what_its_place_calls_it() {
        let body = json!({"preset": "github"});
        assert!(Objects::read_one(ObjectKind::Issuer, "gh", &body).unwrap().get(ObjectKind::Issuer, "gh").is_some());
        let body = json!({"preset": "github", "name": "other"});
        assert!(Objects::read_one(ObjectKind::Issuer, "gh", &body).is_err());
    }

    #[test]
    fn files_and_stored_objects_are_one_policy() {
        let files = Policy::merge([Policy::parse(GOOD).unwrap()]).unwrap();
        let more =
            objects("[[role]]\nname = \"more\"\nrole = \"publisher\"\nindex = \"python\"\nidentities = [\"ci/app\"]\n");
        let both = together(&files, &more).unwrap();
        let grants = |policy: &Policy| policy.identity_called("ci/app").unwrap().grants.len();
        assert_eq!((grants(&files), grants(&both)), (2, 3));
        assert_eq!(grants(&together(&both, &Objects::default()).unwrap()), 3, "merged again, nothing is there twice");
        assert!(together(&files, &objects("[[issuer]]\nname = \"gh\"\npreset = \"gitlab\"\n")).is_err());
        assert!(Policy::default().objects().is_empty() && files.objects() == &objects(GOOD));
    }

    #[test]
    fn findings_are_of_what_changes() {
        let broad = objects(&GOOD.replace("repository_owner_id = \"65\", ", ""));
        let changes = plan(&objects(GOOD), &broad);
        let after = together(&Policy::default(), &broad).unwrap();
        assert_eq!(
            findings(&changes, &after).iter().map(|finding| finding.severity).collect::<Vec<_>>(),
            [Severity::Error]
        );
        assert_eq!(findings(&[], &after), []);
    }

    fn made(choices: &[(u8, u8)]) -> Objects {
        let mut all = Objects::default();
        for (which, value) in choices {
            let kind = ObjectKind::ALL[usize::from(which % 3)];
            all.insert(kind, &format!("n{}", which / 3), &json!({ "value": value }));
        }
        all
    }

    proptest! {
        #[test]
        fn the_changes_lead_from_one_state_to_the_other(
            one in prop::collection::vec((0_u8..12, 0_u8..3), 0..12),
            other in prop::collection::vec((0_u8..12, 0_u8..3), 0..12),
        ) {
            let (mut current, wanted) = (made(&one), made(&other));
            let changes = plan(&current, &wanted);
            for change in &changes {
                prop_assert_eq!(current.get(change.kind, &change.name), change.before.as_ref());
                prop_assert_ne!(&change.before, &change.after);
                match &change.after {
                    Some(after) => current.insert(change.kind, &change.name, after),
                    None => drop(current.remove(change.kind, &change.name)),
                }
            }
            prop_assert_eq!(&current, &wanted);
            prop_assert_eq!(plan(&current, &wanted), []);
        }
    }
}
