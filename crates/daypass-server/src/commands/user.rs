//! `daypassd user`: people, on the server's own machine, also while the server runs.

mod list;

use std::io::Write;

use daypass_core::{
    audit::{AuditEvent, AuditKind, Outcome},
    clock::{Clock, SystemClock},
    names::{AccountName, ProviderName},
    person::{LOCAL_PROVIDER, PersonId},
    public_url::PublicUrl,
    role::Role,
};
use daypass_store::Store;

use super::say;
use crate::{
    arguments::{Place, User, UserAction},
    assemble::{open_existing_store, store_failure},
    config::Settings,
    data_folder::DataFolder,
    failure::Failure,
    invites::{self, InviteLink, REQUEST, Wanted},
};

/// Does what was asked for.
pub(crate) async fn run(user: User) -> Result<(), Failure> {
    let People { store, server } = People::open(user.action.place()).await?;
    let done = match user.action {
        UserAction::Add { account, role, name, email, .. } => {
            add(&store, &server, Wanted { name: account, display_name: name, email, role }).await
        }
        UserAction::Invite { account, .. } => invite(&store, &server, &account).await,
        UserAction::List { output, .. } => list::run(&store, output).await,
        UserAction::Disable { who, .. } => set_disabled(&store, &who, true).await,
        UserAction::Enable { who, .. } => set_disabled(&store, &who, false).await,
        UserAction::Role { account, role, .. } => set_role(&store, &account, role).await,
    };
    store.close().await;
    done
}

/// The database, and the URL under which people know the server.
struct People {
    store: Store,
    server: PublicUrl,
}

impl People {
    async fn open(place: &Place) -> Result<Self, Failure> {
        let settings = Settings::read(place)?;
        let store = open_existing_store(&settings).await?;
        let data = DataFolder::open(&settings.data)?;
        let server = match (&settings.public_url, data.public_url()) {
            (Some(url), _) => url.clone(),
            (None, Some(url)) => url,
            (None, None) => settings.public_url_at(settings.listen)?,
        };
        Ok(Self { store, server })
    }
}

async fn add(store: &Store, server: &PublicUrl, wanted: Wanted) -> Result<(), Failure> {
    let name = wanted.name.clone();
    match invites::add_account(store, server, wanted, SystemClock.now()).await? {
        Some(link) => hand_out(&name, &link),
        None => Err(Failure::data(format!("there is an account `{name}` already"))
            .hint(format!("`daypassd user invite {name}` makes a new invite for it; `daypassd user list` shows all"))),
    }
}

async fn invite(store: &Store, server: &PublicUrl, name: &AccountName) -> Result<(), Failure> {
    match invites::invite_again(store, server, name, SystemClock.now()).await? {
        Some(link) => hand_out(name, &link),
        None => Err(no_account(name)),
    }
}

/// The link is the data; what to do with it is for people.
fn hand_out(name: &AccountName, link: &InviteLink) -> Result<(), Failure> {
    say(&format!("{}\n", link.url.expose()))?;
    let advice = format!(
        "Hand this link to `{name}` and nobody else: whoever opens it chooses how `{name}` signs in.\n\
         It works once, until {}.\n",
        link.until.strftime("%Y-%m-%d %H:%M UTC"),
    );
    let _ = std::io::stderr().write_all(advice.as_bytes());
    Ok(())
}

async fn set_role(store: &Store, name: &AccountName, role: Role) -> Result<(), Failure> {
    let now = SystemClock.now();
    let event = invites::event(AuditKind::AccountChanged, name, &format!("role {role}"), now);
    if store.set_account_role(name, role, now, event).await.map_err(store_failure)? {
        return say(&format!("{name} is {role} now\n"));
    }
    match store.account(name).await.map_err(store_failure)? {
        Some(_) => say(&format!("{name} was {role} already\n")),
        None => Err(no_account(name)),
    }
}

async fn set_disabled(store: &Store, who: &str, disabled: bool) -> Result<(), Failure> {
    let (ids, shown) = find(store, who).await?;
    let kind = if disabled { AuditKind::PersonDisabled } else { AuditKind::PersonEnabled };
    let mut changed = false;
    for id in ids {
        let now = SystemClock.now();
        let mut event = AuditEvent::new(now, kind, Outcome::Success, REQUEST);
        event.person = Some(shown.clone());
        event.reason = Some("by the operator".to_owned());
        changed |= store.set_person_disabled(id, disabled, now, event).await.map_err(store_failure)?;
    }
    let shown = shown.escape_debug();
    say(&match (changed, disabled) {
        (true, true) => format!("{shown} is shut out, everywhere within five seconds\n"),
        (true, false) => format!("{shown} may sign in again\n"),
        (false, true) => format!("{shown} was shut out already\n"),
        (false, false) => format!("{shown} was not shut out\n"),
    })
}

/// A built-in account by its name, or anybody by PROVIDER/SUBJECT.
///
/// There are several where the provider got another URL: each is meant, for whoever it was changed back to would let the
/// one from before in again.
async fn find(store: &Store, who: &str) -> Result<(Vec<PersonId>, String), Failure> {
    let account = match who.split_once('/') {
        None => Some(who),
        Some((LOCAL_PROVIDER, name)) => Some(name),
        Some(_) => None,
    };
    if let Some(name) = account {
        let name: AccountName = name.parse().map_err(Failure::data)?;
        let account = store.account(&name).await.map_err(store_failure)?.ok_or_else(|| no_account(&name))?;
        return Ok((vec![account.person], format!("{LOCAL_PROVIDER}/{name}")));
    }
    let (provider, subject) = who.split_once('/').unwrap_or_default();
    let provider: ProviderName = provider.parse().map_err(Failure::data)?;
    let found = store.people_by(&provider, subject).await.map_err(store_failure)?;
    if found.is_empty() {
        return Err(Failure::data(format!("nobody has signed in as `{}` yet", who.escape_debug()))
            .hint("`daypassd user list` shows who has; whoever has not is kept out by the roles in the policy"));
    }
    Ok((found.into_iter().map(|record| record.person.id).collect(), format!("{provider}/{subject}")))
}

fn no_account(name: &AccountName) -> Failure {
    Failure::data(format!("there is no account `{name}`"))
        .hint(format!("`daypassd user add {name}` makes it; `daypassd user list` shows all"))
}
