//! The header before an entry's data, and the descriptor behind it (APPNOTE 4.3.7 and 4.3.9).

use super::{
    Entry, Record,
    directory::DESCRIPTOR,
    extra::{Extra, Sizes},
    refuse,
};
use crate::archive::{Fault, NotADistribution, bytes::Bytes};

const LOCAL: u32 = 0x0403_4b50;
const DESCRIPTOR_SIGNATURE: u32 = 0x0807_4b50;

/// The length of the fixed part.
const FIXED: u64 = 30;

/// Checks that the header says what the directory says, that the data ends where the next entry begins, and notes where
/// it begins. `end` is where the next entry, or the directory, is.
pub(super) fn check(bytes: Bytes<'_>, entry: &mut Entry, end: u64) -> Result<(), NotADistribution> {
    let name = entry.name.as_bytes();
    let differ = || refuse(name, Fault::HeadersDiffer);
    // Nearly always the name and the extra fields are as long as they were: one read for both.
    let fixed = bytes.get(entry.offset, 30)?.ok_or_else(differ)?;
    let header = Header::read(&mut Record(&fixed)).ok_or_else(differ)?;
    let lengths = u64::from(header.name) + u64::from(header.extra);
    let rest = bytes.get(entry.offset + FIXED, usize::from(header.name) + usize::from(header.extra))?;
    let rest = rest.ok_or_else(differ)?;
    let (own_name, extra) = rest.split_at_checked(header.name.into()).ok_or_else(differ)?;
    let same_flags = (header.flags ^ entry.flags) & !0b110 == 0;
    let same_method = header.method == entry.method.number();
    if header.signature != LOCAL || own_name != name || !same_flags || !same_method {
        return Err(differ());
    }
    let extra = Extra::read(extra, name).ok_or_else(|| refuse(name, Fault::Extra))?;
    let sizes = Sizes { size: header.size, packed: header.packed, offset: None };
    let (size, packed, _) = extra.resolve(&sizes).ok_or_else(|| refuse(name, Fault::Extra))?;
    let has_descriptor = entry.flags & DESCRIPTOR != 0;
    let agrees = |said: u64, known: u64| said == known || (has_descriptor && said == 0);
    if !agrees(size, entry.size) || !agrees(packed, entry.packed) || !agrees(header.crc.into(), entry.crc.into()) {
        return Err(differ());
    }
    let data = entry.offset + FIXED + lengths;
    let behind = data.checked_add(entry.packed).and_then(|behind| end.checked_sub(behind));
    match behind {
        Some(0) if !has_descriptor => {}
        Some(length @ (12 | 16 | 20 | 24)) if has_descriptor => {
            let length = usize::try_from(length).unwrap_or(0);
            let record = bytes.get(end - length as u64, length)?.ok_or_else(differ)?;
            descriptor(&record, entry).ok_or_else(|| refuse(name, Fault::Descriptor))?;
        }
        _ => return Err(refuse(name, Fault::Gap)),
    }
    entry.data = data;
    Ok(())
}

/// `Some` when the record says what the directory says.
fn descriptor(record: &[u8], entry: &Entry) -> Option<()> {
    let mut fields = Record(record);
    if matches!(record.len(), 16 | 24) && fields.u32()? != DESCRIPTOR_SIGNATURE {
        return None;
    }
    let crc = fields.u32()?;
    let (packed, size) = match fields.0.len() {
        8 => (fields.u32()?.into(), fields.u32()?.into()),
        _ => (fields.u64()?, fields.u64()?),
    };
    (crc == entry.crc && packed == entry.packed && size == entry.size).then_some(())
}

struct Header {
    signature: u32,
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    size: u32,
    name: u16,
    extra: u16,
}

impl Header {
    fn read(fields: &mut Record<'_>) -> Option<Self> {
        let (signature, _needed, flags, method) = (fields.u32()?, fields.u16()?, fields.u16()?, fields.u16()?);
        let (_time, _date, crc, packed) = (fields.u16()?, fields.u16()?, fields.u32()?, fields.u32()?);
        let (size, name, extra) = (fields.u32()?, fields.u16()?, fields.u16()?);
        Some(Self { signature, flags, method, crc, packed, size, name, extra })
    }
}

impl super::Method {
    fn number(self) -> u16 {
        match self {
            Self::Stored => 0,
            Self::Deflated => 8,
        }
    }
}
