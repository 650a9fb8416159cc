//! `daypassd migrate`.

use super::say;
use crate::{arguments::Place, assemble::open_store, config::Settings, data_folder::DataFolder, failure::Failure};

/// Brings the database to this version's schema. Serving does the same at its start.
pub(crate) async fn run(place: &Place) -> Result<(), Failure> {
    let settings = Settings::read(place)?;
    DataFolder::open(&settings.data)?;
    open_store(&settings).await?.close().await;
    say(&format!("the database {} has this version's schema\n", settings.database))
}
