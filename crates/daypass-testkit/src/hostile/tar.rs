//! Tar archives, written field by field (POSIX.1-2017 ustar and pax, GNU tar), and gzip around them (RFC 1952).

use std::io::Write as _;

use flate2::{Compression, write::DeflateEncoder};

/// An archive that is being written.
#[derive(Debug, Clone, Default)]
pub struct Tar {
    /// Its members.
    pub members: Vec<Member>,
    /// What follows the last one: two blocks of zeros.
    pub end: Vec<u8>,
}

/// One member, as its header says.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name: at most 100 bytes.
    pub name: Vec<u8>,
    /// The prefix of its name.
    pub prefix: Vec<u8>,
    /// Its type.
    pub kind: u8,
    /// Where it leads, if it is a link.
    pub link: Vec<u8>,
    /// Its data.
    pub data: Vec<u8>,
    /// The size that is said, in octal.
    pub size: Option<Vec<u8>>,
    /// Magic and version.
    pub magic: [u8; 8],
    /// Added to the checksum.
    pub wrong: u32,
}

impl Member {
    /// A file.
    pub fn file(name: &str, data: &[u8]) -> Self {
        Self {
            name: name.into(),
            prefix: Vec::new(),
            kind: b'0',
            link: Vec::new(),
            data: data.to_vec(),
            size: None,
            magic: *b"ustar\x0000",
            wrong: 0,
        }
    }

    /// Something else than a file.
    pub fn other(name: &str, kind: u8, link: &str) -> Self {
        Self { kind, link: link.into(), ..Self::file(name, b"") }
    }

    /// An extended header with these records.
    pub fn pax(kind: u8, records: &[(&str, &str)]) -> Self {
        let data: String = records.iter().map(|(key, value)| record(key, value)).collect();
        Self { kind, ..Self::file("pax", data.as_bytes()) }
    }

    /// GNU's header for a long name (`L`) or link (`K`).
    pub fn gnu(kind: u8, text: &str) -> Self {
        let data = [text.as_bytes(), b"\0"].concat();
        Self { kind, magic: *b"ustar  \0", ..Self::file("././@LongLink", &data) }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut header = self.name.clone();
        header.resize(100, 0);
        header.extend(b"0000644\x000000000\x000000000\x00");
        let size = format!("{:011o}\0", self.data.len()).into_bytes();
        header.extend(self.size.clone().unwrap_or(size));
        header.extend(b"00000000000\0        ");
        header.push(self.kind);
        header.extend(&self.link);
        header.resize(257, 0);
        header.extend(self.magic);
        header.resize(345, 0);
        header.extend(&self.prefix);
        header.resize(512, 0);
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum::<u32>() + self.wrong;
        header.splice(148..156, format!("{sum:06o}\0 ").into_bytes());
        header.extend(&self.data);
        header.resize(header.len().next_multiple_of(512), 0);
        header
    }
}

impl Tar {
    /// An sdist of this `PKG-INFO`.
    pub fn sdist(pkg_info: &str) -> Self {
        Self::of(vec![
            Member::other("acme_hello-1.0/", b'5', ""),
            Member::file("acme_hello-1.0/PKG-INFO", pkg_info.as_bytes()),
            Member::file("acme_hello-1.0/acme_hello.py", b"__version__ = '1.0'\n"),
        ])
    }

    /// An archive of `members`.
    pub fn of(members: Vec<Member>) -> Self {
        Self { members, end: vec![0; 1024] }
    }

    /// With one more member.
    #[must_use]
    pub fn with(mut self, member: Member) -> Self {
        self.members.push(member);
        self
    }

    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let members: Vec<Vec<u8>> = self.members.iter().map(Member::bytes).collect();
        [members.concat(), self.end.clone()].concat()
    }
}

/// A gzip stream with these flags and what they announce.
pub fn gzip_with(flags: u8, announced: &[u8], data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).expect("it is packed");
    let packed = encoder.finish().expect("it is packed");
    let length = u32::try_from(data.len()).expect("it is small");
    let head = [0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3];
    [&head[..], announced, &packed, &super::zip::crc(data).to_le_bytes(), &length.to_le_bytes()].concat()
}

/// A plain gzip stream.
pub fn gzip(data: &[u8]) -> Vec<u8> {
    gzip_with(0, &[], data)
}

/// A gzip stream of one stored block, so that `data` lies in it as it is.
pub fn gzip_stored(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("it is small");
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
    let crc = super::zip::crc(data).to_le_bytes();
    [&head[..], &length.to_le_bytes(), &(!length).to_le_bytes(), data, &crc, &u32::from(length).to_le_bytes()].concat()
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let length = (1..10).find(|digits| (rest.len() + digits).to_string().len() == *digits).expect("there is one");
    format!("{}{rest}", rest.len() + length)
}
