//! Indexes and projects as the administration tells them.

use daypass_core::{
    grant::Action,
    names::{IndexName, ProjectName},
};
use daypass_store::HostedFile;
use serde_json::{Value, json};

use super::unreadable;
use crate::{error::Refusal, guard::Caller, index::Shared, source::Source};

/// The indexes of which the caller may do anything at all.
pub(super) fn indexes(shared: &Shared, caller: &Caller) -> Value {
    let any = [Action::Pull, Action::Push, Action::Yank, Action::Admin];
    let seen = |source: &&Source| any.into_iter().any(|action| caller.may_somewhere(&source.name, action));
    let index = |source: &Source| {
        let name = &source.name;
        let hosts = source.hosted().is_some();
        json!({
            "name": name,
            "url": shared.public_url.index_url(name),
            "sources": source.words,
            "upload_url": hosts.then(|| shared.public_url.join(&format!("/{name}/legacy/"))),
            "deletion": hosts.then(|| source.deletion.to_string()),
        })
    };
    json!({ "indexes": shared.sources.iter().filter(seen).map(index).collect::<Vec<_>>() })
}

/// A hosted project with its files, also of one that is quarantined: whoever looks after it must see them.
pub(super) async fn project(shared: &Shared, index: &IndexName, project: &ProjectName) -> Result<Value, Refusal> {
    let store = &shared.store;
    let found = store.hosted_project(index, project).await.map_err(|error| unreadable(&error))?;
    let found = found.ok_or(Refusal::NotFound)?;
    let files = store.hosted_files(index, project).await.map_err(|error| unreadable(&error))?;
    Ok(json!({
        "index": index,
        "project": project,
        "status": found.status,
        "reason": found.reason,
        "created_at": found.created_at,
        "serial": found.version,
        "files": files.iter().map(file).collect::<Vec<_>>(),
    }))
}

fn file(file: &HostedFile) -> Value {
    json!({
        "file": file.file,
        "version": file.version,
        "sha256": file.sha256,
        "size": file.size,
        "upload_time": file.upload_time,
        "uploader": file.uploader,
        "requires_python": file.requires_python,
        "licence": file.licence,
        "yanked": file.yanked,
        "provenance": file.provenance_sha256.is_some(),
    })
}
