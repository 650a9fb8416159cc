//! The central directory and the records at the end (APPNOTE 4.3.12 to 4.3.16).

use super::{
    Entry, Method, Record,
    extra::{self, Extra},
    refuse, short,
};
use crate::archive::{Fault, MOST_ENTRIES, NotADistribution, bytes::Bytes, entry_name};

const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const FILE: u32 = 0x0201_4b50;

const END_LENGTH: u64 = 22;
const END_64_LENGTH: u64 = 56;
const LOCATOR_64_LENGTH: u64 = 20;

/// The longest directory, in bytes: it is held in memory.
const LONGEST: u64 = 32 * 1024 * 1024;

/// Where the directory is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub offset: u64,
    size: u64,
    count: u64,
}

impl Place {
    /// Reads the records at the end, which must be the very end: what is behind would be seen by some programs only.
    pub(super) fn find(bytes: Bytes<'_>) -> Result<Self, NotADistribution> {
        let end_at = bytes.size.checked_sub(END_LENGTH).ok_or(NotADistribution::NotAZip)?;
        let record = bytes.get(end_at, 22)?.ok_or(NotADistribution::NotAZip)?;
        let mut fields = Record(&record);
        if fields.u32() != Some(END) {
            return Err(NotADistribution::NotAZip);
        }
        let end = short(End::read(&mut fields), "its last record is short")?;
        if end.comment != 0 {
            return Err(NotADistribution::NotAZip);
        }
        if (end.disk, end.directory_disk) != (0, 0) || end.here != end.count {
            return Err(NotADistribution::ZipDirectory("it is spread over several disks"));
        }
        let plain = Self { offset: end.offset.into(), size: end.size.into(), count: end.count.into() };
        let (place, directory_end) = match Self::find_64(bytes, end_at)? {
            Some((large, at)) => {
                let agree = |plain: u64, none: u64, large: u64| plain == none || plain == large;
                let same = agree(plain.count, 0xffff, large.count)
                    && agree(plain.size, 0xffff_ffff, large.size)
                    && agree(plain.offset, 0xffff_ffff, large.offset);
                short(same.then_some(()), "its zip64 records and its plain ones differ")?;
                (large, at)
            }
            None => (plain, end_at),
        };
        if place.offset.checked_add(place.size) != Some(directory_end) {
            return Err(NotADistribution::ZipDirectory("it does not end where its last record begins"));
        }
        if place.size > LONGEST || place.count > MOST_ENTRIES as u64 {
            return Err(NotADistribution::TooMany);
        }
        Ok(place)
    }

    /// The zip64 records directly before the last one, and where they begin.
    fn find_64(bytes: Bytes<'_>, end_at: u64) -> Result<Option<(Self, u64)>, NotADistribution> {
        let Some(locator_at) = end_at.checked_sub(LOCATOR_64_LENGTH) else { return Ok(None) };
        let Some(locator) = bytes.get(locator_at, 20)? else { return Ok(None) };
        let mut fields = Record(&locator);
        if fields.u32() != Some(LOCATOR_64) {
            return Ok(None);
        }
        let wrong = "its zip64 records are damaged or not where they should be";
        let (disk, at, disks) = short((|| Some((fields.u32()?, fields.u64()?, fields.u32()?)))(), wrong)?;
        // Exactly before the locator, so without extensible data.
        if disk != 0 || disks > 1 || at.checked_add(END_64_LENGTH) != Some(locator_at) {
            return Err(NotADistribution::ZipDirectory(wrong));
        }
        let record = short(bytes.get(at, 56)?, wrong)?;
        let place = short(read_end_64(&mut Record(&record)), wrong)?;
        Ok(Some((place, at)))
    }
}

fn read_end_64(fields: &mut Record<'_>) -> Option<Place> {
    let (signature, length) = (fields.u32()?, fields.u64()?);
    let (_made_by, _needed, disk, directory_disk) = (fields.u16()?, fields.u16()?, fields.u32()?, fields.u32()?);
    let (here, count, size, offset) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
    let sane = signature == END_64 && length == END_64_LENGTH - 12 && disk == 0 && directory_disk == 0 && here == count;
    sane.then_some(Place { offset, size, count })
}

struct End {
    disk: u16,
    directory_disk: u16,
    here: u16,
    count: u16,
    size: u32,
    offset: u32,
    comment: u16,
}

impl End {
    fn read(fields: &mut Record<'_>) -> Option<Self> {
        Some(Self {
            disk: fields.u16()?,
            directory_disk: fields.u16()?,
            here: fields.u16()?,
            count: fields.u16()?,
            size: fields.u32()?,
            offset: fields.u32()?,
            comment: fields.u16()?,
        })
    }
}

/// Reads the directory; what it says is checked against the entries' own headers later.
pub(super) fn read(bytes: Bytes<'_>, place: &Place) -> Result<Vec<Entry>, NotADistribution> {
    let length = usize::try_from(place.size).map_err(|_| NotADistribution::TooMany)?;
    let directory = short(bytes.get(place.offset, length)?, "it is not there")?;
    let mut fields = Record(&directory);
    let mut entries = Vec::new();
    for _ in 0..place.count {
        if fields.u32() != Some(FILE) {
            return Err(NotADistribution::ZipDirectory("it has fewer entries than it says"));
        }
        let file = short(File::read(&mut fields), "an entry of it is short")?;
        entries.push(file.check()?);
    }
    if !fields.0.is_empty() {
        return Err(NotADistribution::ZipDirectory("it has more entries than it says, or something behind them"));
    }
    Ok(entries)
}

/// A file header of the directory (APPNOTE 4.3.12), as it stands there.
struct File<'a> {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    size: u32,
    disk: u16,
    attributes: u32,
    offset: u32,
    name: &'a [u8],
    extra: &'a [u8],
    comment: &'a [u8],
}

impl<'a> File<'a> {
    fn read(fields: &mut Record<'a>) -> Option<Self> {
        let (_made_by, _needed) = (fields.u16()?, fields.u16()?);
        let (flags, method, _time, _date) = (fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?);
        let (crc, packed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let (name, extra, comment) = (fields.u16()?, fields.u16()?, fields.u16()?);
        let (disk, _internal, attributes, offset) = (fields.u16()?, fields.u16()?, fields.u32()?, fields.u32()?);
        Some(Self {
            flags,
            method,
            crc,
            packed,
            size,
            disk,
            attributes,
            offset,
            name: fields.take(name.into())?,
            extra: fields.take(extra.into())?,
            comment: fields.take(comment.into())?,
        })
    }

    fn check(&self) -> Result<Entry, NotADistribution> {
        let refuse = |fault| Err(refuse(self.name, fault));
        let name = entry_name::read(self.name)?;
        if self.flags & ENCRYPTED != 0 {
            return refuse(Fault::Encrypted);
        }
        if self.flags & !KNOWN_FLAGS != 0 {
            return refuse(Fault::Flags);
        }
        if !name.is_ascii() && self.flags & UTF_8 == 0 {
            return refuse(Fault::NameCoding);
        }
        let method = match self.method {
            0 => Method::Stored,
            8 => Method::Deflated,
            _ => return refuse(Fault::Method),
        };
        if !self.comment.is_empty() {
            return refuse(Fault::Comment);
        }
        // Some programs look at the Unix mode whatever system the entry says it was made on.
        match (self.attributes >> 16) & 0o170_000 {
            0 => {}
            0o100_000 if !name.ends_with('/') => {}
            0o040_000 if name.ends_with('/') => {}
            0o120_000 => return refuse(Fault::Link),
            _ => return refuse(Fault::Special),
        }
        let extra = Extra::read(self.extra, self.name).ok_or_else(|| super::refuse(self.name, Fault::Extra))?;
        let sizes = extra::Sizes { size: self.size, packed: self.packed, offset: Some(self.offset) };
        let Some((size, packed, offset)) = extra.resolve(&sizes).filter(|_| self.disk == 0) else {
            return refuse(Fault::Extra);
        };
        if name.ends_with('/') && (size != 0 || packed > 2) {
            return refuse(Fault::FolderData);
        }
        // Who reads on from the header before the data cannot know where stored data ends.
        if self.flags & DESCRIPTOR != 0 && method == Method::Stored && !name.ends_with('/') {
            return refuse(Fault::Descriptor);
        }
        if method == Method::Stored && packed != size {
            return refuse(Fault::Data);
        }
        Ok(Entry { name: name.into(), method, crc: self.crc, packed, size, offset, flags: self.flags, data: 0 })
    }
}

/// APPNOTE 4.4.4, bit 0.
const ENCRYPTED: u16 = 1;
/// Bit 3: sizes and checksum follow the data.
pub(super) const DESCRIPTOR: u16 = 1 << 3;
/// Bit 11: the name is UTF-8.
const UTF_8: u16 = 1 << 11;
/// With bits 1 and 2, which say how hard the deflater tried.
const KNOWN_FLAGS: u16 = 0b110 | DESCRIPTOR | UTF_8;
