//! The digests that whoever uploads says: each that is sent must be the file's.

use std::{fs::File, io};

use blake2::{Blake2b, Digest as _, digest::consts::U32};
use daypass_core::digest::hexadecimal;
use md5::Md5;

use super::{UploadRefusal, claims::Claims, content::Content};
use crate::{
    error::Refusal,
    file_store::{blocking, read_at},
};

const PIECE: usize = 256 * 1024;

/// Compares the digests, of which there must be one at least.
pub(super) async fn check(content: Content, claims: &Claims) -> Result<Content, Refusal> {
    let (sha256, blake2, md5) =
        (claims.digest("sha256_digest"), claims.digest("blake2_256_digest"), claims.digest("md5_digest"));
    let (wants_blake2, wants_md5) = (blake2.is_some(), md5.is_some());
    if sha256.is_none() && !wants_blake2 && !wants_md5 {
        return Err(UploadRefusal::Form("the form has no digest of the file: send `sha256_digest`").into());
    }
    let differ = |field: &str| UploadRefusal::Invalid(format!("the file that came is not the one that `{field}` says"));
    if sha256.is_some_and(|said| said != content.sha256.to_string()) {
        return Err(differ("sha256_digest").into());
    }
    if !wants_blake2 && !wants_md5 {
        return Ok(content);
    }
    let hash = blocking(move || {
        let digests = others(&content.scratch.handle(), wants_blake2, wants_md5)?;
        Ok((content, digests))
    });
    let (content, (own_blake2, own_md5)) = hash.await.map_err(|error| {
        tracing::error!(%error, "an uploaded file cannot be read");
        Refusal::NotReady("its file store does not work")
    })?;
    if blake2.is_some_and(|said| said != own_blake2) {
        return Err(differ("blake2_256_digest").into());
    }
    if md5.is_some_and(|said| said != own_md5) {
        return Err(differ("md5_digest").into());
    }
    Ok(content)
}

/// `BLAKE2b` with 256 bits, and MD5: as hexadecimal.
fn others(file: &File, wants_blake2: bool, wants_md5: bool) -> io::Result<(String, String)> {
    let (mut blake2, mut md5) = (Blake2b::<U32>::new(), Md5::new());
    let (mut piece, mut at) = (vec![0; PIECE], 0);
    loop {
        let length = read_at(file, &mut piece, at)?;
        let read = piece.get(..length).unwrap_or_default();
        if read.is_empty() {
            return Ok((hexadecimal(&blake2.finalize()), hexadecimal(&md5.finalize())));
        }
        at += length as u64;
        if wants_blake2 {
            blake2.update(read);
        }
        if wants_md5 {
            md5.update(read);
        }
    }
}
