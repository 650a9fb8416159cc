//! What a source distribution must hold (PEP 517, PEP 625, PEP 643).

use std::collections::HashSet;

use super::{
    Distribution, NotADistribution,
    bytes::Bytes,
    fault::Named,
    metadata::{self, Metadata},
    tar,
    zip::Zip,
};

/// Reads a whole source distribution.
pub(super) fn check(distribution: &Distribution, bytes: Bytes<'_>) -> Result<Metadata, NotADistribution> {
    if distribution.file.as_str().rsplit_once('.').is_some_and(|(_, ending)| ending == "zip") {
        zip(distribution, bytes)
    } else {
        tar_gz(distribution, bytes)
    }
}

fn tar_gz(distribution: &Distribution, bytes: Bytes<'_>) -> Result<Metadata, NotADistribution> {
    let is_pkg_info = |name: &str| name.split_once('/').is_some_and(|(_, file)| file == PKG_INFO);
    let mut entries = tar::read(bytes, |name| is_pkg_info(name).then_some(metadata::LONGEST))?;
    let top = top_folder(distribution, entries.iter().map(|entry| &*entry.name))?;
    let wanted = format!("{top}/{PKG_INFO}");
    let found = entries.iter_mut().find(|entry| entry.name == wanted);
    let Some(tar::What::File(Some(text))) = found.map(|entry| &mut entry.what) else {
        return Err(NotADistribution::Missing(Named::new(wanted)));
    };
    let metadata = metadata::read(distribution, std::mem::take(text), PKG_INFO)?;
    let names: HashSet<&str> = entries.iter().map(|entry| &*entry.name).collect();
    require_licenses(&metadata, &top, |path| names.contains(path))?;
    Ok(metadata)
}

fn zip(distribution: &Distribution, bytes: Bytes<'_>) -> Result<Metadata, NotADistribution> {
    let zip = Zip::open(bytes)?;
    let top = top_folder(distribution, zip.entries.iter().map(|entry| &*entry.name))?;
    let wanted = format!("{top}/{PKG_INFO}");
    let found = zip.find(&wanted).ok_or_else(|| NotADistribution::Missing(Named::new(&wanted)))?;
    let metadata = metadata::read(distribution, zip.read(found, metadata::LONGEST)?, PKG_INFO)?;
    for entry in &zip.entries {
        zip.each_piece(entry, |_| {})?;
    }
    require_licenses(&metadata, &top, |path| zip.find(path).is_some())?;
    Ok(metadata)
}

const PKG_INFO: &str = "PKG-INFO";

/// The one folder that everything is in.
fn top_folder<'a>(
    distribution: &Distribution,
    mut names: impl Iterator<Item = &'a str>,
) -> Result<String, NotADistribution> {
    let wrong = || NotADistribution::TopFolder(distribution.folder());
    let (top, _) = names.next().and_then(|name| name.split_once('/')).ok_or_else(wrong)?;
    let is_below = |name: &str| name.split_once('/').is_some_and(|(other, _)| other == top);
    if distribution.is_meant_by(top) && names.all(is_below) { Ok(top.to_owned()) } else { Err(wrong()) }
}

fn require_licenses(metadata: &Metadata, top: &str, is_there: impl Fn(&str) -> bool) -> Result<(), NotADistribution> {
    for license in metadata.license_files() {
        let path = format!("{top}/{license}");
        if !is_there(&path) {
            return Err(NotADistribution::Missing(Named::new(path)));
        }
    }
    Ok(())
}
