//! Forms as twine and `uv publish` send them to an index (the legacy upload API), and such as they never would.
//!
//! Written from the forms' own standard (RFC 7578), not with what reads them.

use std::{fmt::Write as _, path::Path};

use blake2::{Blake2b, Digest as _, digest::consts::U32};
use md5::Md5;
use sha2::Sha256;

/// A form of one file.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The fields, in order.
    pub fields: Vec<Field>,
    /// The line between fields.
    pub boundary: String,
}

/// One field.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its file's name, if it is a file.
    pub file: Option<String>,
    /// Its value.
    pub value: Vec<u8>,
}

impl Upload {
    /// What twine says of a file: digests and the beginning of its metadata, and the file last.
    pub fn new(project: &str, version: &str, file: &str, bytes: &[u8]) -> Self {
        let is_wheel = Path::new(file).extension().is_some_and(|ending| ending == "whl");
        let mut upload = Self { fields: Vec::new(), boundary: "d4yp4ss-b0und4ry".to_owned() };
        for (name, value) in [
            (":action", "file_upload"),
            ("protocol_version", "1"),
            ("metadata_version", "2.1"),
            ("name", project),
            ("version", version),
            ("filetype", if is_wheel { "bdist_wheel" } else { "sdist" }),
            ("pyversion", if is_wheel { "py3" } else { "source" }),
            ("sha256_digest", &hexadecimal(&Sha256::digest(bytes))),
            ("blake2_256_digest", &hexadecimal(&Blake2b::<U32>::digest(bytes))),
            ("classifiers", "Private :: Do Not Upload"),
        ] {
            upload.fields.push(Field { name: name.to_owned(), file: None, value: value.as_bytes().to_vec() });
        }
        let content = Field { name: "content".to_owned(), file: Some(file.to_owned()), value: bytes.to_vec() };
        upload.fields.push(content);
        upload
    }

    /// With another value of a field, or with a field more before the file.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Some(field) = self.fields.iter_mut().find(|field| field.name == name) {
            value.as_bytes().clone_into(&mut field.value);
        } else {
            let at = self.fields.len().saturating_sub(1);
            let field = Field { name: name.to_owned(), file: None, value: value.as_bytes().to_vec() };
            self.fields.insert(at, field);
        }
        self
    }

    /// With the MD5 of the file, too, as older tools send it.
    #[must_use]
    pub fn with_md5(self) -> Self {
        let content = self.fields.iter().find(|field| field.name == "content");
        let md5 = content.map(|field| hexadecimal(&Md5::digest(&field.value))).unwrap_or_default();
        self.with("md5_digest", &md5)
    }

    /// Without a field.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|field| field.name != name);
        self
    }

    /// With the same field once more.
    #[must_use]
    pub fn twice(mut self, name: &str) -> Self {
        let again: Vec<Field> = self.fields.iter().filter(|field| field.name == name).cloned().collect();
        self.fields.extend(again);
        self
    }

    /// With the file before everything else.
    #[must_use]
    pub fn file_first(mut self) -> Self {
        self.fields.rotate_right(1);
        self
    }

    /// The header that says what the body is.
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// The body.
    pub fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for Field { name, file, value } in &self.fields {
            let file =
                file.as_ref().map(|file| format!("; filename=\"{file}\"\r\nContent-Type: application/octet-stream"));
            let head = format!("Content-Disposition: form-data; name=\"{name}\"{}\r\n\r\n", file.unwrap_or_default());
            body.extend(format!("--{}\r\n{head}", self.boundary).into_bytes());
            body.extend_from_slice(value);
            body.extend_from_slice(b"\r\n");
        }
        body.extend(format!("--{}--\r\n", self.boundary).into_bytes());
        body
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
