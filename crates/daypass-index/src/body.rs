//! Bodies of long files: read in large pieces, into buffers that are used again.

use std::{
    fs::File,
    io,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use axum::body::Body;
use bytes::Bytes;
use daypass_core::digest::Sha256;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{GetOptions, GetRange, GetResultPayload};

use crate::{
    file_store::{FileStore, FileStoreError, blocking, read_at},
    upstream::download::Stream,
};

/// How many bytes are read at a time. Larger pieces cost memory per client and gain nothing (measured).
const PIECE: usize = 256 * 1024;

/// How many unused buffers are kept.
const BUFFERS: usize = 16;

/// A part of a kept file, as a body. A file of another length than `size` counts as absent.
pub(crate) async fn kept(
    files: &FileStore,
    buffers: &Buffers,
    sha256: &Sha256,
    size: u64,
    part: Range<u64>,
) -> Result<Body, FileStoreError> {
    let options = GetOptions { range: Some(GetRange::Bounded(part.clone())), ..GetOptions::default() };
    let found = files.objects().get_opts(&FileStore::blob(sha256), options).await?;
    if found.meta.size != size {
        return Err(FileStoreError::Absent);
    }
    Ok(match found.payload {
        GetResultPayload::File(file, _) => local(Arc::new(file), buffers.clone(), part),
        GetResultPayload::Stream(bytes) => Body::from_stream(bytes.map_err(io::Error::other)),
    })
}

fn local(file: Arc<File>, buffers: Buffers, part: Range<u64>) -> Body {
    let pieces = stream::try_unfold(part, move |part| {
        let (file, buffers) = (Arc::clone(&file), buffers.clone());
        async move {
            if part.is_empty() {
                return Ok(None);
            }
            let piece = blocking(move || read_piece(&file, &buffers, part.start, part.end)).await?;
            let next = part.start + piece.len() as u64;
            Ok::<_, io::Error>(Some((piece, next..part.end)))
        }
    });
    Body::from_stream(pieces)
}

/// A part of a file that is still coming, as a body.
pub(crate) fn coming(stream: Stream, buffers: &Buffers, part: Range<u64>) -> Body {
    let buffers = buffers.clone();
    let pieces = stream::try_unfold((stream, part), move |(mut stream, part)| {
        let buffers = buffers.clone();
        async move {
            if part.is_empty() {
                return Ok(None);
            }
            let until = stream.readable(part.start).await?.min(part.end);
            let file = Arc::clone(&stream.file);
            let piece = blocking(move || read_piece(&file, &buffers, part.start, until)).await?;
            let next = part.start + piece.len() as u64;
            Ok::<_, io::Error>(Some((piece, (stream, next..part.end))))
        }
    });
    Body::from_stream(pieces.boxed())
}

fn read_piece(file: &File, buffers: &Buffers, from: u64, until: u64) -> io::Result<Bytes> {
    let mut buffer = buffers.take();
    let length = usize::try_from(until - from).unwrap_or(PIECE).min(PIECE);
    let room = buffer.bytes.get_mut(..length).unwrap_or_default();
    let read = read_at(file, room, from)?;
    if read == 0 {
        // Shorter than promised: the connection must break rather than end well.
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    buffer.filled = read;
    Ok(Bytes::from_owner(buffer))
}

/// Buffers that are used again: new ones would be zeroed, and given back to the system, each time.
#[derive(Clone, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Box<[u8]>>>>);

impl Buffers {
    fn take(&self) -> Buffer {
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Buffer { bytes: used.unwrap_or_else(|| vec![0; PIECE].into()), filled: 0, home: self.clone() }
    }
}

struct Buffer {
    bytes: Box<[u8]>,
    filled: usize,
    home: Buffers,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut home = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        if home.len() < BUFFERS {
            home.push(std::mem::take(&mut self.bytes));
        }
    }
}
