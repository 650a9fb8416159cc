//! Who may change the policy: nobody can grant what they do not hold.
//!
//! Whoever administers some projects may make, change and delete what grants nothing beyond them. Whoever administers
//! everything may also say who outside is trusted: an issuer vouches for all.

use serde::Deserialize;
use serde_json::Value;

use super::{ObjectChange, ObjectKind, Policy};
use crate::{
    grant::{Action, Grant, GrantedIndex, ProjectPattern, not_held},
    role::Role,
};

/// What somebody who changes the policy holds.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Lists of grants: what is wanted must be in each of them.
    pub held: Vec<Vec<Grant>>,
    /// Whether they administer all projects of every index.
    pub everything: bool,
}

/// Why somebody may not change an object. They are told what of *their own* wish is too much.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// It concerns everybody.
    #[error("{kind} `{name}`: only whoever has `admin` on all projects of every index says whom to trust")]
    Everything {
        /// What it is.
        kind: ObjectKind,
        /// What it is called.
        name: String,
    },
    /// It would grant what they do not hold.
    #[error("{kind} `{name}`: you do not hold {}, so you cannot give it away", told(.grant))]
    NotHeld {
        /// What it is.
        kind: ObjectKind,
        /// What it is called.
        name: String,
        /// What is missing.
        grant: Grant,
    },
    /// It would bind everybody of a provider.
    #[error("role `{name}`: only whoever has `admin` on all projects of every index may bind `{member}`")]
    Everybody {
        /// What the role is called.
        name: String,
        /// Everybody.
        member: String,
    },
    /// It would bind an identity that grants what they do not administer.
    #[error("role `{name}`: you do not administer all that the identity `{identity}` grants, so you cannot bind it")]
    Binds {
        /// What the role is called.
        name: String,
        /// The identity.
        identity: String,
    },
    /// It grants, now, something that they do not administer.
    #[error("{kind} `{name}` grants what you do not administer")]
    NotYours {
        /// What it is.
        kind: ObjectKind,
        /// What it is called.
        name: String,
    },
}

fn told(grant: &Grant) -> String {
    let actions: Vec<_> = grant.actions.iter().map(ToString::to_string).collect();
    let projects: Vec<_> = grant.projects.iter().map(ProjectPattern::as_str).collect();
    format!("`{}` on `{}` of index `{}`", actions.join(", "), projects.join(", "), grant.index.as_str())
}

impl Authority {
    /// Whether the change from the policy `before` to `after` may be made.
    ///
    /// What identities are granted by roles counts, too: whoever changes who may assume an identity gives all that away.
    pub fn check(&self, changes: &[ObjectChange], before: &Policy, after: &Policy) -> Result<(), NotAllowed> {
        for change in changes {
            let (kind, name) = (change.kind, change.name.clone());
            if kind == ObjectKind::Issuer {
                if !self.everything {
                    return Err(NotAllowed::Everything { kind, name });
                }
                // Whoever says what its tokens are believed by gives away all that they are good for.
                let mut its = after.identities().iter().filter(|identity| identity.issuer.as_str() == name);
                if change.after.is_some()
                    && let Some(grant) = its.find_map(|identity| self.missing(&identity.grants))
                {
                    return Err(NotAllowed::NotHeld { kind, name, grant });
                }
                continue;
            }
            if change.before.is_some() && !self.administers(&granted(before, kind, &name)) {
                return Err(NotAllowed::NotYours { kind, name });
            }
            if change.after.is_some()
                && !switches_off(change)
                && let Some(grant) = self.missing(&granted(after, kind, &name))
            {
                return Err(NotAllowed::NotHeld { kind, name, grant });
            }
            if kind == ObjectKind::Role && !self.everything {
                self.check_members(change, before)?;
            }
        }
        Ok(())
    }

    /// Whoever administers a part binds nobody's identities but those of that part, and not everybody: each binding
    /// makes access tokens longer, and one that is too long is none.
    fn check_members(&self, change: &ObjectChange, before: &Policy) -> Result<(), NotAllowed> {
        let list = |body: &Option<Value>, key: &str| -> Vec<String> {
            let list = body.as_ref().and_then(|body| Vec::deserialize(body.get(key)?).ok());
            list.unwrap_or_default()
        };
        let grant = |body: &Option<Value>| body.as_ref().and_then(grant_of_role);
        let same = grant(&change.before) == grant(&change.after);
        let new = |key: &str| {
            let known = if same { list(&change.before, key) } else { Vec::new() };
            list(&change.after, key).into_iter().filter(move |member| !known.contains(member))
        };
        if let Some(member) = new("users").chain(new("groups")).find(|member| member.ends_with("/*")) {
            return Err(NotAllowed::Everybody { name: change.name.clone(), member });
        }
        // One that is not there yet is made by the same changes, and looked at for itself.
        let others = |identity: &String| {
            before.identity_called(identity).is_some_and(|identity| !self.administers(&identity.grants))
        };
        match new("identities").find(others) {
            Some(identity) => Err(NotAllowed::Binds { name: change.name.clone(), identity }),
            None => Ok(()),
        }
    }

    /// Whether they have `admin` on all of these grants. Nothing granted is nobody's but the administrator's of everything.
    pub fn administers(&self, grants: &[Grant]) -> bool {
        self.everything
            || !grants.is_empty()
                && grants.iter().all(|grant| {
                    let admin = Grant { actions: vec![Action::Admin], ..grant.clone() };
                    self.held.iter().all(|held| not_held(held, &admin).is_empty())
                })
    }

    /// Whether they have `admin` on anything at all.
    pub fn administers_something(&self) -> bool {
        let some = |held: &Vec<Grant>| held.iter().any(|grant| grant.actions.contains(&Action::Admin));
        !self.held.is_empty() && self.held.iter().all(some)
    }

    /// What of these grants, and of `admin` on them, they do not hold.
    fn missing(&self, grants: &[Grant]) -> Option<Grant> {
        let mut wanted = grants.iter().map(|grant| {
            let mut grant = grant.clone();
            if !grant.actions.contains(&Action::Admin) {
                grant.actions.push(Action::Admin);
            }
            grant
        });
        wanted.find_map(|grant| self.held.iter().find_map(|held| not_held(held, &grant).into_iter().next()))
    }
}

/// Whether the change takes away and does nothing else: that needs no more than deleting.
fn switches_off(change: &ObjectChange) -> bool {
    let without = |body: &Option<Value>| {
        let mut members = body.as_ref()?.as_object()?.clone();
        let enabled = members.remove("enabled");
        Some((members, enabled))
    };
    match (without(&change.before), without(&change.after)) {
        (Some((before, _)), Some((after, enabled))) => before == after && enabled == Some(Value::Bool(false)),
        _ => false,
    }
}

/// What an object grants, with all that is bound to it.
pub fn granted(policy: &Policy, kind: ObjectKind, name: &str) -> Vec<Grant> {
    match kind {
        ObjectKind::Issuer => Vec::new(),
        ObjectKind::Identity => {
            policy.identity_called(name).map(|identity| identity.grants.clone()).unwrap_or_default()
        }
        ObjectKind::Role => policy.objects().get(kind, name).and_then(grant_of_role).into_iter().collect(),
    }
}

/// What a role grants, as it is written. One that has no name in a file is known by what it is written like only.
fn grant_of_role(body: &Value) -> Option<Grant> {
    let role = Role::deserialize(body.get("role")?).ok()?;
    let index = GrantedIndex::deserialize(body.get("index")?).ok()?;
    let projects = match body.get("projects") {
        Some(projects) => Vec::<ProjectPattern>::deserialize(projects).ok()?,
        None => vec!["*".parse().ok()?],
    };
    Some(role.grant(index, projects))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Objects, plan, together};

    const BASE: &str = "[[issuer]]\nname = \"gh\"\npreset = \"github\"\n";

    fn identity(name: &str, index: &str, projects: &str, actions: &str) -> String {
        format!(
            "[[identity]]\nname = \"{name}\"\nissuer = \"gh\"\n\
             claims = {{ repository_owner_id = \"65\", repository_id = \"74\" }}\n\
             grants = [ {{ index = \"{index}\", projects = [\"{projects}\"], actions = [{actions}] }} ]\n"
        )
    }

    fn role(name: &str, role: &str, projects: &str, identities: &str) -> String {
        format!(
            "[[role]]\nname = \"{name}\"\nrole = \"{role}\"\nindex = \"python\"\nprojects = [\"{projects}\"]\n\
             identities = [\"{identities}\"]\n"
        )
    }

    fn held(projects: &str, actions: &[Action]) -> Vec<Grant> {
        vec![Grant {
            index: "python".parse::<crate::names::IndexName>().unwrap().into(),
            projects: vec![projects.parse().unwrap()],
            actions: actions.to_vec(),
        }]
    }

    /// Somebody who administers `acme-*` and may pull there.
    fn partly() -> Authority {
        Authority { held: vec![held("acme-*", &[Action::Pull, Action::Admin])], everything: false }
    }

    fn may(authority: &Authority, before: &str, after: &str) -> Result<(), NotAllowed> {
        let objects = |text: &str| Objects::read(&toml::from_str::<Value>(&format!("{BASE}{text}")).unwrap()).unwrap();
        let (before, after) = (objects(before), objects(after));
        let policy = |objects: &Objects| together(&Policy::default(), objects).unwrap();
        authority.check(&plan(&before, &after), &policy(&before), &policy(&after))
    }

    #[test]
    fn what_is_held_may_be_given_away_and_nothing_else() {
        let own = identity("a", "python", "acme-app", "\"pull\"");
        for (before, after, allowed) in [
            ("", own.as_str(), true),
            (&own, "", true),
            (&own, &own.replace("acme-app", "acme-*"), true),
            (&own, &own.replace("acme-app", "*"), false),
            ("", &own.replace("acme-app", "requests"), false),
            ("", &own.replace("\"python\"", "\"other\""), false),
            ("", &own.replace("\"python\"", "\"*\""), false),
            ("", &own.replace("\"pull\"", "\"pull\", \"push\""), false),
            (&own.replace("acme-app", "requests"), "", false),
            (&own.replace("acme-app", "requests"), &own, false),
            ("", &format!("{own}{}", role("r", "reader", "acme-*", "a")), true),
            ("", &format!("{own}{}", role("r", "publisher", "acme-*", "a")), false),
            ("", &format!("{own}{}", role("r", "reader", "*", "a")), false),
        ] {
            assert_eq!(may(&partly(), before, after).is_ok(), allowed, "{before} -> {after}");
            let all = Action::Pull;
            let everything = Authority {
                held: vec![vec![Grant {
                    index: crate::grant::GrantedIndex::Every,
                    projects: vec!["*".parse().unwrap()],
                    actions: vec![all, Action::Push, Action::Yank, Action::Admin],
                }]],
                everything: true,
            };
            assert_eq!(may(&everything, before, after), Ok(()));
        }
    }

    #[test]
    fn an_identity_is_worth_what_roles_give_it_too() {
        let (own, role) = (identity("a", "python", "acme-app", "\"pull\""), role("r", "publisher", "*", "a"));
        let before = format!("{own}{role}");
        let taken_over = before.replace("\"74\"", "\"666\"");
        assert!(matches!(may(&partly(), &before, &taken_over), Err(NotAllowed::NotYours { .. })));
        assert!(may(&partly(), &own, &own.replace("\"74\"", "\"75\"")).is_ok());
    }

    #[test]
    fn who_does_not_administer_may_not_even_give_what_they_hold() {
        let own = identity("a", "python", "acme-app", "\"pull\"");
        let pulls = Authority { held: vec![held("acme-*", &[Action::Pull])], everything: false };
        assert!(matches!(may(&pulls, "", &own), Err(NotAllowed::NotHeld { .. })));
        assert!(may(&pulls, &own, "").is_err() && !pulls.administers_something() && partly().administers_something());
        // Both what the access token says and what is so now must allow it.
        let less_now =
            Authority { held: vec![held("*", &[Action::Pull, Action::Admin]), Vec::new()], everything: false };
        assert!(may(&less_now, "", &own).is_err() && !less_now.administers_something());
    }

    #[test]
    fn whoever_may_delete_an_identity_may_switch_it_off_and_not_on() {
        let pushes = identity("a", "python", "acme-app", "\"push\"");
        let off = format!("{pushes}enabled = false\n");
        assert_eq!(may(&partly(), &pushes, &off), Ok(()));
        assert!(matches!(may(&partly(), &off, &pushes), Err(NotAllowed::NotHeld { .. })));
        assert!(may(&partly(), &pushes, &off.replace("\"74\"", "\"75\"")).is_err(), "and nothing else");
        let others = pushes.replace("acme-app", "requests");
        assert!(may(&partly(), &others, &format!("{others}enabled = false\n")).is_err());
    }

    #[test]
    fn only_who_administers_everything_says_whom_to_trust() {
        let issuer = "[[issuer]]\nname = \"gl\"\npreset = \"gitlab\"\n";
        assert!(matches!(may(&partly(), "", issuer), Err(NotAllowed::Everything { .. })));
        assert!(may(&partly(), issuer, "").is_err());
        assert!(may(&Authority { everything: true, ..partly() }, "", issuer).is_ok());
    }

    #[test]
    fn whoever_changes_an_issuer_gives_away_what_its_identities_grant() {
        let issuer = "[[issuer]]\nname = \"ci\"\nurl = \"https://ci.example\"\nkeys = { discovery = true }\n";
        let with = |actions: &str| {
            let identity = identity("a", "python", "acme-app", actions).replace("\"gh\"", "\"ci\"");
            format!("{issuer}{identity}")
        };
        let all = Authority { everything: true, ..partly() };
        for (actions, allowed) in [("\"pull\"", true), ("\"push\"", false)] {
            let before = with(actions);
            let turned = before.replace("discovery = true", "jwks_uri = \"https://mallory.example\"");
            let outcome = may(&all, &before, &turned);
            assert_eq!(outcome.is_ok(), allowed, "{outcome:?}");
        }
    }

    #[test]
    fn whoever_administers_a_part_binds_only_who_is_theirs() {
        let (own, others) = (identity("a", "python", "acme-app", "\"pull\""), identity("b", "python", "*", "\"pull\""));
        let both = format!("{own}{others}");
        let with = |role: &str| format!("{both}{role}");
        let everything = Authority { everything: true, ..partly() };
        assert_eq!(may(&partly(), &both, &with(&role("r", "reader", "acme-*", "a"))), Ok(()));
        let of_others = with(&role("r", "reader", "acme-*", "b"));
        assert!(matches!(may(&partly(), &both, &of_others), Err(NotAllowed::Binds { .. })));
        assert_eq!(may(&everything, &both, &of_others), Ok(()));
        // What another bound may stay, but not for more.
        let more = |role: &str| role.replace("[\"b\"]", "[\"b\", \"a\"]");
        assert_eq!(may(&partly(), &of_others, &more(&of_others)), Ok(()));
        let widened = more(&of_others).replace(
            "role = \"reader\"\nindex = \"python\"\nprojects = [\"acme-*\"]",
            "role = \"reader\"\nindex = \"python\"\nprojects = [\"acme-*\", \"acme-x\"]",
        );
        assert!(matches!(may(&partly(), &of_others, &widened), Err(NotAllowed::Binds { .. })));

        let people = |users: &str| {
            let role = role("p", "reader", "acme-*", "a");
            with(&format!("{role}users = [\"{users}\"]\n"))
        };
        assert_eq!(may(&partly(), &both, &people("local/ada")), Ok(()));
        assert!(matches!(may(&partly(), &both, &people("local/*")), Err(NotAllowed::Everybody { .. })));
        assert_eq!(may(&everything, &both, &people("local/*")), Ok(()));
    }
}
