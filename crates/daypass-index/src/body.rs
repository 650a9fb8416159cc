//! Bodies of long files: read in large pieces, into buffers that are used again. And of long pages, inflated on the way.

use std::{
    fs::File,
    io::{self, Read as _},
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use axum::body::Body;
use bytes::{Buf as _, Bytes};
use flate2::bufread::GzDecoder;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{GetOptions, GetRange, GetResultPayload};

use crate::{
    file_store::{Blob, FileStore, FileStoreError, Held, blocking, read_at},
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
    blob: Blob,
    size: u64,
    part: Range<u64>,
) -> Result<Body, FileStoreError> {
    let held = files.hold(&blob);
    let options = GetOptions { range: Some(GetRange::Bounded(part.clone())), ..GetOptions::default() };
    let found = match files.objects().get_opts(&blob.key(), options).await.map_err(FileStoreError::from) {
        Ok(found) => found,
        // A part behind the end of a file that is too short, or a store that does not work?
        Err(error) => match files.length(&blob.key()).await {
            Ok(length) if length != size => {
                tracing::error!(sha256 = %blob.sha256, size, found = length, "a file does not have its length");
                return Err(FileStoreError::Absent);
            }
            _ => return Err(error),
        },
    };
    if found.meta.size != size || found.range != part {
        tracing::error!(sha256 = %blob.sha256, size, found = found.meta.size, "a file does not have its length");
        return Err(FileStoreError::Absent);
    }
    Ok(match found.payload {
        // An open file stays readable even when it is evicted.
        GetResultPayload::File(file, _) => local(Arc::new(file), buffers.clone(), part),
        GetResultPayload::Stream(bytes) => {
            Body::from_stream(exactly(bytes.map_err(io::Error::other), part.end - part.start, held))
        }
    })
}

/// The pieces, which must be so many bytes: a store whose answer ends early must not look like a file that ends there.
fn exactly(
    pieces: impl futures_util::Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static,
    length: u64,
    held: Held,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::try_unfold((pieces, length, held), |(mut pieces, missing, held)| async move {
        match pieces.try_next().await? {
            Some(piece) => match missing.checked_sub(piece.len() as u64) {
                Some(missing) => Ok(Some((piece, (pieces, missing, held)))),
                None => Err(io::Error::other("more bytes than were asked for")),
            },
            None if missing == 0 => Ok(None),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    })
}

fn local(file: Arc<File>, buffers: Buffers, part: Range<u64>) -> Body {
    let pieces = stream::try_unfold(part, move |part| {
        let (file, buffers) = (Arc::clone(&file), buffers.clone());
        async move {
            if part.is_empty() {
                return Ok(None);
            }
            let piece = read(&file, buffers, part.clone()).await?;
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
            let piece = read(&file, buffers, part.start..until).await?;
            let next = part.start + piece.len() as u64;
            Ok::<_, io::Error>(Some((piece, (stream, next..part.end))))
        }
    });
    Body::from_stream(pieces.boxed())
}

/// A long page that is kept compressed, for who wants it plain. Inflated piece by piece as the client takes them: a
/// client that takes none must not hold the whole page in memory.
pub(crate) fn inflated(compressed: Bytes) -> Body {
    let pieces = stream::try_unfold(GzDecoder::new(compressed.reader()), |mut page| async move {
        let next = move || {
            let mut piece = Vec::with_capacity(INFLATED_PIECE);
            page.by_ref().take(INFLATED_PIECE as u64).read_to_end(&mut piece)?;
            Ok((Bytes::from(piece), page))
        };
        let (piece, page) = blocking(next).await?;
        Ok::<_, io::Error>((!piece.is_empty()).then_some((piece, page)))
    });
    Body::from_stream(pieces)
}

/// Reads the next piece of `part`: at once if the system has it in memory, else where it may block.
async fn read(file: &Arc<File>, buffers: Buffers, part: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(part.end - part.start).unwrap_or(PIECE).min(PIECE);
    let mut buffer = buffers.take(length);
    if buffer.read_now(file, part.start) {
        return Ok(Bytes::from_owner(buffer));
    }
    let file = Arc::clone(file);
    blocking(move || buffer.read(&file, part.start).map(|()| Bytes::from_owner(buffer))).await
}

/// How many bytes of a page are inflated at a time.
const INFLATED_PIECE: usize = 64 * 1024;

/// Buffers that are used again: new ones would be zeroed, and given back to the system, each time.
#[derive(Clone, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Box<[u8]>>>>);

impl Buffers {
    fn take(&self, length: usize) -> Buffer {
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Buffer { bytes: used.unwrap_or_else(|| vec![0; PIECE].into()), length, home: self.clone() }
    }
}

struct Buffer {
    bytes: Box<[u8]>,
    /// How much of it is wanted, and then how much is filled.
    length: usize,
    home: Buffers,
}

impl Buffer {
    fn wanted(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.length).unwrap_or_default()
    }

    /// Whether bytes could be read without waiting for a disk. A trip to another thread costs as much as the copy.
    #[cfg(target_os = "linux")]
    fn read_now(&mut self, file: &File, at: u64) -> bool {
        use rustix::io::{ReadWriteFlags, preadv2};
        let mut wanted = [io::IoSliceMut::new(self.wanted())];
        match preadv2(file, &mut wanted, at, ReadWriteFlags::NOWAIT) {
            Ok(length) if length > 0 => {
                self.length = length;
                true
            }
            // Not in memory, at the end, or a file system that cannot tell: the other way finds out.
            _ => false,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn read_now(&mut self, _: &File, _: u64) -> bool {
        false
    }

    fn read(&mut self, file: &File, at: u64) -> io::Result<()> {
        self.length = read_at(file, self.wanted(), at)?;
        // Shorter than promised: the connection must break rather than end well.
        if self.length == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_ends_early_or_late_breaks_the_body() {
        let read = async |length| {
            let pieces = stream::iter([Ok(Bytes::from_static(b"abc")), Ok(Bytes::from_static(b"def"))]);
            exactly(pieces, length, Held::none()).try_collect::<Vec<_>>().await.map(|pieces| pieces.concat())
        };
        assert_eq!(read(6).await.unwrap(), b"abcdef");
        assert_eq!(read(7).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(read(5).await.is_err());
    }
}
