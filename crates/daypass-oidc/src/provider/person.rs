//! Who a person is, from the ID token and, where that says too little, from userinfo.

use daypass_core::person::ProvenPerson;
use serde_json::{Map, Value};

use super::{
    Inner, ProviderError,
    rules::{self, Email},
};
use crate::verify::Identified;

/// What a provider says about one person. The ID token comes first; userinfo only fills gaps.
pub(super) struct Documents<'a> {
    inner: &'a Inner,
    identified: &'a Identified,
    groups_claim: &'a str,
    userinfo: Map<String, Value>,
}

impl<'a> Documents<'a> {
    pub(super) fn new(inner: &'a Inner, identified: &'a Identified, groups_claim: &'a str) -> Self {
        Self { inner, identified, groups_claim, userinfo: Map::new() }
    }

    /// The policy's claims, which must be in the ID token itself: it is what is signed.
    pub(super) fn check_claims(&self) -> Result<(), ProviderError> {
        for (claim, rule) in &self.inner.provider.claims {
            if !self.identified.claims.get(claim).is_some_and(|value| rule.holds(value)) {
                return Err(ProviderError::Claim { claim: claim.clone() });
            }
        }
        Ok(())
    }

    /// Whether the ID token leaves something open that userinfo may say. Many providers put nothing but `sub` into the
    /// ID token when there is an access token to ask with (OpenID Connect Core 1.0 §5.4).
    pub(super) fn are_incomplete(&self) -> bool {
        let missing = |name: &str| self.identified.claims.get(name).is_none();
        missing("email") || missing("name") || (missing(self.groups_claim) && !self.has_too_many_groups())
    }

    pub(super) fn add(&mut self, userinfo: Map<String, Value>) {
        self.userinfo = userinfo;
    }

    pub(super) fn person(&self) -> Result<ProvenPerson, ProviderError> {
        let provider = &self.inner.provider;
        let email = rules::let_in(provider, self.email().as_ref())?;
        let subject = &self.identified.subject;
        let candidates = [self.text("name"), self.text("preferred_username"), email.as_deref(), Some(&**subject)];
        let name = rules::name(candidates).unwrap_or_else(|| subject.clone());
        Ok(ProvenPerson {
            provider: provider.name.clone(),
            issuer: provider.url.to_string(),
            subject: subject.clone(),
            name,
            email,
            groups: self.groups(),
        })
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.identified.claims.get(name).or_else(|| self.userinfo.get(name).filter(|value| !value.is_null()))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// An address and its `email_verified` belong together: both are taken from the document that names the address.
    fn email(&self) -> Option<Email> {
        let of = |document: &Map<String, Value>| {
            let address = document.get("email")?.as_str()?;
            // Only JSON's `true`: the text "true" is somebody's mistake, and "false" is a text as well.
            Email::new(address, document.get("email_verified") == Some(&Value::Bool(true)))
        };
        of(self.identified.claims.all()).or_else(|| of(&self.userinfo))
    }

    fn groups(&self) -> Vec<String> {
        let provider = &self.inner.provider.name;
        let (said, strange) = match self.get(self.groups_claim) {
            None => {
                if self.has_too_many_groups() {
                    let provider = provider.as_str();
                    tracing::warn!(
                        provider,
                        "a person is in too many groups for an ID token: let it have only those assigned to this client"
                    );
                }
                return Vec::new();
            }
            // A list of one, as some providers write it.
            Some(Value::String(one)) => (vec![one.clone()], 0),
            Some(Value::Array(list)) => {
                let said: Vec<_> = list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                let strange = list.len() - said.len();
                (said, strange)
            }
            Some(_) => (Vec::new(), 1),
        };
        if strange > 0 {
            tracing::warn!(provider = provider.as_str(), strange, "a provider names groups that are not text");
        }
        rules::groups(provider, said)
    }

    /// Microsoft's way of saying that there are more than it sends: the claim is named as being elsewhere (OpenID
    /// Connect Core 1.0 §5.6.2), or `hasgroups` stands for it.
    fn has_too_many_groups(&self) -> bool {
        let claims = &self.identified.claims;
        let elsewhere = claims.get("_claim_names").is_some_and(|names| names.get(self.groups_claim).is_some());
        let has_groups = claims.get("hasgroups").is_some_and(|has| *has == true || *has == "true");
        elsewhere || has_groups
    }
}
