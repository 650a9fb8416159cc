//! Zip archives, written field by field (PKWARE APPNOTE).

use std::io::Write as _;

use flate2::{Compression, Crc, write::DeflateEncoder};

/// An archive that is being written.
#[derive(Debug, Clone, Default)]
pub struct Zip {
    /// Its entries, in the order in which they lie.
    pub entries: Vec<Entry>,
    /// Bytes before the first entry.
    pub before: Vec<u8>,
    /// Bytes between the last entry and the directory.
    pub between: Vec<u8>,
    /// Bytes behind the end.
    pub behind: Vec<u8>,
    /// The comment of the whole archive.
    pub comment: Vec<u8>,
    /// Added to the count in the last record.
    pub more_entries: i32,
    /// Added to the directory's place in the last record.
    pub moved: i32,
    /// The number of this disk.
    pub disk: u16,
    /// Whether zip64 records stand at the end.
    pub zip64: bool,
    /// Bytes between the zip64 record and its locator.
    pub in_zip64: Vec<u8>,
}

/// One entry, and what its headers say about it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The name before the data.
    pub local_name: Vec<u8>,
    /// The name in the directory.
    pub name: Vec<u8>,
    /// The data as it lies there.
    pub packed: Vec<u8>,
    /// Its method.
    pub method: u16,
    /// The checksum that is said.
    pub crc: u32,
    /// The length that is said.
    pub size: u32,
    /// The length before the data, where it is another.
    pub local_size: Option<u32>,
    /// Flags in both headers.
    pub flags: u16,
    /// Flags before the data, changed by this.
    pub local_flags: u16,
    /// The Unix mode.
    pub mode: u32,
    /// Extra fields before the data.
    pub local_extra: Vec<u8>,
    /// Extra fields in the directory.
    pub extra: Vec<u8>,
    /// The entry's comment.
    pub comment: Vec<u8>,
    /// What follows the data, in place of what should.
    pub descriptor: Option<Vec<u8>>,
    /// Bytes before the entry.
    pub gap: Vec<u8>,
    /// Whether the directory knows it.
    pub listed: bool,
    /// Whether it is there itself.
    pub present: bool,
    /// Added to its place in the directory.
    pub moved: i32,
}

impl Entry {
    /// A deflated file.
    pub fn deflated(name: &str, data: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(data).expect("it is packed");
        Self { packed: encoder.finish().expect("it is packed"), method: 8, ..Self::stored(name, data) }
    }

    /// A stored file.
    pub fn stored(name: &str, data: &[u8]) -> Self {
        let is_ascii = name.is_ascii();
        Self {
            local_name: name.into(),
            name: name.into(),
            packed: data.to_vec(),
            method: 0,
            crc: crc(data),
            size: u32::try_from(data.len()).expect("it is small"),
            local_size: None,
            flags: if is_ascii { 0 } else { 1 << 11 },
            local_flags: 0,
            mode: if name.ends_with('/') { 0o040_755 } else { 0o100_644 },
            local_extra: Vec::new(),
            extra: Vec::new(),
            comment: Vec::new(),
            descriptor: None,
            gap: Vec::new(),
            listed: true,
            present: true,
            moved: 0,
        }
    }

    /// The same with sizes and checksum behind the data, as who cannot seek writes it; `signed` with a signature, `wide`
    /// with 64 bits.
    #[must_use]
    pub fn streamed(mut self, signed: bool, wide: bool) -> Self {
        let mut descriptor = if signed { b"PK\x07\x08".to_vec() } else { Vec::new() };
        descriptor.extend(self.crc.to_le_bytes());
        let packed = self.packed.len() as u64;
        if wide {
            descriptor.extend(packed.to_le_bytes());
            descriptor.extend(u64::from(self.size).to_le_bytes());
        } else {
            descriptor.extend(low(packed).to_le_bytes());
            descriptor.extend(self.size.to_le_bytes());
        }
        self.descriptor = Some(descriptor);
        self.flags |= 1 << 3;
        self
    }

    fn local(&self) -> Vec<u8> {
        let streamed = self.flags & (1 << 3) != 0;
        let (crc, packed, size) = if streamed { (0, 0, 0) } else { (self.crc, length(&self.packed), self.size) };
        let wide = self.local_extra.starts_with(&[1, 0]);
        let (packed, size) = if wide { (u32::MAX, u32::MAX) } else { (packed, self.local_size.unwrap_or(size)) };
        let mut out = self.gap.clone();
        out.extend(b"PK\x03\x04\x14\0");
        out.extend((self.flags ^ self.local_flags).to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend([0, 0, 0x21, 0]);
        out.extend(crc.to_le_bytes());
        out.extend(packed.to_le_bytes());
        out.extend(size.to_le_bytes());
        out.extend(short(&self.local_name).to_le_bytes());
        out.extend(short(&self.local_extra).to_le_bytes());
        out.extend(&self.local_name);
        out.extend(&self.local_extra);
        out.extend(&self.packed);
        out.extend(self.descriptor.iter().flatten());
        out
    }

    fn central(&self, offset: u32) -> Vec<u8> {
        let mut out = b"PK\x01\x02\x14\x03\x14\0".to_vec();
        out.extend(self.flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend([0, 0, 0x21, 0]);
        out.extend(self.crc.to_le_bytes());
        out.extend(length(&self.packed).to_le_bytes());
        out.extend(self.size.to_le_bytes());
        out.extend(short(&self.name).to_le_bytes());
        out.extend(short(&self.extra).to_le_bytes());
        out.extend(short(&self.comment).to_le_bytes());
        out.extend([0; 4]);
        out.extend((self.mode << 16).to_le_bytes());
        out.extend(offset.wrapping_add_signed(self.moved).to_le_bytes());
        out.extend(&self.name);
        out.extend(&self.extra);
        out.extend(&self.comment);
        out
    }
}

impl Zip {
    /// An archive of `entries`.
    pub fn of(entries: Vec<Entry>) -> Self {
        Self { entries, ..Self::default() }
    }

    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.before.clone();
        let mut directory = Vec::new();
        let mut count = 0_u16;
        for entry in &self.entries {
            let offset = length(&out) + length(&entry.gap);
            if entry.present {
                out.extend(entry.local());
            }
            if entry.listed {
                directory.extend(entry.central(offset));
                count += 1;
            }
        }
        out.extend(&self.between);
        let place = length(&out).wrapping_add_signed(self.moved);
        let size = length(&directory);
        out.extend(directory);
        let count = u16::try_from(i32::from(count) + self.more_entries).expect("there are few");
        if self.zip64 {
            let at = out.len() as u64;
            out.extend(b"PK\x06\x06");
            out.extend(44_u64.to_le_bytes());
            out.extend([45, 3, 45, 0]);
            out.extend([0; 8]);
            for number in [u64::from(count), u64::from(count), u64::from(size), u64::from(place)] {
                out.extend(number.to_le_bytes());
            }
            out.extend(&self.in_zip64);
            out.extend(b"PK\x06\x07\0\0\0\0");
            out.extend(at.to_le_bytes());
            out.extend(1_u32.to_le_bytes());
        }
        out.extend(b"PK\x05\x06");
        out.extend(self.disk.to_le_bytes());
        out.extend([0; 2]);
        let (count, size, place) = if self.zip64 { (u16::MAX, u32::MAX, u32::MAX) } else { (count, size, place) };
        out.extend(count.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(size.to_le_bytes());
        out.extend(place.to_le_bytes());
        out.extend(short(&self.comment).to_le_bytes());
        out.extend(&self.comment);
        out.extend(&self.behind);
        out
    }
}

/// The zip64 field of an entry, as it stands before the data.
pub fn zip64_field(size: u64, packed: u64) -> Vec<u8> {
    [&[1, 0, 16, 0][..], &size.to_le_bytes(), &packed.to_le_bytes()].concat()
}

/// The checksum of zip and gzip (IEEE 802.3).
pub fn crc(data: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(data);
    crc.sum()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("it is small")
}

fn short(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).expect("it is short")
}

fn low(number: u64) -> u32 {
    u32::try_from(number).expect("it is small")
}
