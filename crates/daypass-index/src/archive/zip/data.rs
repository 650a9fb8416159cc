//! The data of an entry, unpacked piece by piece.

use flate2::{Decompress, FlushDecompress, Status};

use super::{Entry, Method};
use crate::archive::{
    Fault, NotADistribution,
    bytes::{Bytes, PIECE},
    fault::entry as refuse,
};

/// Unpacks an entry: to exactly its length, from exactly its packed length, with its checksum.
pub(super) fn each_piece(bytes: Bytes<'_>, entry: &Entry, mut take: impl FnMut(&[u8])) -> Result<(), NotADistribution> {
    let wrong = || refuse(&*entry.name, Fault::Data);
    let (mut hasher, mut size) = (crc32fast::Hasher::new(), 0_u64);
    let mut inflater = (entry.method == Method::Deflated).then(|| Decompress::new(false));
    let mut packed = vec![0; piece(entry.packed)];
    let mut unpacked = vec![0; if inflater.is_some() { piece(entry.size.saturating_add(1)) } else { 0 }];
    let (mut at, end) = (entry.data, entry.data + entry.packed);
    // A folder may be called deflated and have no data at all.
    let mut ended = inflater.is_none() || (entry.is_folder() && entry.packed == 0);
    while at < end {
        let wanted = packed.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
        let buffer = packed.get_mut(..wanted).unwrap_or_default();
        let filled = bytes.fill(buffer, at).map_err(NotADistribution::Read)?;
        if filled < wanted {
            return Err(wrong());
        }
        at += filled as u64;
        let Some(inflater) = &mut inflater else {
            hasher.update(buffer);
            size += filled as u64;
            take(buffer);
            continue;
        };
        let mut rest: &[u8] = buffer;
        while !rest.is_empty() {
            let (took, gave) = (inflater.total_in(), inflater.total_out());
            let status = inflater.decompress(rest, &mut unpacked, FlushDecompress::None).map_err(|_| wrong())?;
            let (took, gave) = (inflater.total_in() - took, inflater.total_out() - gave);
            let given = unpacked.get(..usize::try_from(gave).unwrap_or(0)).unwrap_or_default();
            hasher.update(given);
            take(given);
            size += gave;
            rest = rest.get(usize::try_from(took).unwrap_or(usize::MAX)..).unwrap_or_default();
            if status == Status::StreamEnd {
                // Nothing of the entry may be behind its stream, where nobody looks.
                ended = rest.is_empty() && at == end;
                if !ended {
                    return Err(wrong());
                }
                break;
            }
            if size > entry.size || (took == 0 && gave == 0) {
                return Err(wrong());
            }
        }
        // All input is in; some output may still be held back.
        while !ended && at == end {
            let gave = inflater.total_out();
            let status = inflater.decompress(&[], &mut unpacked, FlushDecompress::Finish).map_err(|_| wrong())?;
            let gave = inflater.total_out() - gave;
            let given = unpacked.get(..usize::try_from(gave).unwrap_or(0)).unwrap_or_default();
            hasher.update(given);
            take(given);
            size += gave;
            ended = status == Status::StreamEnd;
            if size > entry.size || (gave == 0 && !ended) {
                return Err(wrong());
            }
        }
    }
    if ended && size == entry.size && hasher.finalize() == entry.crc { Ok(()) } else { Err(wrong()) }
}

fn piece(size: u64) -> usize {
    usize::try_from(size).unwrap_or(PIECE).clamp(1, PIECE)
}
