//! Making built-in accounts, and the links by which their people get in.
//!
//! What is *not* here: what an invite lets its holder do (`daypass_issuer`), and who asks for one (`commands`).

use aws_lc_rs::rand;
use daypass_core::{
    SignedDuration, Timestamp,
    audit::{AuditEvent, AuditKind, Outcome},
    digest::Sha256,
    names::AccountName,
    opaque::Kind,
    person::{LOCAL_PROVIDER, ProvenPerson},
    public_url::PublicUrl,
    role::Role,
    secret::Secret,
};
use daypass_store::{NewAccount, NewInvite, SeenPerson, Store};

use crate::{assemble::store_failure, failure::Failure};

/// How long an invite is good.
const LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What stands in the audit log for the request id: nobody asked over HTTP.
pub(crate) const REQUEST: &str = "daypassd";

/// An invite link, to be handed to one person.
pub(crate) struct InviteLink {
    /// Whoever has it sets the account's credential.
    pub(crate) url: Secret,
    /// Until when.
    pub(crate) until: Timestamp,
}

/// An account that is wanted.
pub(crate) struct Wanted {
    pub(crate) name: AccountName,
    pub(crate) display_name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) role: Role,
}

/// Makes an account and its first invite. `None`: the name is taken.
pub(crate) async fn add_account(
    store: &Store,
    server: &PublicUrl,
    wanted: Wanted,
    now: Timestamp,
) -> Result<Option<InviteLink>, Failure> {
    let Wanted { name, display_name, email, role } = wanted;
    let display_name = display_name.unwrap_or_else(|| name.to_string());
    // What a sign-in will prove. Whoever they are is settled here, once: the server may get another URL.
    let person = ProvenPerson {
        provider: LOCAL_PROVIDER.parse().map_err(Failure::other)?,
        issuer: server.to_string(),
        subject: name.to_string(),
        name: display_name.clone(),
        email: email.clone(),
        groups: Vec::new(),
    };
    let (link, invite) = make(server, &name, now)?;
    let account = NewAccount { name, display_name, email, role, person: SeenPerson::from(&person), created_at: now };
    let event = event(AuditKind::AccountCreated, &account.name, &format!("role {role}"), now);
    let added = store.add_account(account, invite, event).await.map_err(store_failure)?;
    Ok(added.then_some(link))
}

/// Makes another invite for an account; those before it are worthless. `None`: there is no such account.
pub(crate) async fn invite_again(
    store: &Store,
    server: &PublicUrl,
    name: &AccountName,
    now: Timestamp,
) -> Result<Option<InviteLink>, Failure> {
    let (link, invite) = make(server, name, now)?;
    let event = event(AuditKind::AccountInvited, name, "a new invite", now);
    let added = store.add_invite(invite, event).await.map_err(store_failure)?;
    Ok(added.then_some(link))
}

/// An event about an account, done by the operator at the server's own machine.
pub(crate) fn event(kind: AuditKind, name: &AccountName, what: &str, now: Timestamp) -> AuditEvent {
    let mut event = AuditEvent::new(now, kind, Outcome::Success, REQUEST);
    event.person = Some(format!("{LOCAL_PROVIDER}/{name}"));
    event.reason = Some(format!("{what}, by the operator"));
    event
}

fn make(server: &PublicUrl, account: &AccountName, now: Timestamp) -> Result<(InviteLink, NewInvite), Failure> {
    let mut random = [0; 32];
    rand::fill(&mut random).map_err(|_| Failure::other("no randomness can be had"))?;
    let secret = Kind::Invite.make(random);
    let until = now.checked_add(LIFE).map_err(Failure::other)?;
    let url = Secret::new(server.join(&format!("/invite/{}", secret.expose())));
    let invite =
        NewInvite { invite: Sha256::of(secret.expose()), account: account.clone(), created_at: now, expires_at: until };
    Ok((InviteLink { url, until }, invite))
}
