//! Seats: what people may do, member by member.
//!
//! A *seat* is one member of one binding. An access token of a session lists the digests of the seats that its grants
//! come from; whoever checks the token honours the seats that are still there. So a member who is taken out of a role
//! loses what it gave at once, and nobody else notices.

use std::collections::HashMap;

use serde_json::json;

use super::{InvalidPolicy, Policy};
use crate::{
    digest::Sha256,
    grant::{Grant, GrantedIndex},
    names::ProviderName,
    person::LOCAL_PROVIDER,
    role::{Binding, Member, Role},
};

/// How many seats of one grant are listed at most. Somebody may have it by hundreds of groups, and an access token must
/// fit into a header.
///
/// Each grant stays as long as one of its listed seats does. Who loses all that are listed at once, and still has another
/// that is not, is without the grant until the next refresh, an hour at most: too little for a while, never too much.
const SEATS_PER_GRANT: usize = 4;

/// What a person may do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// The grants.
    pub grants: Vec<Grant>,
    /// The seats that they come from, by digest; a few of each grant.
    pub seats: Vec<Box<str>>,
}

/// Who somebody is, as far as roles ask.
#[derive(Debug, Clone, Copy)]
pub struct Membership<'a> {
    /// Their provider.
    pub provider: &'a ProviderName,
    /// Their subject there.
    pub subject: &'a str,
    /// Their groups there.
    pub groups: &'a [String],
    /// The role of a built-in account: on all projects of every index.
    pub role: Option<Role>,
}

impl Policy {
    /// What a person may do: all that roles bind to them, to their groups, and to everybody of their provider.
    pub fn rights_of(&self, who: &Membership<'_>) -> Rights {
        let mut found: Vec<(Grant, Vec<Box<str>>)> = Vec::new();
        let mut take = |seat: Box<str>, grant: &Grant| match found.iter_mut().find(|(known, _)| known == grant) {
            Some((_, seats)) if seats.len() < SEATS_PER_GRANT && !seats.contains(&seat) => seats.push(seat),
            Some(_) => {}
            None => found.push((grant.clone(), vec![seat])),
        };
        if let Some(role) = who.role.filter(|_| who.provider.as_str() == LOCAL_PROVIDER) {
            take(account_seat(role), &everywhere(role));
        }
        for binding in &self.bindings {
            let is_user = |member: &&Member| {
                member.provider == *who.provider && (&*member.name == "*" || *member.name == *who.subject)
            };
            let is_group = |member: &&Member| {
                member.provider == *who.provider && who.groups.iter().any(|group| **group == *member.name)
            };
            for member in binding.users.iter().filter(is_user) {
                take(self.seat(binding, "user", member), &binding.grant);
            }
            for member in binding.groups.iter().filter(is_group) {
                take(self.seat(binding, "group", member), &binding.grant);
            }
        }
        let (grants, seats): (Vec<Grant>, Vec<_>) = found.into_iter().unzip();
        Rights { grants, seats: seats.into_iter().flatten().collect() }
    }

    /// What seats grant now; `None` when none of them is left.
    pub(super) fn grants_of_seats(&self, seats: &[Box<str>]) -> Option<Vec<Grant>> {
        let roles = [Role::Reader, Role::Publisher, Role::Admin];
        let grant = |seat: &str| {
            let of_account = || roles.into_iter().find(|role| *account_seat(*role) == *seat).map(everywhere);
            self.seats.get(seat).cloned().or_else(of_account)
        };
        let grants: Vec<Grant> = seats.iter().filter_map(|seat| grant(seat)).collect();
        (!grants.is_empty()).then_some(grants)
    }

    /// Every seat of every binding.
    pub(super) fn all_seats(&self) -> HashMap<Box<str>, Grant> {
        let mut seats = HashMap::new();
        for binding in &self.bindings {
            let users = binding.users.iter().map(|member| self.seat(binding, "user", member));
            let groups = binding.groups.iter().map(|member| self.seat(binding, "group", member));
            seats.extend(users.chain(groups).map(|seat| (seat, binding.grant.clone())));
        }
        seats
    }

    /// Every provider that a binding names must be there.
    pub(super) fn check_members(&self) -> Result<(), InvalidPolicy> {
        let known =
            |member: &&Member| member.provider.as_str() == LOCAL_PROVIDER || self.provider(&member.provider).is_some();
        let mut members = self.bindings.iter().flat_map(|binding| binding.users.iter().chain(&binding.groups));
        match members.find(|member| !known(member)) {
            Some(member) => Err(InvalidPolicy::Makes {
                kind: "role",
                name: member.to_string(),
                reason: format!("the provider `{}` is not defined", member.provider),
            }),
            None => Ok(()),
        }
    }

    /// The digest that names a seat: who sits there by whose word, and what it grants.
    fn seat(&self, binding: &Binding, kind: &str, member: &Member) -> Box<str> {
        let url = self.provider(&member.provider).map(|provider| &*provider.url);
        Sha256::of(json!([kind, url, member.provider, member.name, binding.grant]).to_string()).prefix(22).into()
    }
}

/// A built-in account's own role. Whoever changes it cuts older access tokens off in the store.
fn account_seat(role: Role) -> Box<str> {
    format!("account:{role}").into()
}

fn everywhere(role: Role) -> Grant {
    // The pattern is a constant that parses.
    role.grant(GrantedIndex::Every, "*".parse().into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
        [[provider]]
        name = "corp"
        url = "https://login.example.com"
        client_id = "daypass"

        [[role]]
        role = "reader"
        index = "python"
        users = ["corp/*"]

        [[role]]
        role = "publisher"
        index = "python"
        projects = ["acme-*"]
        users = ["corp/ada", "corp/bob"]
        groups = ["corp/eng/platform"]
    "#;

    fn policy(text: &str) -> Policy {
        Policy::merge([Policy::parse(text).unwrap()]).unwrap()
    }

    fn rights(policy: &Policy, provider: &str, subject: &str, groups: &[&str], role: Option<Role>) -> Rights {
        let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
        let provider = provider.parse().unwrap();
        policy.rights_of(&Membership { provider: &provider, subject, groups: &groups, role })
    }

    #[test]
    fn rights_come_from_the_person_the_groups_and_everybody() {
        let policy = policy(POLICY);
        let of = |subject, groups: &[&str]| rights(&policy, "corp", subject, groups, None).grants.len();
        assert_eq!((of("ada", &[]), of("carol", &[]), of("carol", &["eng/platform"])), (2, 1, 2));
        assert_eq!((of("carol", &["eng"]), of("Ada", &[])), (1, 1));
        assert_eq!(rights(&policy, "other", "ada", &["eng/platform"], None), Rights::default());
    }

    #[test]
    fn a_role_of_a_built_in_account_counts_for_the_built_in_accounts_only() {
        let policy = policy(POLICY);
        let admin = rights(&policy, "local", "ada", &[], Some(Role::Admin));
        assert_eq!(admin.grants, [everywhere(Role::Admin)]);
        assert_eq!(policy.grants_of_seats(&admin.seats), Some(admin.grants));
        assert_eq!(rights(&policy, "corp", "x", &[], Some(Role::Admin)).grants.len(), 1);
    }

    #[test]
    fn a_seat_that_is_taken_away_bites_its_member_alone() {
        let before = policy(POLICY);
        let (ada, bob) = (rights(&before, "corp", "ada", &[], None), rights(&before, "corp", "bob", &[], None));
        let after = policy(&POLICY.replace(r#""corp/ada", "#, ""));
        assert_eq!(after.grants_of_seats(&ada.seats).unwrap().len(), 1);
        assert_eq!(after.grants_of_seats(&bob.seats).unwrap().len(), 2);
        let without_everybody = policy(&POLICY.replace("corp/*", "corp/nobody"));
        let carol = rights(&before, "corp", "carol", &[], None);
        assert_eq!(without_everybody.grants_of_seats(&carol.seats), None);
        let elsewhere = policy(&POLICY.replace("login.example.com", "login2.example.com"));
        assert_eq!(elsewhere.grants_of_seats(&ada.seats), None);
        assert_eq!(before.grants_of_seats(&["made-up".into()]), None);
    }

    #[test]
    fn whoever_has_a_grant_by_hundreds_of_groups_keeps_it_while_a_listed_seat_is_left() {
        let groups: Vec<String> = (0..300).map(|number| format!("g{number}")).collect();
        let bound = |from: usize| {
            let members: Vec<_> = groups[from..].iter().map(|group| format!("\"corp/{group}\"")).collect();
            policy(&POLICY.replace("\"corp/eng/platform\"", &members.join(", ")))
        };
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let rights_then = rights(&bound(0), "corp", "carol", &groups, None);
        // Everybody reads; the groups publish.
        assert_eq!((rights_then.grants.len(), rights_then.seats.len()), (2, 1 + SEATS_PER_GRANT));
        for (gone, left) in [(0, 1 + 4), (1, 1 + 3), (3, 1 + 1), (4, 1), (299, 1)] {
            let after = bound(gone);
            assert_eq!(after.grants_of_seats(&rights_then.seats).unwrap().len(), left, "{gone}");
            assert_eq!(rights(&after, "corp", "carol", &groups, None).grants, rights_then.grants, "asked again");
        }
    }

    #[test]
    fn what_could_go_dangerously_wrong_is_refused_with_the_reason() {
        for (from, to, expected) in [
            ("name = \"corp\"", "name = \"local\"", "kept for the built-in accounts"),
            ("https://login.example.com", "login.example.com", "is not a URL"),
            ("client_id = \"daypass\"", "", "missing field `client_id`"),
            ("client_id =", "client_secret = \"x\"\nclient_id =", "invalid type"),
            ("client_id =", "client_secret = {}\nclient_id =", "must be"),
            ("client_id =", "claims = { hd = 1.5 }\nclient_id =", "must be a text"),
            ("client_id =", "domains = [\"@example.com\"]\nclient_id =", "is not a domain"),
            ("client_id =", "scopes = [\"email\"]\nclient_id =", "must hold `openid`"),
            ("client_id =", "kind = \"saml\"\nclient_id =", "unknown variant"),
            ("\"corp/*\"", "\"okta/*\"", "`okta` is not defined"),
            ("\"corp/*\"", "\"corp\"", "is not `PROVIDER/NAME`"),
            ("[\"corp/*\"]", "[]", "nobody has it"),
            ("corp/eng/platform", "corp/*", "as a group means nothing"),
            ("[\"acme-*\"]", "[]", "at least one project"),
            ("\"publisher\"", "\"owner\"", "unknown variant"),
            ("users = [\"corp/*\"]", "identities = [\"ci/app\"]", "not defined"),
        ] {
            let text = POLICY.replace(from, to);
            let error = Policy::parse(&text).and_then(|policy| Policy::merge([policy])).expect_err(to).to_string();
            assert!(error.contains(expected), "{from} -> {to}: {error}");
        }
    }

    #[test]
    fn an_identity_may_have_its_grants_from_roles_alone() {
        let identity = r#"
            [[issuer]]
            name = "ci"
            url = "https://ci.example.com"
            keys = { discovery = true }

            [[identity]]
            name = "ci/app"
            issuer = "ci"
            claims = { repository_id = "74" }
        "#;
        assert!(Policy::merge([Policy::parse(identity).unwrap()]).is_err());
        let bound = format!("{identity}\n[[role]]\nrole = \"reader\"\nindex = \"*\"\nidentities = [\"ci/app\"]");
        assert_eq!(policy(&bound).identities().iter().map(|identity| identity.grants.len()).sum::<usize>(), 1);
    }
}
