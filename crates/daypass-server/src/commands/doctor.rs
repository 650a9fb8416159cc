//! `daypassd doctor`.

use std::sync::Arc;

use daypass_core::{clock::SystemClock, issuer::KeySource};
use daypass_oidc::issuer_keys::IssuerKeys;

use super::say;
use crate::{
    arguments::Place,
    assemble::{open_probed_files, open_store},
    config::Settings,
    data_folder::DataFolder,
    failure::Failure,
    policy_files,
};

/// Looks at everything the server needs, and says of each thing whether it is well.
pub(crate) async fn run(place: &Place) -> Result<(), Failure> {
    let settings = Settings::read(place)?;
    let loaded = policy_files::load(&settings.policy).0?;
    let mut ill = 0;
    let mut tell = |what: &str, found: Result<(), String>| {
        let line = match found {
            Ok(()) => format!("ok      {what}\n"),
            Err(why) => {
                ill += 1;
                format!("FAILED  {what}: {why}\n")
            }
        };
        say(&line)
    };
    let data = DataFolder::open(&settings.data);
    let folder = data.as_ref().map_err(ToString::to_string);
    let key = folder.and_then(|data| data.key_encryption_key().map(drop).map_err(|error| error.to_string()));
    tell(&format!("data folder {}", settings.data.display()), key)?;
    let files = match &data {
        Ok(data) => open_probed_files(&settings, data).await.map(drop).map_err(|failure| failure.to_string()),
        Err(_) => Err("the data folder is not well".to_owned()),
    };
    tell(&format!("files {}", settings.files), files)?;
    let database = match open_store(&settings).await {
        Ok(store) => {
            let read = store.signing_keys().await.map(drop).map_err(|error| error.to_string());
            store.close().await;
            read
        }
        Err(failure) => Err(failure.to_string()),
    };
    tell(&format!("database {}", settings.database), database)?;
    for issuer in loaded.policy.issuers() {
        let mut issuer = issuer.clone();
        issuer.allow_private_network |= settings.dev;
        let found = match issuer.keys {
            KeySource::JwksFile(_) | KeySource::Inline(_) | KeySource::AwsSts { .. } => Ok(()),
            KeySource::Discovery | KeySource::JwksUri(_) => {
                reach(&issuer, loaded.issuer_cas.get(&issuer.name).map(|ca| &**ca)).await
            }
        };
        tell(&format!("issuer {} at {}", issuer.name, issuer.url), found)?;
    }
    match ill {
        0 => Ok(()),
        _ => Err(Failure::other(format!("{ill} things are not well"))),
    }
}

async fn reach(issuer: &daypass_core::issuer::TrustedIssuer, ca: Option<&str>) -> Result<(), String> {
    let keys = IssuerKeys::discovery(issuer, ca, Arc::new(SystemClock)).map_err(|error| error.to_string())?;
    keys.for_kid(None).await.map(drop).map_err(|error| error.to_string())
}
