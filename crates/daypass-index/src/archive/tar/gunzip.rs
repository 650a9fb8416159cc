//! One gzip stream (RFC 1952), unpacked block by block, which must be the whole file.
//!
//! Not with a reader that goes on with the next stream or stops before the end: what is behind the first stream would be
//! seen by some programs only.

use flate2::{Decompress, FlushDecompress, Status};

use super::header::BLOCK;
use crate::archive::{
    NotADistribution,
    bytes::{Bytes, PIECE},
    is_bomb,
};

/// The longest original name in the header.
const LONGEST_NAME: usize = 1024;

/// The stream, and what is unpacked of it and not taken yet.
pub(super) struct Gunzip<'a> {
    bytes: Bytes<'a>,
    /// Where the next bytes are read.
    at: u64,
    packed: Vec<u8>,
    /// How much of `packed` is used.
    used: usize,
    inflater: Decompress,
    unpacked: Vec<u8>,
    /// What of `unpacked` is to be taken.
    ready: std::ops::Range<usize>,
    hasher: crc32fast::Hasher,
    ended: bool,
}

const fn wrong(why: &'static str) -> NotADistribution {
    NotADistribution::NotAGzip(why)
}

impl<'a> Gunzip<'a> {
    /// Reads the header (RFC 1952 §2.3).
    pub(super) fn open(bytes: Bytes<'a>) -> Result<Self, NotADistribution> {
        const NAME: u8 = 1 << 3;
        const TEXT: u8 = 1;
        let head = bytes.get(0, 10)?.ok_or(wrong("it is too short"))?;
        let &[0x1f, 0x8b, 8, flags, ..] = head.as_slice() else { return Err(wrong("its header is none of gzip")) };
        if flags & !(NAME | TEXT) != 0 {
            // Extra fields, a comment: places for something else, and no builder writes them.
            return Err(wrong("its header has more than a name"));
        }
        let mut at = 10;
        if flags & NAME != 0 {
            let length = LONGEST_NAME.min(usize::try_from(bytes.size - at).unwrap_or(usize::MAX));
            let name = bytes.get(at, length)?.unwrap_or_default();
            let end = name.iter().position(|byte| *byte == 0).ok_or(wrong("the name in its header does not end"))?;
            at += end as u64 + 1;
        }
        Ok(Self {
            bytes,
            at,
            packed: Vec::new(),
            used: 0,
            inflater: Decompress::new(false),
            unpacked: vec![0; PIECE],
            ready: 0..0,
            hasher: crc32fast::Hasher::new(),
            ended: false,
        })
    }

    /// The next block; `None` at the end.
    pub(super) fn block(&mut self) -> Result<Option<Vec<u8>>, NotADistribution> {
        let mut block = Vec::with_capacity(BLOCK);
        while block.len() < BLOCK {
            if self.ready.is_empty() && !self.more()? {
                if block.is_empty() {
                    return Ok(None);
                }
                return Err(NotADistribution::NotATar("it ends in the middle of a block"));
            }
            self.take(BLOCK - block.len(), |piece| block.extend_from_slice(piece));
        }
        Ok(Some(block))
    }

    /// The next `size` bytes, and the rest of their last block is passed over.
    pub(super) fn data(&mut self, size: u64) -> Result<Vec<u8>, NotADistribution> {
        let mut data = Vec::new();
        self.each(size, |piece| data.extend_from_slice(piece))?;
        Ok(data)
    }

    /// Passes over `size` bytes, and the rest of their last block.
    pub(super) fn skip(&mut self, size: u64) -> Result<(), NotADistribution> {
        self.each(size, |_| {})
    }

    fn each(&mut self, size: u64, mut with: impl FnMut(&[u8])) -> Result<(), NotADistribution> {
        let padding = size.wrapping_neg() % BLOCK as u64;
        for (mut left, is_data) in [(size, true), (padding, false)] {
            while left > 0 {
                if self.ready.is_empty() && !self.more()? {
                    return Err(NotADistribution::NotATar("it ends in the middle of an entry"));
                }
                let most = usize::try_from(left).unwrap_or(usize::MAX);
                left -= self.take(most, |piece| {
                    if is_data {
                        with(piece);
                    }
                }) as u64;
            }
        }
        Ok(())
    }

    /// Takes at most `most` of what is ready.
    fn take(&mut self, most: usize, with: impl FnOnce(&[u8])) -> usize {
        let length = most.min(self.ready.len());
        with(self.unpacked.get(self.ready.start..self.ready.start + length).unwrap_or_default());
        self.ready.start += length;
        length
    }

    /// Unpacks more; `false` at the end of the stream, which is the end of the file.
    fn more(&mut self) -> Result<bool, NotADistribution> {
        while self.ready.is_empty() && !self.ended {
            if self.used == self.packed.len() && !self.fill()? {
                return Err(wrong("it ends in the middle"));
            }
            let input = self.packed.get(self.used..).unwrap_or_default();
            let (took, gave) = (self.inflater.total_in(), self.inflater.total_out());
            let step = self.inflater.decompress(input, &mut self.unpacked, FlushDecompress::None);
            let status = step.map_err(|_| wrong("it does not unpack"))?;
            self.used += usize::try_from(self.inflater.total_in() - took).unwrap_or(0);
            let gave = usize::try_from(self.inflater.total_out() - gave).unwrap_or(0);
            self.ready = 0..gave;
            self.hasher.update(self.unpacked.get(..gave).unwrap_or_default());
            if is_bomb(self.bytes.size, self.inflater.total_out()) {
                return Err(NotADistribution::Bomb);
            }
            if status == Status::StreamEnd {
                self.end()?;
            }
        }
        Ok(!self.ready.is_empty())
    }

    fn fill(&mut self) -> Result<bool, NotADistribution> {
        self.packed.resize(PIECE, 0);
        let filled = self.bytes.fill(&mut self.packed, self.at).map_err(NotADistribution::Read)?;
        self.packed.truncate(filled);
        (self.used, self.at) = (0, self.at + filled as u64);
        Ok(filled > 0)
    }

    /// Checks the trailer, and that nothing is behind it.
    fn end(&mut self) -> Result<(), NotADistribution> {
        self.ended = true;
        let unused = (self.packed.len() - self.used) as u64;
        let trailer_at = self.at - unused;
        let trailer = self.bytes.get(trailer_at, 8)?.ok_or(wrong("it has no trailer"))?;
        let crc = std::mem::take(&mut self.hasher).finalize();
        // RFC 1952: the length modulo 2^32.
        let length = u32::try_from(self.inflater.total_out() & u64::from(u32::MAX)).unwrap_or(0);
        if trailer != [crc.to_le_bytes(), length.to_le_bytes()].concat() {
            return Err(wrong("its checksum or length is wrong"));
        }
        if trailer_at + 8 != self.bytes.size {
            return Err(wrong("something is behind it"));
        }
        Ok(())
    }
}
