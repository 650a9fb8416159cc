//! Somebody on GitHub, and the JSON in which its API says so.

use serde_json::{Value, json};

/// Somebody on GitHub.
#[derive(Debug, Clone)]
pub struct Person {
    /// The number that stays.
    pub id: u64,
    /// The login, which can be changed, and then taken by somebody else.
    pub login: String,
    /// The name on the profile.
    pub name: Option<String>,
    /// E-mail addresses.
    pub emails: Vec<Email>,
    /// Organizations.
    pub orgs: Vec<Organization>,
    /// Teams.
    pub teams: Vec<Team>,
}

/// An e-mail address.
#[derive(Debug, Clone)]
pub struct Email {
    /// The address.
    pub address: String,
    /// Whether it is the one GitHub writes to.
    pub primary: bool,
    /// Whether it was shown to be the person's.
    pub verified: bool,
}

/// An organization.
#[derive(Debug, Clone)]
pub struct Organization {
    /// The number that stays.
    pub id: u64,
    /// The login.
    pub login: String,
}

/// A team.
#[derive(Debug, Clone)]
pub struct Team {
    /// The number that stays.
    pub id: u64,
    /// The name in URLs.
    pub slug: String,
    /// Whose it is.
    pub org: Organization,
}

impl Person {
    /// Somebody with one verified address, `LOGIN@example.com`, and no organization.
    pub fn new(id: u64, login: &str) -> Self {
        let email = Email { address: format!("{login}@example.com"), primary: true, verified: true };
        Self {
            id,
            login: login.to_owned(),
            name: Some("Mona Octocat".to_owned()),
            emails: vec![email],
            orgs: Vec::new(),
            teams: Vec::new(),
        }
    }

    /// Joins an organization.
    #[must_use]
    pub fn in_org(mut self, id: u64, login: &str) -> Self {
        self.orgs.push(Organization { id, login: login.to_owned() });
        self
    }

    /// Joins a team of an organization.
    #[must_use]
    pub fn in_team(mut self, org_id: u64, org: &str, id: u64, slug: &str) -> Self {
        let org = Organization { id: org_id, login: org.to_owned() };
        self.teams.push(Team { id, slug: slug.to_owned(), org });
        self
    }

    /// Has these addresses only: address, primary, verified.
    #[must_use]
    pub fn with_emails(mut self, emails: &[(&str, bool, bool)]) -> Self {
        let email = |(address, primary, verified): &(&str, bool, bool)| Email {
            address: (*address).to_owned(),
            primary: *primary,
            verified: *verified,
        };
        self.emails = emails.iter().map(email).collect();
        self
    }

    /// `GET /user`.
    pub(super) fn json(&self, api: &str) -> Value {
        let Self { id, login, name, .. } = self;
        json!({
            "login": login, "id": id, "node_id": "MDQ6VXNlcjU4MzIzMQ==", "gravatar_id": "",
            "avatar_url": format!("{api}/u/{id}?v=4"), "url": format!("{api}/users/{login}"),
            "type": "User", "user_view_type": "private", "site_admin": false, "name": name, "company": "@acme",
            "blog": "", "location": null, "email": null, "hireable": null, "bio": null, "twitter_username": null,
            "public_repos": 8, "public_gists": 8, "followers": 20, "following": 9,
            "created_at": "2011-01-25T18:44:36Z", "updated_at": "2026-10-22T11:24:30Z",
            "two_factor_authentication": true,
        })
    }

    /// `GET /user/emails`.
    pub(super) fn emails_json(&self) -> Vec<Value> {
        let one = |Email { address, primary, verified }: &Email| {
            let visibility = if *primary { json!("private") } else { Value::Null };
            json!({ "email": address, "primary": primary, "verified": verified, "visibility": visibility })
        };
        self.emails.iter().map(one).collect()
    }

    /// `GET /user/orgs`.
    pub(super) fn orgs_json(&self, api: &str) -> Vec<Value> {
        self.orgs.iter().map(|org| org.json(api)).collect()
    }

    /// `GET /user/teams`.
    pub(super) fn teams_json(&self, api: &str) -> Vec<Value> {
        let one = |Team { id, slug, org }: &Team| {
            json!({
                "name": slug, "id": id, "node_id": "MDQ6VGVhbTE=", "slug": slug, "description": "",
                "privacy": "closed", "notification_setting": "notifications_enabled", "permission": "pull",
                "url": format!("{api}/organizations/{}/team/{id}", org.id),
                "members_url": format!("{api}/organizations/{}/team/{id}/members{{/member}}", org.id),
                "repositories_url": format!("{api}/organizations/{}/team/{id}/repos", org.id),
                "created_at": "2017-07-14T16:53:42Z", "updated_at": "2026-08-17T12:37:15Z",
                "members_count": 3, "repos_count": 10, "parent": null, "organization": org.json(api),
            })
        };
        self.teams.iter().map(one).collect()
    }
}

impl Organization {
    fn json(&self, api: &str) -> Value {
        let Self { id, login } = self;
        json!({
            "login": login, "id": id, "node_id": "MDEyOk9yZ2FuaXphdGlvbjE=", "url": format!("{api}/orgs/{login}"),
            "repos_url": format!("{api}/orgs/{login}/repos"), "events_url": format!("{api}/orgs/{login}/events"),
            "hooks_url": format!("{api}/orgs/{login}/hooks"), "issues_url": format!("{api}/orgs/{login}/issues"),
            "members_url": format!("{api}/orgs/{login}/members{{/member}}"),
            "public_members_url": format!("{api}/orgs/{login}/public_members{{/member}}"),
            "avatar_url": format!("{api}/o/{id}?v=4"), "description": null,
        })
    }
}
