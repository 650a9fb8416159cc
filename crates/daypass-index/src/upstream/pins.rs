//! What is known of a project's files from having had them, for pages that say less.

use std::collections::HashMap;

use daypass_core::names::ProjectName;
use futures_util::StreamExt as _;

use super::{
    Shelf,
    files::{Pin, is_wheel, object_name},
};
use crate::{
    file_store::FileStore,
    page::{CoreMetadata, PageFile, ProjectPage},
};

/// What a project's files were pinned to, by the last part of the pin's key.
pub(super) struct Pins(HashMap<String, Pin>);

impl Pins {
    /// Whether pins could say anything that a page does not.
    pub(super) fn could_complete(page: &ProjectPage) -> bool {
        page.files.iter().any(|file| file.sha256().is_none() || lacks_metadata(file))
    }

    /// A project's pins.
    pub(super) async fn of(files: &FileStore, shelf: &Shelf, project: &ProjectName) -> Self {
        let mut pinned = HashMap::new();
        let prefix = shelf.key(["files", project.as_str()]);
        let mut listed = files.objects().list(Some(&prefix));
        while let Some(Ok(meta)) = listed.next().await {
            let Some(name) = meta.location.filename().map(ToOwned::to_owned) else { continue };
            if let Ok(bytes) = files.get(&meta.location).await
                && let Ok(pin) = serde_json::from_slice::<Pin>(&bytes)
            {
                pinned.insert(name, pin);
            }
        }
        Self(pinned)
    }

    /// Writes into a page what it does not say itself.
    pub(super) fn complete(&self, page: &mut ProjectPage) {
        for file in &mut page.files {
            if file.sha256().is_none()
                && let Some(pin) = self.0.get(file.name.as_str())
            {
                // What was served once under this name stays what it is, whatever upstream says of it later.
                file.hashes.insert("sha256".into(), pin.sha256.to_string().into());
                file.size = Some(pin.size);
            }
            // What upstream says beside a wheel binds nobody before the wheel is here and says the same.
            if lacks_metadata(file)
                && self.0.contains_key(file.name.as_str())
                && let Some(pin) = self.0.get(&*object_name(&format!("{}.metadata", file.name)))
            {
                // Promised only now that it is here: an installer that is promised it (PEP 658) does without the wheel.
                let sha256 = ("sha256".into(), pin.sha256.to_string().into());
                file.metadata = CoreMetadata::Hashed([sha256].into());
            }
        }
    }
}

fn lacks_metadata(file: &PageFile) -> bool {
    is_wheel(file) && file.metadata.sha256().is_none()
}
