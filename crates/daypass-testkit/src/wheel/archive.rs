//! Writing the archives themselves: zip for wheels, tar with gzip for sdists.

#![expect(clippy::expect_used, reason = "writing to memory does not fail; a test kit that does should stop the test")]

use std::io::{Cursor, Write as _};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// A line of `RECORD`: path, digest, size (PEP 376, PEP 427).
pub(crate) fn record_line(path: &str, bytes: &[u8]) -> String {
    format!("{path},sha256={},{}\n", URL_SAFE_NO_PAD.encode(Sha256::digest(bytes)), bytes.len())
}

/// A zip archive of `files`, with the format's earliest date.
pub(super) fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(1))
        .unix_permissions(0o644);
    for (path, bytes) in files {
        writer.start_file(path.as_str(), options).expect("a file begins");
        writer.write_all(bytes).expect("a file is written");
    }
    writer.finish().expect("an archive ends").into_inner()
}

/// A gzip-compressed tar archive (POSIX ustar) of `files`, dated 1970.
pub(super) fn tar_gz(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = GzBuilder::new().mtime(0).write(Vec::new(), Compression::fast());
    for (path, bytes) in files {
        writer.write_all(&ustar_header(path, bytes.len())).expect("a header is written");
        writer.write_all(bytes).expect("a file is written");
        writer.write_all(&vec![0; bytes.len().next_multiple_of(512) - bytes.len()]).expect("a file is filled up");
    }
    writer.write_all(&[0; 1024]).expect("an archive ends");
    writer.finish().expect("an archive ends")
}

fn ustar_header(path: &str, size: usize) -> Vec<u8> {
    assert!(path.len() < 100, "the test kit writes short paths");
    let mut header = path.as_bytes().to_vec();
    header.resize(100, 0);
    header.extend_from_slice(b"0000644\x000000000\x000000000\x00");
    header.extend_from_slice(format!("{size:011o}\0{:011o}\0", 0).as_bytes());
    let checksum_at = header.len();
    header.extend_from_slice(b"        0");
    header.resize(257, 0);
    header.extend_from_slice(b"ustar\x0000");
    header.resize(512, 0);
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header.splice(checksum_at..checksum_at + 8, format!("{sum:06o}\0 ").into_bytes());
    header
}
