//! What happened, as an auditor reads it: who, what, until when, and why not.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    access_token::{AccessTokenClaims, Actor},
    digest::Sha256,
    names::{FileName, IndexName, ProjectName, PullTokenName},
    person::SessionId,
    policy::ObjectChange,
    pull_token::PullToken,
};

/// One line of the audit log. It holds digests of tokens, never tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When.
    pub time: Timestamp,
    /// What.
    pub kind: AuditKind,
    /// How it ended.
    pub outcome: Outcome,
    /// Who, as the outside issuer knows them; `null` while nothing is proven.
    pub actor: Option<Actor>,
    /// The identity that was assumed or asked for, by name.
    pub identity: Option<String>,
    /// The person, as people call them; only for the eye, `actor` is who it was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub person: Option<String>,
    /// The session this happened in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<SessionId>,
    /// The pull token that was used, made or revoked, by name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pull_token: Option<PullTokenName>,
    /// Why it was refused, in words.
    pub reason: Option<String>,
    /// The request this belongs to; the same in the server's log and in the answer's `x-request-id`.
    pub request_id: String,
    /// SHA-256 of the token involved: the access token, or the outside token of a refused exchange.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token_sha256: Option<Sha256>,
    /// SHA-256 of the outside token that was exchanged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject_token_sha256: Option<Sha256>,
    /// The access token's `jti`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token_id: Option<String>,
    /// Until when the access token is good.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<Timestamp>,
    /// The index.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub index: Option<IndexName>,
    /// The project.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub project: Option<ProjectName>,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file: Option<FileName>,
    /// SHA-256 of the file that was uploaded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub file_sha256: Option<Sha256>,
    /// The address of the peer that asked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<String>,
    /// The `User-Agent` it sent, cut to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_agent: Option<String>,
    /// What was changed in the policy: the object before and after.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub change: Option<Box<ObjectChange>>,
}

impl AuditEvent {
    /// An event with nothing but its kind; fill in what is known with `..`.
    pub fn new(time: Timestamp, kind: AuditKind, outcome: Outcome, request_id: impl Into<String>) -> Self {
        Self {
            time,
            kind,
            outcome,
            actor: None,
            identity: None,
            person: None,
            session: None,
            pull_token: None,
            reason: None,
            request_id: request_id.into(),
            token_sha256: None,
            subject_token_sha256: None,
            token_id: None,
            expires_at: None,
            index: None,
            project: None,
            file: None,
            file_sha256: None,
            source: None,
            user_agent: None,
            change: None,
        }
    }

    /// Says who held the access token that was used.
    pub fn set_holder(&mut self, claims: &AccessTokenClaims) {
        self.actor = Some(claims.act.clone());
        self.identity = claims.holder.identity().map(ToString::to_string);
        self.person = claims.holder.person().map(ToOwned::to_owned);
        self.session = claims.holder.session();
    }

    /// Says which pull token it is about, and who made it.
    pub fn set_pull_token(&mut self, pull_token: &PullToken) {
        let maker = &pull_token.maker;
        self.actor = Some(Actor { iss: maker.issuer.clone(), sub: maker.subject.clone() });
        self.person = Some(maker.shown.clone());
        self.pull_token = Some(pull_token.name.clone());
        self.token_id = Some(pull_token.id.to_string());
        self.expires_at = Some(pull_token.expires_at);
    }
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AuditKind {
    /// An outside token was exchanged for an access token.
    #[serde(rename = "token.exchanged")]
    TokenExchanged,
    /// An exchange was refused.
    #[serde(rename = "token.refused")]
    TokenRefused,
    /// An access token was revoked.
    #[serde(rename = "token.revoked")]
    TokenRevoked,
    /// A file was handed out.
    #[serde(rename = "file.downloaded")]
    FileDownloaded,
    /// A proven caller asked for what its grants do not cover.
    #[serde(rename = "access.denied")]
    AccessDenied,
    /// A file was put into an index.
    #[serde(rename = "file.imported")]
    FileImported,
    /// A file was uploaded.
    #[serde(rename = "file.uploaded")]
    FileUploaded,
    /// Files were yanked (PEP 592).
    #[serde(rename = "file.yanked")]
    FileYanked,
    /// Files were un-yanked (PEP 592).
    #[serde(rename = "file.unyanked")]
    FileUnyanked,
    /// Files were deleted; their names are never used again.
    #[serde(rename = "file.deleted")]
    FileDeleted,
    /// A project got another status (PEP 792).
    #[serde(rename = "project.status")]
    ProjectStatusChanged,
    /// The package policy withheld files from a caller, or would have (`preview`).
    #[serde(rename = "pull.blocked")]
    PullBlocked,
    /// An upload by somebody who may was refused.
    #[serde(rename = "upload.refused")]
    UploadRefused,
    /// A signing key was made.
    #[serde(rename = "key.created")]
    KeyCreated,
    /// A signing key began to sign.
    #[serde(rename = "key.activated")]
    KeyActivated,
    /// A signing key stopped signing; what it signed stays good.
    #[serde(rename = "key.retired")]
    KeyRetired,
    /// A retired signing key was forgotten, after all that it signed had ended.
    #[serde(rename = "key.removed")]
    KeyRemoved,
    /// The operator revoked a signing key: what it signed is refused.
    #[serde(rename = "key.revoked")]
    KeyRevoked,
    /// The policy was read, at start or because it changed.
    #[serde(rename = "policy.loaded")]
    PolicyLoaded,
    /// Somebody who signed in, or tried to, was refused.
    #[serde(rename = "sign_in.refused")]
    SignInRefused,
    /// A person signed in: a session began.
    #[serde(rename = "session.created")]
    SessionCreated,
    /// A session got a new access token for its refresh token.
    #[serde(rename = "session.refreshed")]
    SessionRefreshed,
    /// A refresh, a code or a device code was refused.
    #[serde(rename = "session.refused")]
    SessionRefused,
    /// A spent refresh token or code came again: the session was ended (RFC 9700 §4.14.2).
    #[serde(rename = "session.reused")]
    SessionReused,
    /// A session was ended: signed out, or by an administrator.
    #[serde(rename = "session.ended")]
    SessionEnded,
    /// A person allowed a device to sign in (RFC 8628 §3.3).
    #[serde(rename = "device.approved")]
    DeviceApproved,
    /// A person denied a device.
    #[serde(rename = "device.denied")]
    DeviceDenied,
    /// A person was shut out.
    #[serde(rename = "person.disabled")]
    PersonDisabled,
    /// A person who was shut out may come again.
    #[serde(rename = "person.enabled")]
    PersonEnabled,
    /// A built-in account was made.
    #[serde(rename = "account.created")]
    AccountCreated,
    /// An invite link was made for a built-in account.
    #[serde(rename = "account.invited")]
    AccountInvited,
    /// A built-in account got another role or another credential.
    #[serde(rename = "account.changed")]
    AccountChanged,
    /// A person made a pull token.
    #[serde(rename = "pull_token.created")]
    PullTokenCreated,
    /// A pull token was revoked.
    #[serde(rename = "pull_token.revoked")]
    PullTokenRevoked,
    /// An issuer was made over the API; `change` says what it was and is.
    #[serde(rename = "issuer.created")]
    IssuerCreated,
    /// An issuer was changed over the API; `change` says what it was and is.
    #[serde(rename = "issuer.updated")]
    IssuerUpdated,
    /// An issuer was deleted over the API; `change` says what it was and is.
    #[serde(rename = "issuer.deleted")]
    IssuerDeleted,
    /// An identity was made over the API; `change` says what it was and is.
    #[serde(rename = "identity.created")]
    IdentityCreated,
    /// An identity was changed over the API; `change` says what it was and is.
    #[serde(rename = "identity.updated")]
    IdentityUpdated,
    /// An identity was deleted over the API; `change` says what it was and is.
    #[serde(rename = "identity.deleted")]
    IdentityDeleted,
    /// A role was made over the API; `change` says what it was and is.
    #[serde(rename = "role.created")]
    RoleCreated,
    /// A role was changed over the API; `change` says what it was and is.
    #[serde(rename = "role.updated")]
    RoleUpdated,
    /// A role was deleted over the API; `change` says what it was and is.
    #[serde(rename = "role.deleted")]
    RoleDeleted,
}

impl AuditKind {
    /// The kind as it is written: `token.exchanged`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenExchanged => "token.exchanged",
            Self::TokenRefused => "token.refused",
            Self::TokenRevoked => "token.revoked",
            Self::FileDownloaded => "file.downloaded",
            Self::AccessDenied => "access.denied",
            Self::FileImported => "file.imported",
            Self::FileUploaded => "file.uploaded",
            Self::FileYanked => "file.yanked",
            Self::FileUnyanked => "file.unyanked",
            Self::FileDeleted => "file.deleted",
            Self::ProjectStatusChanged => "project.status",
            Self::PullBlocked => "pull.blocked",
            Self::UploadRefused => "upload.refused",
            Self::KeyCreated => "key.created",
            Self::KeyActivated => "key.activated",
            Self::KeyRetired => "key.retired",
            Self::KeyRemoved => "key.removed",
            Self::KeyRevoked => "key.revoked",
            Self::PolicyLoaded => "policy.loaded",
            Self::SignInRefused => "sign_in.refused",
            Self::SessionCreated => "session.created",
            Self::SessionRefreshed => "session.refreshed",
            Self::SessionRefused => "session.refused",
            Self::SessionReused => "session.reused",
            Self::SessionEnded => "session.ended",
            Self::DeviceApproved => "device.approved",
            Self::DeviceDenied => "device.denied",
            Self::PersonDisabled => "person.disabled",
            Self::PersonEnabled => "person.enabled",
            Self::AccountCreated => "account.created",
            Self::AccountInvited => "account.invited",
            Self::AccountChanged => "account.changed",
            Self::PullTokenCreated => "pull_token.created",
            Self::PullTokenRevoked => "pull_token.revoked",
            Self::IssuerCreated => "issuer.created",
            Self::IssuerUpdated => "issuer.updated",
            Self::IssuerDeleted => "issuer.deleted",
            Self::IdentityCreated => "identity.created",
            Self::IdentityUpdated => "identity.updated",
            Self::IdentityDeleted => "identity.deleted",
            Self::RoleCreated => "role.created",
            Self::RoleUpdated => "role.updated",
            Self::RoleDeleted => "role.deleted",
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Done.
    Success,
    /// Denied by a rule.
    Refused,
}
