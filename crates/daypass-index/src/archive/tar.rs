//! Tar archives in one gzip stream that can be read in one way only (POSIX.1-2017 pax, GNU tar, RFC 1952).
//!
//! What is *not* here: which entries an sdist must have.

mod gunzip;
mod header;
mod links;
mod pax;

use std::collections::HashSet;

use self::{
    gunzip::Gunzip,
    header::{BLOCK, Header, Type},
    pax::Overrides,
};
use super::{
    Fault, MOST_ENTRIES, NotADistribution,
    bytes::Bytes,
    collisions::{self, Apart},
    entry_name,
    fault::{Named, entry},
};

/// The longest extended header or long name, in bytes.
const LONGEST_EXTENDED: u64 = 64 * 1024;

/// One entry.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name; a folder's ends with a slash.
    pub name: String,
    /// What it is.
    pub what: What,
}

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A file, with its data where that was wanted.
    File(Option<Vec<u8>>),
    Folder,
    /// Another name of a file that came before.
    HardLink(String),
    SymbolicLink(String),
}

/// Whether the file begins with the header of a tar archive, in whatever it is wrapped otherwise.
pub(super) fn is_tar(bytes: Bytes<'_>) -> Result<bool, NotADistribution> {
    Ok(bytes.get(0, BLOCK)?.is_some_and(|block| Header::read(&block).is_some()))
}

/// Reads an archive to its last byte. The data of the first file that `wanted` gives a longest length for is kept, and of
/// no other: many would fill memory.
pub(super) fn read(bytes: Bytes<'_>, wanted: impl Fn(&str) -> Option<usize>) -> Result<Vec<Entry>, NotADistribution> {
    let mut stream = Gunzip::open(bytes)?;
    if is_zip_too(bytes)? {
        return Err(NotADistribution::Polyglot);
    }
    let (mut entries, mut aliases) = (Vec::new(), Vec::new());
    let mut overrides = Overrides::default();
    let mut kept = false;
    while let Some(header) = next(&mut stream)? {
        if entries.len() >= MOST_ENTRIES {
            return Err(NotADistribution::TooMany);
        }
        match header.kind {
            Type::Pax | Type::GlobalPax | Type::LongName | Type::LongLink => {
                let refuse = || NotADistribution::Entry(Named::of_bytes(&header.name), Fault::Extended);
                if header.size > LONGEST_EXTENDED {
                    return Err(refuse());
                }
                let data = stream.data(header.size)?;
                overrides.take(header.kind, &data).map_err(|fault| match fault {
                    pax::Fault::Sparse => NotADistribution::Entry(Named::of_bytes(&header.name), Fault::Sparse),
                    pax::Fault::Damaged => refuse(),
                })?;
                continue;
            }
            _ => {}
        }
        let (header, alias) = std::mem::take(&mut overrides).apply(header)?;
        aliases.extend(alias);
        let entry = one(&header, &mut stream, |name| wanted(name).filter(|_| !kept))?;
        kept |= matches!(entry.what, What::File(Some(_)));
        entries.push(entry);
    }
    if overrides != Overrides::default() {
        return Err(NotADistribution::NotATar("its last extended header belongs to no entry"));
    }
    collisions::check(entries.iter().map(|entry| &*entry.name), Apart::Exactly)?;
    let names: HashSet<&str> = entries.iter().map(|entry| &*entry.name).collect();
    // Who does not read extended headers would find these.
    if let Some(alias) = aliases.iter().find(|alias| names.contains(alias.as_str())) {
        return Err(entry(alias, Fault::Extended));
    }
    links::check(&entries, &names)?;
    Ok(entries)
}

/// Reads what stands behind a header.
fn one(
    header: &Header,
    stream: &mut Gunzip<'_>,
    wanted: impl Fn(&str) -> Option<usize>,
) -> Result<Entry, NotADistribution> {
    let refuse = |fault| NotADistribution::Entry(Named::of_bytes(&header.name), fault);
    let name = entry_name::read(&header.name)?;
    // A file whose name ends with a slash was a folder, before folders had a type.
    if (name.ends_with('/') && header.kind != Type::Folder) || (header.kind != Type::File && header.size != 0) {
        return Err(refuse(Fault::FolderData));
    }
    let link = || {
        // At once: many of the longest would fill memory before any is looked at.
        if header.link.len() > links::LONGEST {
            return Err(refuse(Fault::LinkLeaves));
        }
        std::str::from_utf8(&header.link).map(ToOwned::to_owned).map_err(|_| refuse(Fault::NameCoding))
    };
    let what = match header.kind {
        Type::File => {
            let size = header.size;
            let kept = match wanted(name) {
                Some(longest) if size > longest as u64 => {
                    return Err(NotADistribution::TooLong(Named::new(name), longest));
                }
                Some(_) => Some(stream.data(size)?),
                None => {
                    stream.skip(size)?;
                    None
                }
            };
            What::File(kept)
        }
        Type::Folder => What::Folder,
        Type::HardLink => What::HardLink(link()?),
        Type::SymbolicLink => What::SymbolicLink(link()?),
        Type::Sparse => return Err(refuse(Fault::Sparse)),
        _ => return Err(refuse(Fault::Special)),
    };
    let slash = if what == What::Folder && !name.ends_with('/') { "/" } else { "" };
    Ok(Entry { name: format!("{name}{slash}"), what })
}

/// The next header; `None` at the end, behind which there is nothing but zeros.
fn next(stream: &mut Gunzip<'_>) -> Result<Option<Header>, NotADistribution> {
    let block = stream.block()?.ok_or(NotADistribution::NotATar("it has no end"))?;
    if block.iter().all(|byte| *byte == 0) {
        while let Some(block) = stream.block()? {
            if block.iter().any(|byte| *byte != 0) {
                return Err(NotADistribution::NotATar("something is behind its end"));
            }
        }
        return Ok(None);
    }
    Header::read(&block).map(Some).ok_or(NotADistribution::NotATar("a header of it is damaged or not of POSIX or GNU"))
}

/// Whether the file's end is that of a zip archive, too: those are read from their end, wherever they begin.
fn is_zip_too(bytes: Bytes<'_>) -> Result<bool, NotADistribution> {
    /// The last record with its longest comment.
    const LONGEST_END: u64 = 22 + 65_535;
    let from = bytes.size.saturating_sub(LONGEST_END);
    let length = usize::try_from(bytes.size - from).unwrap_or(0);
    let tail = bytes.get(from, length)?.unwrap_or_default();
    for (at, record) in tail.windows(22).enumerate().filter(|(_, record)| record.starts_with(b"PK\x05\x06")) {
        let mut fields = super::bytes::Fields(record);
        let size = (|| {
            fields.take(12)?;
            fields.u32()
        })();
        let at = from + at as u64;
        let directory = at.checked_sub(size.unwrap_or(0).into());
        if let Some(directory) = directory.filter(|directory| *directory < at)
            && bytes.get(directory, 4)?.is_some_and(|signature| signature == b"PK\x01\x02")
        {
            return Ok(true);
        }
    }
    Ok(false)
}
