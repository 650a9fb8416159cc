//! Files win: stored objects that do not fit to the files are left out, and grant nothing.
//!
//! Whoever changes a file must not be stopped by what was stored before: a withdrawn identity is gone at once, whatever
//! was bound to it. So what no longer resolves is left out, with all that leans on it.
//!
//! What is *not* here: refusing a change that would not fit (the API's; it has somebody to tell).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use super::{InvalidPolicy, ObjectKind, Objects, Policy, plan::together};
use crate::person::LOCAL_PROVIDER;

/// Stored objects that are not in force, by kind and name, each with the reason.
pub type LeftOut = BTreeMap<(ObjectKind, Box<str>), String>;

/// The policy of `files` and of all `stored` objects that fit to them; and those that do not. `broken` ones are left out
/// for reasons of their own.
///
/// What leans on something left out is left out, too, even if a file has something of that name: it was not meant.
pub fn fit(files: &Policy, stored: &Objects, broken: &LeftOut) -> (Policy, LeftOut) {
    if stored.is_empty() {
        return (files.clone(), LeftOut::new());
    }
    let clashes = || stored.iter().any(|(kind, name, _)| files.objects().get(kind, name).is_some());
    if broken.is_empty()
        && !clashes()
        && let Ok(policy) = together(files, stored)
    {
        return (policy, LeftOut::new());
    }
    let mut fitting = Fitting::of(stored, broken);
    while fitting.leave_out_misfits(files) {}
    let Fitting { parts, mut left_out } = fitting;
    let names: Vec<_> = parts.keys().cloned().collect();
    match Policy::merge(std::iter::once(files.clone()).chain(parts.into_values())) {
        Ok(policy) => (policy, left_out),
        // Something holds over all objects that is not looked at here: the files stand on their own.
        Err(error) => {
            left_out.extend(names.into_iter().map(|name| (name, error.to_string())));
            (files.clone(), left_out)
        }
    }
}

struct Fitting {
    /// What may fit yet, each as a policy of its own.
    parts: BTreeMap<(ObjectKind, Box<str>), Policy>,
    left_out: LeftOut,
}

/// What is there, to lean on or to clash with.
struct There<'a> {
    /// By name: of the files and of what is stored.
    issuers: HashMap<&'a str, &'a Policy>,
    identities: BTreeSet<&'a str>,
    /// The stored issuer that has a URL; of several, the first.
    urls: HashMap<&'a str, &'a str>,
    file_urls: HashMap<&'a str, &'a str>,
    file_identities: BTreeSet<&'a str>,
    /// What a stored role binds.
    bound: BTreeSet<&'a str>,
}

impl Fitting {
    fn of(stored: &Objects, broken: &LeftOut) -> Self {
        let (mut parts, mut left_out) = (BTreeMap::new(), broken.clone());
        for (kind, name, body) in stored.iter() {
            let key = (kind, Box::from(name));
            if left_out.contains_key(&key) {
                continue;
            }
            match read(kind, name, body) {
                Ok(part) => drop(parts.insert(key, part)),
                Err(error) => drop(left_out.insert(key, error.to_string())),
            }
        }
        Self { parts, left_out }
    }

    /// Whether there were some: then others may not fit any more.
    fn leave_out_misfits(&mut self, files: &Policy) -> bool {
        let there = There::of(files, &self.parts);
        let misfits: Vec<_> = self
            .parts
            .iter()
            .filter_map(|(key, part)| Some((key.clone(), self.misfit(files, &there, key, part)?)))
            .collect();
        for (key, reason) in &misfits {
            self.parts.remove(key);
            self.left_out.insert(key.clone(), reason.clone());
        }
        !misfits.is_empty()
    }

    fn misfit(
        &self,
        files: &Policy,
        there: &There<'_>,
        (kind, name): &(ObjectKind, Box<str>),
        part: &Policy,
    ) -> Option<String> {
        let left_out = |kind, name: &str| {
            let gone = self.left_out.contains_key(&(kind, Box::from(name)));
            gone.then(|| format!("it leans on the {kind} `{name}`, which is not in force"))
        };
        let of_file = files.objects().get(*kind, name).is_some()
            || *kind == ObjectKind::Identity && there.file_identities.contains(&**name)
            || *kind == ObjectKind::Issuer && files.issuers.iter().any(|issuer| issuer.name.as_str() == &**name);
        if of_file {
            return Some(format!("{kind} `{name}` is defined by a policy file of the server, too"));
        }
        let of_issuer = part.issuers.first().and_then(|issuer| {
            issuer.spellings().find_map(|url| {
                let other = there.file_urls.get(url).or_else(|| there.urls.get(url).filter(|first| **first != &**name));
                other.map(|other| format!("issuers `{other}` and `{name}` have the same URL"))
            })
        });
        let of_identity = || {
            let identity = part.identities.first()?;
            if let Some(reason) = left_out(ObjectKind::Issuer, identity.issuer.as_str()) {
                return Some(reason);
            }
            let Some(home) = there.issuers.get(identity.issuer.as_str()) else {
                let (identity, issuer) = (identity.name.clone(), identity.issuer.clone());
                return Some(InvalidPolicy::NoSuchIssuer { identity, issuer }.to_string());
            };
            if let Err(error) = home.check_pins_of(identity) {
                return Some(error.to_string());
            }
            let nothing = identity.grants.is_empty() && !there.bound.contains(identity.name.as_str());
            nothing.then(|| InvalidPolicy::NoGrants(identity.name.clone()).to_string())
        };
        let of_role = || {
            let binding = part.bindings.first()?;
            let mut members = binding.users.iter().chain(&binding.groups);
            let unknown = members.find(|member| {
                member.provider.as_str() != LOCAL_PROVIDER && files.provider(&member.provider).is_none()
            });
            if let Some(member) = unknown {
                return Some(format!("role `{member}`: the provider `{}` is not defined", member.provider));
            }
            binding.identities.iter().find_map(|identity| {
                left_out(ObjectKind::Identity, identity.as_str()).or_else(|| {
                    let unknown = !there.identities.contains(identity.as_str());
                    unknown.then(|| format!("identity `{identity}`: it is bound to a role and not defined"))
                })
            })
        };
        of_issuer.or_else(of_identity).or_else(of_role)
    }
}

impl<'a> There<'a> {
    fn of(files: &'a Policy, parts: &'a BTreeMap<(ObjectKind, Box<str>), Policy>) -> Self {
        let mut there = Self {
            issuers: files.issuers.iter().map(|issuer| (issuer.name.as_str(), files)).collect(),
            identities: BTreeSet::new(),
            urls: HashMap::new(),
            file_urls: HashMap::new(),
            file_identities: files.identities.iter().map(|identity| identity.name.as_str()).collect(),
            bound: BTreeSet::new(),
        };
        there.identities.clone_from(&there.file_identities);
        for issuer in &files.issuers {
            there.file_urls.extend(issuer.spellings().map(|url| (url, issuer.name.as_str())));
        }
        for part in parts.values() {
            for issuer in &part.issuers {
                there.issuers.entry(issuer.name.as_str()).or_insert(part);
                for url in issuer.spellings() {
                    there.urls.entry(url).or_insert(issuer.name.as_str());
                }
            }
            there.identities.extend(part.identities.iter().map(|identity| identity.name.as_str()));
            there.bound.extend(part.bindings.iter().flat_map(|binding| &binding.identities).map(AsRef::as_ref));
        }
        there
    }
}

/// One object as a policy of its own.
fn read(kind: ObjectKind, name: &str, body: &Value) -> Result<Policy, InvalidPolicy> {
    if body.get("name").and_then(Value::as_str) != Some(name) {
        return Err(InvalidPolicy::Syntax(format!("the {kind} `{name}` cannot be read: its body does not name it")));
    }
    Policy::from_json(&json!({ kind.as_str(): [body] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [[issuer]]
        name = "gh"
        preset = "github"

        [[identity]]
        name = "file/app"
        issuer = "gh"
        claims = { repository_owner_id = "65", repository_id = "74" }
        grants = [ { index = "python", projects = ["acme-*"], actions = ["pull"] } ]
    "#;

    const STORED: &str = r#"
        [[issuer]]
        name = "gl"
        preset = "gitlab"

        [[identity]]
        name = "ci/app"
        issuer = "gl"
        claims = { namespace_id = "65", project_id = "74" }

        [[role]]
        name = "both"
        role = "reader"
        index = "python"
        identities = ["file/app", "ci/app"]

        [[role]]
        name = "people"
        role = "reader"
        index = "python"
        users = ["local/ada"]
    "#;

    fn files(text: &str) -> Policy {
        Policy::merge([Policy::parse(text).unwrap()]).unwrap()
    }

    fn stored(text: &str) -> Objects {
        Objects::read(&toml::from_str::<Value>(text).unwrap()).unwrap()
    }

    /// What is left out.
    fn names(files: &Policy, stored: &Objects) -> Vec<String> {
        let (policy, left_out) = fit(files, stored, &LeftOut::new());
        for (kind, name, _) in stored.iter() {
            let there = policy.objects().get(kind, name) == stored.get(kind, name);
            assert_eq!(there, !left_out.contains_key(&(kind, Box::from(name))), "{kind} {name}");
        }
        left_out.keys().map(|(kind, name)| format!("{kind} {name}")).collect()
    }

    #[test]
    fn what_fits_is_all_there() {
        assert_eq!(names(&files(FILE), &stored(STORED)), Vec::<String>::new());
    }

    #[test]
    fn what_leans_on_something_that_is_gone_is_left_out_to_the_end() {
        // The role falls with the file's identity, and the stored identity with the role that was all it had.
        let without = files(&FILE[..FILE.find("[[identity]]").unwrap()]);
        assert_eq!(names(&without, &stored(STORED)), ["identity ci/app", "role both"]);
        let (policy, _) = fit(&without, &stored(STORED), &LeftOut::new());
        assert!(policy.identities().is_empty() && policy.bindings().len() == 1);
    }

    #[test]
    fn a_file_takes_a_name_or_a_url_over_with_all_that_leaned_on_it() {
        let gitlab = "[[issuer]]\nname = \"gl\"\nurl = \"https://gl.example\"\nkeys = { discovery = true }\n";
        let all = ["issuer gl", "identity ci/app", "role both"];
        assert_eq!(names(&files(&format!("{FILE}{gitlab}")), &stored(STORED)), all);
        let same_url = "[[issuer]]\nname = \"lab\"\npreset = \"gitlab\"\n";
        assert_eq!(names(&files(&format!("{FILE}{same_url}")), &stored(STORED)), all);
        let squatted = files(&FILE.replace("file/app", "ci/app"));
        assert_eq!(names(&squatted, &stored(STORED)), ["identity ci/app", "role both"]);
        let (policy, _) = fit(&squatted, &stored(STORED), &LeftOut::new());
        assert_eq!(policy.identity_called("ci/app").unwrap().issuer.as_str(), "gh");
        assert_eq!(policy.identity_called("ci/app").unwrap().grants.len(), 1);
    }

    #[test]
    fn a_provider_that_is_gone_takes_its_roles_along() {
        let corp = "[[provider]]\nname = \"corp\"\nurl = \"https://login.example.com\"\nclient_id = \"x\"\n";
        let role = stored(&STORED.replace("local/ada", "corp/ada"));
        assert_eq!(names(&files(&format!("{FILE}{corp}")), &role), Vec::<String>::new());
        assert_eq!(names(&files(FILE), &role), ["role people"]);
    }

    #[test]
    fn what_cannot_be_read_and_what_is_broken_is_left_out() {
        let mut newer = stored(STORED);
        newer.insert(ObjectKind::Issuer, "gl", &json!({"name": "gl", "preset": "gitlab", "of_tomorrow": 1}));
        newer.insert(ObjectKind::Role, "odd", &json!("text"));
        assert_eq!(names(&files(FILE), &newer), ["issuer gl", "identity ci/app", "role both", "role odd"]);
        let broken = LeftOut::from([((ObjectKind::Issuer, Box::from("gl")), "its client".to_owned())]);
        let (policy, left_out) = fit(&files(FILE), &stored(STORED), &broken);
        assert_eq!((left_out.len(), policy.issuers().len(), policy.identities().len()), (3, 1, 1));
    }
}
