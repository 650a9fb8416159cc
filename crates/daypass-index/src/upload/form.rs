//! Reads the form (RFC 7578), in whatever order its fields come.

use axum::http::{header, request::Parts};
use daypass_core::names::ProjectName;
use multer::{Constraints, Field, Multipart, SizeLimit};

use super::{
    LONGEST_FIELDS, UploadRefusal,
    claims::{Claims, FIELDS},
    content::{Content, Writer},
    metered::{Cut, Metered, Progress},
};
use crate::{
    error::Refusal,
    file_store::{FileStore, FileStoreError},
};

/// More fields than this are refused.
const MOST_FIELDS: usize = 10_000;

/// As much of a file is taken before it is known of which project it is.
const BEFORE_NAME: u64 = 1024 * 1024;

/// An upload.
pub(super) struct Form {
    /// Of which project it is; the caller may push it.
    pub project: ProjectName,
    pub claims: Claims,
    pub content: Content,
}

/// What a form is read with.
pub(super) struct Reading<'a> {
    pub files: &'a FileStore,
    /// The longest file, in bytes.
    pub limit: u64,
    /// Asked as soon as the project is known.
    pub may_push: &'a (dyn Fn(&ProjectName) -> Result<(), Refusal> + Send + Sync),
}

/// Reads the whole form.
pub(super) async fn read(request: &Parts, body: &mut Metered, reading: &Reading<'_>) -> Result<Form, Refusal> {
    let content_type = request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = content_type.and_then(|value| multer::parse_boundary(value).ok()).filter(|text| text.len() <= 200);
    let boundary = boundary
        .ok_or(UploadRefusal::Form("an upload is a form of multipart/form-data, as twine and `uv publish` send it"))?;
    let progress = body.progress();
    let whole = SizeLimit::new().whole_stream(reading.limit.saturating_add(LONGEST_FIELDS));
    let mut form = Multipart::with_constraints(body, boundary, Constraints::new().size_limit(whole));
    let (mut project, mut claims, mut content) = (None, Claims::default(), None);
    for _ in 0..MOST_FIELDS {
        let Some(field) = form.next_field().await.map_err(|error| cut(error, reading.limit))? else {
            let project = project.ok_or(UploadRefusal::Form("the form has no `name`"))?;
            let content = content.ok_or(UploadRefusal::Form("the form has no file in `content`"))?;
            return Ok(Form { project, claims, content });
        };
        progress.made();
        let name = field.name().ok_or(UploadRefusal::Form("a field of the form has no name"))?;
        if name == "content" {
            if content.is_some() {
                return Err(UploadRefusal::Field("content", "is there twice").into());
            }
            content = Some(file(field, reading, project.is_some(), &progress).await?);
        } else if let Some((name, longest)) = FIELDS.into_iter().find(|(known, _)| *known == name) {
            let said = text(field, name, longest, reading, &progress).await?;
            if name == "name" && project.is_none() {
                let named = said.parse().map_err(|_| UploadRefusal::Field("name", "is no name of a project"))?;
                (reading.may_push)(&named)?;
                project = Some(named);
            }
            claims.take(name, said)?;
        } else {
            let mut field = field;
            while field.chunk().await.map_err(|error| cut(error, reading.limit))?.is_some() {
                progress.made();
            }
        }
    }
    Err(UploadRefusal::Form("the form has too many fields").into())
}

async fn text(
    mut field: Field<'_>,
    name: &'static str,
    longest: usize,
    reading: &Reading<'_>,
    progress: &Progress,
) -> Result<String, Refusal> {
    let mut bytes = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|error| cut(error, reading.limit))? {
        progress.made();
        if bytes.len() + piece.len() > longest {
            return Err(UploadRefusal::Field(name, "is too long").into());
        }
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8(bytes).map_err(|_| UploadRefusal::Field(name, "is not UTF-8").into())
}

async fn file(
    mut field: Field<'_>,
    reading: &Reading<'_>,
    is_named: bool,
    progress: &Progress,
) -> Result<Content, Refusal> {
    let file_name = field.file_name().ok_or(UploadRefusal::Field("content", "has no file name"))?.to_owned();
    let mut writer = Writer::begin(reading.files).await.map_err(|error| unwritable(&error))?;
    while let Some(piece) = field.chunk().await.map_err(|error| cut(error, reading.limit))? {
        progress.made();
        let size = writer.size() + piece.len() as u64;
        if size > reading.limit {
            return Err(UploadRefusal::TooLarge(reading.limit).into());
        }
        if !is_named && size > BEFORE_NAME {
            return Err(UploadRefusal::Form("the form must have its `name` before a file of this size").into());
        }
        writer.take(&piece).await.map_err(|error| unwritable(&error))?;
    }
    writer.end(file_name).await.map_err(|error| unwritable(&error))
}

fn unwritable(error: &FileStoreError) -> Refusal {
    tracing::error!(%error, "an upload cannot be written");
    Refusal::NotReady("its file store does not work")
}

/// Why the form's reader stopped.
fn cut(error: multer::Error, limit: u64) -> Refusal {
    let refusal = match error {
        multer::Error::StreamSizeExceeded { .. } => UploadRefusal::TooLarge(limit),
        multer::Error::StreamReadFailed(cause) => match cause.downcast_ref() {
            Some(Cut::Slow) => UploadRefusal::Slow,
            Some(Cut::Broken) => UploadRefusal::Form("the upload ends in the middle"),
            Some(Cut::NoForm) | None => UploadRefusal::Form("the upload is no form that can be read"),
        },
        multer::Error::IncompleteStream
        | multer::Error::IncompleteFieldData { .. }
        | multer::Error::IncompleteHeaders => UploadRefusal::Form("the upload ends in the middle"),
        _ => UploadRefusal::Form("the upload is no form that can be read"),
    };
    refusal.into()
}
