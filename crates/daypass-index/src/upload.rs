//! Uploads, as twine and `uv publish` send them: `POST /{index}/legacy/`, a form of one file and what it says of itself.
//!
//! Who asks and whether they may push anything at all is decided before a byte of the body is read; whether they may push
//! this project, as soon as its name arrives, and once more before the file is listed. The file goes to a scratch file
//! while it comes, and is read there before anything is kept.
//!
//! What is *not* here: what makes a distribution good (`archive`), how it is kept and listed (`publish`).

mod claims;
mod content;
mod digests;
mod form;
mod metered;
mod refused;
mod turns;

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use daypass_core::{grant::Action, names::ProjectName};

use self::{
    form::{Form, Reading},
    metered::Metered,
};
pub(crate) use self::{refused::UploadRefusal, turns::Turns};
use crate::{
    archive::Naming,
    attestation::{self, Attested},
    audit,
    error::Refusal,
    index::Shared,
    proven::Proven,
    publish::{self, Coming, PublishError, Published},
    serve::Asking,
    target::parse,
};

/// As much as a form may have besides its file, in bytes.
const LONGEST_FIELDS: u64 = 16 * 1024 * 1024;

/// How much of a refused upload is read and thrown away, so that whoever sends it comes to read the answer: little for
/// a stranger, all of it for somebody proven.
const READ_FOR_STRANGERS: u64 = 1024 * 1024;

/// For how long.
const READ_ON: Duration = Duration::from_secs(30);

/// Answers an upload.
pub(crate) async fn serve(shared: &Shared, request: &Parts, body: Body) -> Response {
    let mut body = Metered::new(body, shared.turns.pace());
    match receive(shared, request, &mut body).await {
        Ok(published) => done(&published),
        Err(refusal) => {
            let proven = !matches!(refusal, Refusal::Unauthenticated(_));
            let most = if proven { LONGEST_FIELDS.max(body.announced(request)) } else { READ_FOR_STRANGERS };
            tokio::spawn(tokio::time::timeout(READ_ON, body.pour_away(most)));
            refusal.answer(&shared.challenge)
        }
    }
}

async fn receive(shared: &Shared, request: &Parts, body: &mut Metered) -> Result<Published, Refusal> {
    let caller = shared.guard.caller(&request.headers)?;
    let (index, _) = parse(request.uri.path()).ok_or(Refusal::NotFound)?;
    let asking = Asking::new(shared, request, &caller, index)?;
    asking.require_somewhere(Action::Push)?;
    let source = asking.source()?;
    if source.hosted().is_none() {
        return Err(UploadRefusal::NotHosting(source.name.clone()).into());
    }
    let limit = source.max_file_size;
    if body.announced(request) > limit.saturating_add(LONGEST_FIELDS) {
        return Err(UploadRefusal::TooLarge(limit).into());
    }
    let _turn = shared.turns.upload().await?;
    let may_push = |project: &ProjectName| may_push(&asking, project);
    let reading = Reading { files: &shared.sender.files, limit, may_push: &may_push };
    let form = form::read(request, body, &reading).await?;
    accept(&asking, form).await
}

/// Whether the caller may upload files of the project: by a grant, by one that names its namespace if it is in one
/// (PEP 752: 409 otherwise), and only if the index would show them.
fn may_push(asking: &Asking<'_>, project: &ProjectName) -> Result<(), Refusal> {
    asking.require(project, Action::Push)?;
    let source = asking.source()?;
    if source.leaves_out(project) {
        return Err(UploadRefusal::LeftOut(project.clone(), source.name.clone()).into());
    }
    match source.namespaces.foreign(&asking.index, project, asking.caller.current_grants()) {
        None => Ok(()),
        Some(namespace) => Err(UploadRefusal::Namespace(project.clone(), namespace.name.clone()).into()),
    }
}

/// Checks an upload that has come, and publishes it.
async fn accept(asking: &Asking<'_>, form: Form) -> Result<Published, Refusal> {
    let Asking { shared, request, index, .. } = asking;
    let Form { project, claims, content } = form;
    let failed = |error| refused(&error);
    let distribution = publish::name(&content.file_name, Naming::Today).map_err(failed)?;
    claims.check_name(&project, &distribution)?;
    let (yanked, upload_time) = (claims.yanked(), claims.upload_time(shared.clock.now())?);
    // Only who may yank brings something that is yanked; and only an administrator says when it came, since rules about
    // the age of files believe it.
    let more = [yanked.as_ref().map(|_| Action::Yank), upload_time.map(|_| Action::Admin)];
    let more: Vec<Action> = more.into_iter().flatten().collect();
    for action in &more {
        asking.require(&project, *action)?;
    }
    let content = digests::check(content, &claims).await?;
    let (sha256, size) = (content.sha256, content.size);
    if publish::is_there(&shared.store, index, &distribution, sha256).await.map_err(failed)? {
        let (version, file) = (distribution.version.to_string(), distribution.file);
        return Ok(Published { project, version, file, sha256, size, was_there: true });
    }
    let turn = shared.turns.check().await?;
    let good = publish::read(distribution, content.scratch, sha256, size, turn).await.map_err(failed)?;
    claims.check_metadata(&good.metadata)?;
    let now = shared.clock.now();
    let provenance = claims.attestations().map(|field| {
        let file = Attested { name: good.distribution.file.as_str(), sha256: &sha256 };
        let uploader = match &asking.caller.proven {
            Proven::AccessToken(claims) => Some(&**claims),
            Proven::PullToken(_) => None,
        };
        attestation::check(field, file, uploader, shared.trust.as_deref(), now)
    });
    let provenance = provenance.transpose().map_err(|why| UploadRefusal::Attestations(why.to_string()))?;

    // It may have taken minutes: whoever was revoked meanwhile does not publish any more.
    let caller = shared.guard.caller(&request.headers)?;
    let again = Asking::new(shared, request, &caller, index.as_str())?;
    may_push(&again, &project)?;
    for action in more {
        again.require(&project, action)?;
    }
    let coming = Coming {
        index: (**index).clone(),
        now,
        uploader: Some(caller.proven.shown()),
        provenance: provenance.map(|provenance| provenance.json),
        event: audit::uploaded(now, request, &caller),
        naming: Naming::Today,
        upload_time,
        yanked,
    };
    let published = publish::publish(&shared.store, &shared.sender.files, good, coming).await.map_err(failed)?;
    // The next answer of this server shows it; the others follow within a second.
    if let Err(error) = shared.following.follow_now(index).await {
        tracing::warn!(%error, "a published file will be seen a moment later");
    }
    Ok(published)
}

fn done(published: &Published) -> Response {
    let Published { project, version, file, was_there, .. } = published;
    let said = if *was_there { "was published before, with the same bytes" } else { "is published" };
    let text = format!("{file} {said}: {project} {version}\n");
    let mut response = (StatusCode::OK, text).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// What whoever uploads is told. Failures of ours are logged here.
fn refused(error: &PublishError) -> Refusal {
    let text = error.to_string();
    match error {
        PublishError::NotADistribution { source: crate::archive::NotADistribution::Read(cause), .. } => {
            tracing::error!(%cause, "an uploaded file cannot be read");
            Refusal::NotReady("its file store does not work")
        }
        PublishError::NotADistribution { .. } | PublishError::SecondSdist { .. } => UploadRefusal::Invalid(text).into(),
        PublishError::Conflict { .. } => UploadRefusal::Exists(text).into(),
        PublishError::Deleted { .. } => UploadRefusal::Deleted(text).into(),
        PublishError::Closed { .. } => UploadRefusal::Closed(text).into(),
        PublishError::Unreadable { .. } | PublishError::Files(_) => {
            tracing::error!(%error, cause = ?std::error::Error::source(error), "an uploaded file cannot be kept");
            Refusal::NotReady("its file store does not work")
        }
        PublishError::Store(_) => {
            tracing::error!(%error, "an uploaded file cannot be listed");
            Refusal::NotReady("its database does not answer")
        }
    }
}
