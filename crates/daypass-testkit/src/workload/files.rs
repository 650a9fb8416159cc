//! Files that a platform keeps fresh while a job runs, as a kubelet projects a token into a pod.

#![expect(clippy::expect_used, reason = "test code fails by panicking")]

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use serde_json::json;

use super::{Kind, Mints, State, issuer};

/// Where the file is; there is none unless the platform writes one.
pub(super) fn path(state: &State) -> Option<PathBuf> {
    let name = if state.kind == Kind::Aks { "azure-identity-token" } else { "daypass" };
    (state.kind.mints() == Mints::IntoFile).then(|| state.folder.join("tokens").join(name))
}

/// Writes it anew: into a new folder, to which a link is then moved, so that nobody ever reads half of it.
pub(super) fn write(state: &State) {
    let Some(path) = path(state) else { return };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let token = issuer::mint(state, &json!(state.settings_audience()), json!({}));
    let version = format!("..{}", state.inner().minted);
    fs::create_dir_all(folder.join(&version)).expect("a folder");
    fs::write(folder.join(&version).join(name), token).expect("a file");
    let (next, data) = (folder.join("..data_tmp"), folder.join("..data"));
    symlink(&version, &next).expect("a link");
    fs::rename(&next, &data).expect("a link can be moved");
    if !path.is_symlink() {
        symlink(PathBuf::from("..data").join(name), &path).expect("a link");
    }
}
