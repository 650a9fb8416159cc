//! Zip archives that can be read in one way only (PKWARE APPNOTE 6.3.10).
//!
//! There are two ways to read a zip archive, by the directory at its end and by the headers before each entry's data.
//! Here both must say the same: every byte belongs to exactly one entry or to the directory, in one row from the first
//! byte to the last. Nothing is before, between or behind, and nothing is said twice.
//!
//! What is *not* here: which entries a wheel must have.

mod data;
mod directory;
mod extra;
mod header;

use std::collections::HashMap;

use self::data::each_piece;
use super::{
    Fault, NotADistribution,
    bytes::{Bytes, Fields as Record},
    collisions::{self, Apart},
    fault::{Named, entry},
    is_bomb,
};
use directory::Place;

/// How an entry's data is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

/// One entry, as the directory and its own header say.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name; a folder's ends with a slash.
    pub name: Box<str>,
    pub method: Method,
    pub crc: u32,
    pub packed: u64,
    /// Its length, unpacked.
    pub size: u64,
    /// Where its header is.
    offset: u64,
    flags: u16,
    /// Where its data begins.
    data: u64,
}

impl Entry {
    pub(super) fn is_folder(&self) -> bool {
        self.name.ends_with('/')
    }
}

/// A zip archive whose frame is in order. The data of its entries is checked as it is read.
#[derive(Debug)]
pub(super) struct Zip<'a> {
    bytes: Bytes<'a>,
    /// In the order in which they lie.
    pub entries: Vec<Entry>,
    by_name: HashMap<Box<str>, usize>,
}

impl<'a> Zip<'a> {
    /// Reads the directory and every entry's header.
    pub(super) fn open(bytes: Bytes<'a>) -> Result<Self, NotADistribution> {
        if super::tar::is_tar(bytes)? {
            return Err(NotADistribution::Polyglot);
        }
        let place = Place::find(bytes)?;
        let mut entries = directory::read(bytes, &place)?;
        entries.sort_by_key(|entry| entry.offset);
        let mut at = 0;
        let ends = entries.iter().skip(1).map(|entry| entry.offset).chain([place.offset]).collect::<Vec<u64>>();
        for (entry, end) in entries.iter_mut().zip(ends) {
            if entry.offset != at {
                return Err(refuse(entry.name.as_bytes(), Fault::Gap));
            }
            header::check(bytes, entry, end)?;
            at = end;
        }
        if at != place.offset {
            return Err(NotADistribution::ZipDirectory("something is before it that belongs to no entry"));
        }
        let unpacked = entries.iter().fold(0, |sum: u64, entry| sum.saturating_add(entry.size));
        if is_bomb(bytes.size, unpacked) {
            return Err(NotADistribution::Bomb);
        }
        collisions::check(entries.iter().map(|entry| &*entry.name), Apart::Loosely)?;
        let by_name = entries.iter().enumerate().map(|(at, entry)| (entry.name.clone(), at)).collect();
        Ok(Self { bytes, entries, by_name })
    }

    /// The entry of this name.
    pub(super) fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.get(*self.by_name.get(name)?)
    }

    /// A whole entry of at most `longest` bytes.
    pub(super) fn read(&self, found: &Entry, longest: usize) -> Result<Vec<u8>, NotADistribution> {
        let too_long = || NotADistribution::TooLong(Named::new(&*found.name), longest);
        let size = usize::try_from(found.size).ok().filter(|size| *size <= longest).ok_or_else(too_long)?;
        let mut text = Vec::with_capacity(size);
        self.each_piece(found, |piece| text.extend_from_slice(piece))?;
        Ok(text)
    }

    /// Unpacks an entry piece by piece, and checks its length and checksum.
    pub(super) fn each_piece(&self, entry: &Entry, take: impl FnMut(&[u8])) -> Result<(), NotADistribution> {
        each_piece(self.bytes, entry, take)
    }
}

/// The refusal of an entry of the directory, by the bytes of its name.
fn refuse(name: &[u8], fault: Fault) -> NotADistribution {
    entry(String::from_utf8_lossy(name), fault)
}

/// A record ended too early.
fn short<T>(value: Option<T>, what: &'static str) -> Result<T, NotADistribution> {
    value.ok_or(NotADistribution::ZipDirectory(what))
}
