//! The extra fields of an entry (APPNOTE 4.5).

use super::Record;

/// APPNOTE 4.5.3.
const ZIP_64: u16 = 0x0001;
/// The Info-ZIP Unicode path, which would give the entry a second name (APPNOTE 4.6.9).
const UNICODE_PATH: u16 = 0x7075;

/// The extra fields that change what an entry is.
pub(super) struct Extra<'a> {
    zip_64: Option<&'a [u8]>,
}

/// What a header says in 32 bits.
pub(super) struct Sizes {
    pub size: u32,
    pub packed: u32,
    /// Only the directory has one.
    pub offset: Option<u32>,
}

impl<'a> Extra<'a> {
    /// Reads the fields to the last byte. `None` when they are damaged, when one of those that matter comes twice, or
    /// when one gives another name.
    pub(super) fn read(extra: &'a [u8], name: &[u8]) -> Option<Self> {
        let mut fields = Record(extra);
        let (mut zip_64, mut unicode_path) = (None, None);
        while !fields.0.is_empty() {
            let (id, length) = (fields.u16()?, fields.u16()?);
            let value = fields.take(length.into())?;
            match id {
                ZIP_64 if zip_64.is_none() => zip_64 = Some(value),
                UNICODE_PATH if unicode_path.is_none() => unicode_path = Some(value),
                ZIP_64 | UNICODE_PATH => return None,
                _ => {}
            }
        }
        if let Some(value) = unicode_path {
            let mut fields = Record(value);
            let (version, crc) = (*fields.take(1)?.first()?, fields.u32()?);
            if version != 1 || crc != crc32fast::hash(name) || fields.0 != name {
                return None;
            }
        }
        Some(Self { zip_64 })
    }

    /// Length, packed length and offset, where 32 bits are not enough out of the zip64 field; `None` when that is short
    /// or has more than is asked of it, or contradicts.
    pub(super) fn resolve(&self, said: &Sizes) -> Option<(u64, u64, u64)> {
        let mut fields = Record(self.zip_64.unwrap_or_default());
        // Some writers give both lengths whether they fit or not; then they must be the same.
        let both = fields.0.len() == 16 && said.offset.is_none_or(|offset| offset != u32::MAX);
        let mut wide = |said: u32, given: bool| -> Option<u64> {
            if said == u32::MAX {
                return fields.u64();
            }
            match given.then(|| fields.u64()) {
                Some(wide) => wide.filter(|wide| *wide == u64::from(said)),
                None => Some(said.into()),
            }
        };
        let (size, packed) = (wide(said.size, both)?, wide(said.packed, both)?);
        let offset = said.offset.map_or(Some(0), |offset| wide(offset, false))?;
        fields.0.is_empty().then_some((size, packed, offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(id: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = id.to_le_bytes().to_vec();
        bytes.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend(value);
        bytes
    }

    fn wide(numbers: &[u64]) -> Vec<u8> {
        field(ZIP_64, &numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
    }

    #[test]
    fn zip64_gives_what_32_bits_cannot() {
        let resolve = |extra: &[u8], size, packed, offset| {
            Extra::read(extra, b"a")?.resolve(&Sizes { size, packed, offset: Some(offset) })
        };
        let full = u32::MAX;
        assert_eq!(resolve(&[], 1, 2, 3), Some((1, 2, 3)));
        assert_eq!(resolve(&wide(&[7, 8, 9]), full, full, full), Some((7, 8, 9)));
        assert_eq!(resolve(&wide(&[7, 8]), full, full, 3), Some((7, 8, 3)));
        assert_eq!(resolve(&wide(&[9]), 1, 2, full), Some((1, 2, 9)));
        assert_eq!(resolve(&wide(&[1, 2]), 1, 2, 3), Some((1, 2, 3)), "given although not needed");
        for (extra, size, packed, offset) in [
            (wide(&[1, 7]), 1, 2, 3),
            (wide(&[7]), full, full, 3),
            (wide(&[7, 8, 9]), full, full, 3),
            (wide(&[7]), 1, 2, 3),
            ([wide(&[7]), wide(&[8])].concat(), full, 2, 3),
            (vec![1, 0, 8], full, 2, 3),
            (vec![1, 0, 9, 0, 0], full, 2, 3),
        ] {
            assert_eq!(resolve(&extra, size, packed, offset), None, "{extra:?}");
        }
    }

    #[test]
    fn a_second_name_must_be_the_first() {
        let path = |name: &[u8], crc: u32| field(UNICODE_PATH, &[&[1][..], &crc.to_le_bytes(), name].concat());
        assert!(Extra::read(&path(b"a", crc32fast::hash(b"a")), b"a").is_some());
        assert!(Extra::read(&path(b"b", crc32fast::hash(b"a")), b"a").is_none());
        assert!(Extra::read(&path(b"a", 0), b"a").is_none());
    }
}
