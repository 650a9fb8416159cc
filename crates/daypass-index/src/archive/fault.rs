//! Why a file is no distribution, one sentence each.

use std::{fmt, io};

use super::metadata::MetadataFault;

/// Why a file is not taken. Reads on after "it is refused: ".
#[derive(Debug, thiserror::Error)]
pub enum NotADistribution {
    /// The name is neither a wheel's nor an sdist's.
    #[error(
        "its name is neither a wheel's (`name-version-python-abi-platform.whl`) nor an sdist's (`name-version.tar.gz`)"
    )]
    Name,
    /// The name could be another's: it is not in the one form that the standards give (PEP 427, PEP 625).
    #[error("its name must be `{0}`")]
    NameForm(String),
    /// It does not begin and end as a zip archive does, or something is before or behind it.
    #[error("it is not a zip archive from its first byte to its last")]
    NotAZip,
    /// The zip archive's parts contradict each other.
    #[error("its zip directory is damaged or made to mislead: {0}")]
    ZipDirectory(&'static str),
    /// It is not a gzip stream from its first byte to its last.
    #[error("it is not one gzip stream from its first byte to its last: {0}")]
    NotAGzip(&'static str),
    /// It is not a tar archive.
    #[error("it is not a tar archive that all programs read alike: {0}")]
    NotATar(&'static str),
    /// It is two archives at once.
    #[error("it can be read as a zip archive and as a tar archive, too")]
    Polyglot,
    /// One entry is not acceptable.
    #[error("its entry `{0}` {1}")]
    Entry(Named, Fault),
    /// Two entries become one file somewhere.
    #[error("its entries `{0}` and `{1}` are one file where case or Unicode forms do not count")]
    Collision(Named, Named),
    /// Too many entries.
    #[error("it has more than 100000 entries")]
    TooMany,
    /// A decompression bomb.
    #[error("it unpacks to more than 64 MiB and more than 50 times its size")]
    Bomb,
    /// The wheel has no single `.dist-info` folder of its name and version.
    #[error("it must hold one folder `{0}` and no other `.dist-info`")]
    DistInfo(String),
    /// Something that must be inside is not.
    #[error("it has no `{0}`")]
    Missing(Named),
    /// A text inside is too long.
    #[error("its `{0}` is longer than {1} bytes")]
    TooLong(Named, usize),
    /// `WHEEL` is of no known version.
    #[error("its `WHEEL` does not say `Wheel-Version: 1.` with one more number")]
    WheelVersion,
    /// `RECORD` cannot be read.
    #[error("line {line} of its `RECORD` {why}")]
    RecordLine {
        /// Which line, from 1 on.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// `entry_points.txt` cannot be read.
    #[error("line {line} of its `entry_points.txt` {why}")]
    EntryPoints {
        /// Which line, from 1 on.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The sdist's entries are not all in one folder of its name and version.
    #[error("all its entries must be in the one folder `{0}`")]
    TopFolder(String),
    /// The core metadata is not acceptable.
    #[error("its metadata {0}")]
    Metadata(#[from] MetadataFault),
    /// The metadata names another project or version.
    #[error("its metadata says `{said}`, but its name says `{named}`")]
    Disagrees {
        /// What the metadata says.
        said: Named,
        /// What the file name says.
        named: String,
    },
    /// Reading failed.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
}

/// What is wrong with one entry. Reads on after "its entry `x` ".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The name is empty or longer than 1024 bytes.
    #[error("has a name that is empty or too long")]
    NameLength,
    /// The name is not UTF-8, or not marked as such.
    #[error("has a name that is not marked as UTF-8")]
    NameCoding,
    /// The name has a control character.
    #[error("has a control character in its name")]
    NameControl,
    /// The name has a backslash.
    #[error("has a backslash in its name")]
    NameBackslash,
    /// The name is absolute, or of a drive.
    #[error("has an absolute name")]
    NameAbsolute,
    /// The name leaves its folder, or has empty or `.` parts.
    #[error("has an empty, `.` or `..` part in its name")]
    NameParts,
    /// The name comes twice.
    #[error("is there twice")]
    Twice,
    /// A file stands where another entry needs a folder.
    #[error("lies under an entry that is no folder")]
    UnderFile,
    /// Encrypted.
    #[error("is encrypted")]
    Encrypted,
    /// Neither stored nor deflated.
    #[error("is neither stored nor deflated")]
    Method,
    /// A flag that has no business in a distribution.
    #[error("has flags that distributions do not use")]
    Flags,
    /// A comment can hide another archive.
    #[error("has a comment")]
    Comment,
    /// The extra fields cannot be read, or contradict the header.
    #[error("has extra fields that are damaged or contradict its header")]
    Extra,
    /// The header before the data and the one in the directory differ.
    #[error("has a header before its data that says otherwise than the directory")]
    HeadersDiffer,
    /// Its data does not begin where that of the entry before ended.
    #[error("does not begin where the entry before it ends")]
    Gap,
    /// The record behind the data is not there or says otherwise.
    #[error("has a data descriptor that is damaged or says otherwise than the directory")]
    Descriptor,
    /// The data is not what its header promises.
    #[error("does not unpack to what its header says")]
    Data,
    /// A link, in a wheel.
    #[error("is a symbolic link")]
    Link,
    /// A device, a FIFO, a sparse file or something unknown.
    #[error("is neither a file nor a folder nor a link")]
    Special,
    /// A sparse file.
    #[error("is a sparse file")]
    Sparse,
    /// A folder that has data.
    #[error("is a folder with data")]
    FolderData,
    /// A link that leaves the archive's folder.
    #[error("is a link that leaves its folder or leads nowhere")]
    LinkLeaves,
    /// Its extended header contradicts it.
    #[error("has an extended header that is damaged or gives it another name")]
    Extended,
    /// It is not in `RECORD`.
    #[error("is not listed in `RECORD`")]
    Unlisted,
    /// It is in `RECORD`, but not in the wheel.
    #[error("is listed in `RECORD`, but not there")]
    Absent,
    /// `RECORD` says otherwise.
    #[error("has another SHA-256 or size than `RECORD` says")]
    RecordDiffers,
}

/// A name out of a stranger's archive, made fit to be shown: escaped, and cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named(String);

impl Named {
    pub(super) fn new(name: impl AsRef<str>) -> Self {
        Self(name.as_ref().chars().take(100).flat_map(char::escape_debug).collect())
    }

    pub(super) fn of_bytes(name: &[u8]) -> Self {
        Self::new(String::from_utf8_lossy(name))
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The refusal of one entry.
pub(super) fn entry(name: impl AsRef<str>, fault: Fault) -> NotADistribution {
    NotADistribution::Entry(Named::new(name), fault)
}
