//! `daypassd serve`.

use std::io::Write;

use aws_lc_rs::rand;
use daypass_core::{
    clock::{Clock, SystemClock},
    names::{AccountName, IndexName},
    public_url::PublicUrl,
    role::Role,
};
use daypass_store::Store;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    arguments::Serve,
    assemble::{Parts, store_failure},
    config::Settings,
    data_folder::DataFolder,
    failure::Failure,
    invites::{self, InviteLink, Wanted},
    listener, ready_file, telemetry,
};

/// The account of `--dev`.
const DEV_ACCOUNT: &str = "dev";

/// Serves until it is interrupted or terminated.
pub(crate) async fn run(serve: Serve) -> Result<(), Failure> {
    let settings = Settings::read(&serve.place)?;
    telemetry::start(&settings.log)?;
    let data = DataFolder::open(&settings.data)?;
    let _lock = data.lock()?;
    let listener = listener::bind(settings.listen).await?;
    let bound = listener.local_addr().map_err(Failure::network)?;
    let public_url = settings.public_url_at(bound)?;
    let parts = Parts::open(&settings, &data, &public_url).await?;
    data.keep_public_url(&public_url)?;
    let dev_invite = if settings.dev { dev_invite(&parts.store, &public_url).await? } else { None };
    let stop = stop_signal()?;

    let (answers, store) = (parts.answers(process_number()?), parts.store.clone());
    let beside = tokio::spawn(parts.run());
    // The socket already queues connections, and from here on they are answered.
    let index = default_index(&settings)?;
    if let Some(path) = &serve.ready_file {
        ready_file::write(path, &public_url, index)?;
    }
    greet(&settings, &public_url, index, dev_invite.as_ref());
    listener::serve(listener, answers, stop).await;
    beside.abort();
    if let Some(path) = &serve.ready_file {
        let _ = std::fs::remove_file(path);
    }
    store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// The index that a newcomer is pointed to: the first.
fn default_index(settings: &Settings) -> Result<&IndexName, Failure> {
    settings.indexes.first().map(|index| &index.name).ok_or_else(|| Failure::configuration("there is no index"))
}

fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let mut interrupted = signal(SignalKind::interrupt()).map_err(Failure::other)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(Failure::other)?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

/// What makes this process's request ids differ from any other's.
fn process_number() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| Failure::other("no randomness can be had"))?;
    Ok(u64::from_le_bytes(bytes))
}

/// A way in for whoever tries daypass out: the account `dev`, made where there is none at all, and a new invite at each
/// start for as long as it has not been accepted.
async fn dev_invite(store: &Store, server: &PublicUrl) -> Result<Option<InviteLink>, Failure> {
    let (name, now): (AccountName, _) = (DEV_ACCOUNT.parse().map_err(Failure::other)?, SystemClock.now());
    match store.account(&name).await.map_err(store_failure)? {
        Some(dev) if dev.disabled || dev.password_hash.is_some() || !dev.passkeys.is_empty() => Ok(None),
        Some(_) => invites::invite_again(store, server, &name, now).await,
        None if !store.has_accounts().await.map_err(store_failure)? => {
            let wanted = Wanted { name, display_name: None, email: None, role: Role::Admin };
            invites::add_account(store, server, wanted, now).await
        }
        None => Ok(None),
    }
}

fn greet(settings: &Settings, public_url: &PublicUrl, index: &IndexName, dev_invite: Option<&InviteLink>) {
    tracing::info!(
        listen = %settings.listen, url = %public_url, data = %settings.data.display(), database = %settings.database,
        "serving",
    );
    if settings.identities_missing() {
        tracing::warn!("there is no policy file: only built-in accounts can sign in; give one with `--policy FILE`");
    }
    if settings.dev {
        let text = format!(
            "daypassd is ready for trying out, on this machine only\n  \
             index  {}\n  \
             data   {}\n\
             Next: daypass login {public_url}\n",
            public_url.index_url(index),
            settings.data.display(),
        );
        let invite = dev_invite.map(|link| {
            format!(
                "To sign in as the administrator `{DEV_ACCOUNT}`, choose a password or a passkey here, once:\n  {}\n",
                link.url.expose()
            )
        });
        let _ = std::io::stderr().write_all(format!("{text}{}", invite.unwrap_or_default()).as_bytes());
    }
}
