//! The bytes of the file that is read, by position.

use std::{fs::File, io};

use super::NotADistribution;
use crate::file_store::read_at;

/// How many bytes are read at a time.
pub(super) const PIECE: usize = 64 * 1024;

/// A file whose length is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a> {
    pub(super) file: &'a File,
    pub(super) size: u64,
}

impl Bytes<'_> {
    /// Fills `buffer` from `at` on, as far as the file goes.
    pub(super) fn fill(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        read_at(self.file, buffer, at)
    }

    /// `length` bytes from `at` on; `None` where the file has fewer.
    pub(super) fn get(&self, at: u64, length: usize) -> Result<Option<Vec<u8>>, NotADistribution> {
        if at.checked_add(length as u64).is_none_or(|end| end > self.size) {
            return Ok(None);
        }
        let mut bytes = vec![0; length];
        let filled = self.fill(&mut bytes, at).map_err(NotADistribution::Read)?;
        Ok((filled == length).then_some(bytes))
    }
}

/// Takes little-endian numbers from the front of a record.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}
