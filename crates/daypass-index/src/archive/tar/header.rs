//! The header of a tar entry (POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar's variant).

/// The length of a block.
pub(super) const BLOCK: usize = 512;

/// What follows a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    File,
    HardLink,
    SymbolicLink,
    Folder,
    /// An extended header for the next entry.
    Pax,
    /// An extended header for all entries from here on.
    GlobalPax,
    /// GNU: the next entry's name.
    LongName,
    /// GNU: where the next entry, a link, leads.
    LongLink,
    Sparse,
    Other,
}

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub name: Vec<u8>,
    pub link: Vec<u8>,
    pub size: u64,
    pub kind: Type,
}

impl Header {
    /// Reads a block; `None` when its checksum is wrong, or its form is not of POSIX or GNU.
    pub(super) fn read(block: &[u8]) -> Option<Self> {
        let field = |from: usize, length: usize| block.get(from..from + length);
        let checksum = octal(field(148, 8)?)?;
        let sum =
            block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) });
        if block.len() != BLOCK || sum.sum::<u64>() != checksum {
            return None;
        }
        let is_posix = match (field(257, 6)?, field(263, 2)?) {
            (b"ustar\0", b"00") => true,
            (b"ustar ", b" \0") => false,
            _ => return None,
        };
        let mut name = text(field(0, 100)?).to_vec();
        let prefix = text(field(345, 155)?);
        // GNU has times where POSIX has the prefix.
        if is_posix && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        let kind = match block.get(156)? {
            b'0' | b'\0' => Type::File,
            b'1' => Type::HardLink,
            b'2' => Type::SymbolicLink,
            b'5' => Type::Folder,
            b'x' => Type::Pax,
            b'g' => Type::GlobalPax,
            b'L' => Type::LongName,
            b'K' => Type::LongLink,
            b'S' => Type::Sparse,
            _ => Type::Other,
        };
        Some(Self { name, link: text(field(157, 100)?).to_vec(), size: octal(field(124, 12)?)?, kind })
    }
}

/// Up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// An octal number, with spaces before and spaces or NULs behind. GNU's binary numbers are only for more than 8 GiB.
fn octal(field: &[u8]) -> Option<u64> {
    let end = field.iter().rposition(|byte| !matches!(byte, b' ' | b'\0')).map_or(0, |last| last + 1);
    let digits = field.get(..end)?.trim_ascii_start();
    digits.iter().try_fold(0_u64, |number, digit| match digit {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal() {
        for (field, number) in [(&b"0000644\0"[..], 0o644), (b"   644 \0", 0o644), (b"\0\0\0", 0), (b"777", 0o777)] {
            assert_eq!(octal(field), Some(number), "{field:?}");
        }
        for field in [&b"8"[..], b"-1", b"\x80\0\0\0\0\0\0\0\0\0\0\x01", b"1 2", b"7777777777777777777777777"] {
            assert_eq!(octal(field), None, "{field:?}");
        }
    }
}
