//! What a wheel must hold (PEP 427 and its living specification).

use std::collections::HashSet;

use daypass_core::digest::Sha256Hasher;

use super::{
    Distribution, Fault, NotADistribution,
    bytes::Bytes,
    entry_points,
    fault::{Named, entry},
    metadata::{self, Metadata},
    record::Record,
    zip::Zip,
};

/// The longest `RECORD`, in bytes.
const LONGEST_RECORD: usize = 16 * 1024 * 1024;

/// The longest `WHEEL` and `entry_points.txt`, in bytes.
const LONGEST_TEXT: usize = 256 * 1024;

/// Reads a whole wheel: its frame, its folder, its `RECORD` and every file in it.
pub(super) fn check(distribution: &Distribution, bytes: Bytes<'_>) -> Result<Metadata, NotADistribution> {
    let zip = Zip::open(bytes)?;
    let dist_info = dist_info(distribution, &zip)?;
    let path = |name: &str| format!("{dist_info}/{name}");
    let text = |name: &str, longest| {
        let found = zip.find(&path(name)).ok_or_else(|| NotADistribution::Missing(Named::new(path(name))))?;
        zip.read(found, longest)
    };
    let metadata = metadata::read(distribution, text("METADATA", metadata::LONGEST)?, "METADATA")?;
    wheel_version(&text("WHEEL", LONGEST_TEXT)?)?;
    if let Some(found) = zip.find(&path("entry_points.txt")) {
        entry_points::check(&zip.read(found, LONGEST_TEXT)?)?;
    }
    let record = Record::read(&text("RECORD", LONGEST_RECORD)?)?;
    check_files(&zip, &dist_info, &record)?;
    for license in metadata.license_files() {
        let path = path(&format!("licenses/{license}"));
        zip.find(&path).ok_or_else(|| NotADistribution::Missing(Named::new(&path)))?;
    }
    Ok(metadata)
}

/// Reads the metadata, in an archive whose frame is in order.
pub(super) fn metadata(distribution: &Distribution, bytes: Bytes<'_>) -> Result<Metadata, NotADistribution> {
    let zip = Zip::open(bytes)?;
    let path = format!("{}/METADATA", dist_info(distribution, &zip)?);
    let found = zip.find(&path).ok_or_else(|| NotADistribution::Missing(Named::new(&path)))?;
    metadata::read(distribution, zip.read(found, metadata::LONGEST)?, "METADATA")
}

/// The one `.dist-info` folder.
fn dist_info(distribution: &Distribution, zip: &Zip<'_>) -> Result<String, NotADistribution> {
    let tops = zip.entries.iter().filter_map(|entry| entry.name.split_once('/').map(|(top, _)| top));
    let folders: HashSet<&str> = tops.filter(|top| top.to_ascii_lowercase().ends_with(".dist-info")).collect();
    let wanted = || NotADistribution::DistInfo(format!("{}.dist-info", distribution.folder()));
    let mut folders = folders.into_iter();
    let folder = folders.next().filter(|_| folders.next().is_none()).ok_or_else(wanted)?;
    let stem = folder.strip_suffix(".dist-info").ok_or_else(wanted)?;
    if distribution.is_meant_by(stem) { Ok(folder.to_owned()) } else { Err(wanted()) }
}

/// An installer refuses a greater major version, so nobody could install it.
fn wheel_version(text: &[u8]) -> Result<(), NotADistribution> {
    let text = std::str::from_utf8(text).map_err(|_| NotADistribution::WheelVersion)?;
    let mut said = text.lines().filter_map(|line| line.strip_prefix("Wheel-Version:"));
    let version = said.next().filter(|_| said.next().is_none()).ok_or(NotADistribution::WheelVersion)?;
    let minor = version.trim().strip_prefix("1.").ok_or(NotADistribution::WheelVersion)?;
    if !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(NotADistribution::WheelVersion)
    }
}

/// Unpacks every file and compares it with `RECORD`.
fn check_files(zip: &Zip<'_>, dist_info: &str, record: &Record) -> Result<(), NotADistribution> {
    // They cannot hold their own digests (PEP 427).
    let unlisted = ["RECORD", "RECORD.jws", "RECORD.p7s"].map(|name| format!("{dist_info}/{name}"));
    let mut listed = 0;
    for file in &zip.entries {
        let line = record.find(&file.name);
        if file.is_folder() || unlisted.iter().any(|name| **name == *file.name) {
            listed += usize::from(line.is_some());
            zip.each_piece(file, |_| {})?;
            continue;
        }
        let line = line.ok_or_else(|| entry(&*file.name, Fault::Unlisted))?;
        listed += 1;
        let mut hasher = Sha256Hasher::new();
        zip.each_piece(file, |piece| hasher.update(piece))?;
        let same_size = line.size.is_none_or(|size| size == file.size);
        if line.sha256 != Some(hasher.finish()) || !same_size {
            return Err(entry(&*file.name, Fault::RecordDiffers));
        }
    }
    if listed < record.len() {
        let is_there = |name: &str| zip.find(name).is_some();
        let absent = record.names().find(|name| !is_there(name)).unwrap_or_default();
        return Err(entry(absent, Fault::Absent));
    }
    Ok(())
}
