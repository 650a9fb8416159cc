//! Extended headers: what they may change of the entry that follows.
//!
//! They exist for names that do not fit the header. One that renames an entry whose name did fit would show one file to
//! programs that read them, and another to those that do not.

use super::header::{Header, Type};
use crate::archive::{self, NotADistribution, fault::Named};

/// As many bytes of a name fit a header without a prefix.
const FITS: usize = 100;

/// What is known of the next entry before its header.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Overrides {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    kinds: Vec<Type>,
}

/// Why an extended header is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Damaged,
    Sparse,
}

impl Overrides {
    /// Takes an extended header in.
    pub(super) fn take(&mut self, kind: Type, data: &[u8]) -> Result<(), Fault> {
        match kind {
            // Once each, and not both ways at once.
            _ if self.kinds.contains(&kind) => return Err(Fault::Damaged),
            Type::Pax => {
                if !self.kinds.is_empty() {
                    return Err(Fault::Damaged);
                }
                for (key, value) in records(data).ok_or(Fault::Damaged)? {
                    self.record(key, value)?;
                }
            }
            // `git archive` writes the commit into one. Everything else would change all entries that follow.
            Type::GlobalPax => {
                let records = records(data).ok_or(Fault::Damaged)?;
                return if records.iter().all(|(key, _)| *key == b"comment") { Ok(()) } else { Err(Fault::Damaged) };
            }
            Type::LongName | Type::LongLink if self.kinds.contains(&Type::Pax) => return Err(Fault::Damaged),
            Type::LongName => self.name = Some(ended(data)?.to_vec()),
            Type::LongLink => self.link = Some(ended(data)?.to_vec()),
            _ => return Err(Fault::Damaged),
        }
        self.kinds.push(kind);
        Ok(())
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let text =
            || Some(value.to_vec()).filter(|value| !value.is_empty() && !value.contains(&0)).ok_or(Fault::Damaged);
        match key {
            b"path" if self.name.is_none() => self.name = Some(text()?),
            b"linkpath" if self.link.is_none() => self.link = Some(text()?),
            b"size" if self.size.is_none() => {
                let digits =
                    std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                self.size = Some(digits.and_then(|digits| digits.parse().ok()).ok_or(Fault::Damaged)?);
            }
            b"path" | b"linkpath" | b"size" => return Err(Fault::Damaged),
            b"hdrcharset" if value != b"ISO-IR 10646 2000 UTF-8" => return Err(Fault::Damaged),
            _ if key.starts_with(b"GNU.sparse.") || key.starts_with(b"SCHILY.realsize") => return Err(Fault::Sparse),
            // Owners, times, attributes: nothing that an sdist is unpacked with.
            _ => {}
        }
        Ok(())
    }

    /// The header as it is meant, and the name it has for who reads no extended headers, where that is another one.
    pub(super) fn apply(self, mut header: Header) -> Result<(Header, Option<String>), NotADistribution> {
        let refuse = |header: &Header| NotADistribution::Entry(Named::of_bytes(&header.name), archive::Fault::Extended);
        if self.size.is_some_and(|size| size != header.size) {
            return Err(refuse(&header));
        }
        let mut alias = None;
        if let Some(name) = self.name {
            if !needed(&name, &header.name) {
                return Err(refuse(&header));
            }
            let plain = std::mem::replace(&mut header.name, name);
            alias = String::from_utf8(plain).ok().filter(|plain| plain.as_bytes() != header.name);
        }
        if let Some(link) = self.link {
            if !needed(&link, &header.link) {
                return Err(refuse(&header));
            }
            header.link = link;
        }
        Ok((header, alias))
    }
}

/// Whether a long form is the same as the plain one, or could not have been written plainly.
fn needed(long: &[u8], plain: &[u8]) -> bool {
    long == plain || long.len() > FITS || !long.is_ascii()
}

/// GNU's long names end with a NUL.
fn ended(data: &[u8]) -> Result<&[u8], Fault> {
    let name = data.strip_suffix(b"\0").unwrap_or(data);
    if name.is_empty() || name.contains(&0) { Err(Fault::Damaged) } else { Ok(name) }
}

/// Records as POSIX writes them: `LENGTH KEY=VALUE\n`, where the length is that of the whole record.
fn records(mut data: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut records = Vec::new();
    while !data.is_empty() {
        let space = data.iter().position(|byte| *byte == b' ')?;
        let digits = std::str::from_utf8(data.get(..space)?).ok()?;
        if digits.len() > 7 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (record, rest) = data.split_at_checked(digits.parse().ok()?)?;
        let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
        records.push((record.get(..equals)?, record.get(equals + 1..)?));
        data = rest;
    }
    Some(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_say_their_own_length() {
        assert_eq!(records(b"9 a=bcde\n6 b=c\n"), Some(vec![(&b"a"[..], &b"bcde"[..]), (b"b", b"c")]));
        assert_eq!(records(b""), Some(vec![]));
        for data in [&b"9 a=bcd\n"[..], b"99 a=b\n", b"x a=b\n", b"6 a=b", b"5 =b\n", b"4 a\n", b"0 ", b"+6 a=b\n"] {
            assert_eq!(records(data), None, "{data:?}");
        }
    }
}
