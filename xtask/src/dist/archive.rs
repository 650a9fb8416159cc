//! The archive with the program: the same bytes from the same program, wherever and whenever it is packed.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::UNIX_EPOCH,
};

use anyhow::{Context, Result, bail};
use flate2::{Compression, GzBuilder, read::GzDecoder};

use super::{digest, put};
use crate::{
    command::run,
    workspace::{Profile, Workspace},
};

/// The time of every entry: 1980, before which some tools find it strange.
const TIME: u64 = 315_532_800;

/// Makes `release/STEM.tar.gz` in `out`. A program that did not change since the last time is not packed again, unless
/// it is for users.
pub(super) fn pack(
    workspace: &Workspace,
    profile: Profile,
    binaries: &Path,
    out: &Path,
    stem: &str,
) -> Result<PathBuf> {
    let program = format!("daypass{}", std::env::consts::EXE_SUFFIX);
    let built = binaries.join(&program);
    let archive = out.join("release").join(format!("{stem}.tar.gz"));
    let stamp = out.join("packed");
    let now = state_of(&built)?;
    let unchanged = fs::read_to_string(&stamp).is_ok_and(|seen| seen == now);
    if unchanged && profile == Profile::Dev && archive.exists() {
        return Ok(archive);
    }
    let mut entries = vec![(format!("{stem}/{program}"), stripped(profile, &built, out)?, 0o755)];
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        entries.push((format!("{stem}/{licence}"), fs::read(workspace.root.join(licence))?, 0o644));
    }
    entries.sort();
    put(&archive, &packed(&entries, profile)?)?;
    put(&stamp, now.as_bytes())?;
    Ok(archive)
}

/// The program in an archive: its name there, and its digest.
pub(super) fn program(stem: &str, archive: &[u8]) -> Result<(String, String)> {
    for entry in tar::Archive::new(GzDecoder::new(archive)).entries()? {
        let mut entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let is_program = [format!("{stem}/daypass"), format!("{stem}/daypass.exe")].contains(&name);
        if is_program && entry.header().entry_type().is_file() {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            return Ok((name, digest(&bytes)));
        }
    }
    bail!("it holds no {stem}/daypass")
}

fn state_of(file: &Path) -> Result<String> {
    let data = fs::metadata(file).with_context(|| format!("{} is not built", file.display()))?;
    let time = data.modified()?.duration_since(UNIX_EPOCH)?.as_nanos();
    Ok(format!("{} {time} {}", data.len(), file.display()))
}

/// A release is built without symbols; what is built for the tests carries two thirds of its size in them.
fn stripped(profile: Profile, built: &Path, out: &Path) -> Result<Vec<u8>> {
    if profile == Profile::Release {
        return Ok(fs::read(built)?);
    }
    let stripped = out.join("stripped");
    run(Command::new("strip").arg("-o").arg(&stripped).arg(built))?;
    let bytes = fs::read(&stripped)?;
    fs::remove_file(&stripped)?;
    Ok(bytes)
}

fn packed(entries: &[(String, Vec<u8>, u32)], profile: Profile) -> Result<Vec<u8>> {
    let level = if profile == Profile::Release { Compression::best() } else { Compression::fast() };
    // Neither a time nor the kind of machine: what differs should be the program.
    let gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), level);
    let mut tar = tar::Builder::new(gzip);
    for (name, bytes, mode) in entries {
        let mut head = tar::Header::new_ustar();
        head.set_size(bytes.len().try_into()?);
        head.set_mode(*mode);
        head.set_mtime(TIME);
        head.set_uid(0);
        head.set_gid(0);
        tar.append_data(&mut head, name, bytes.as_slice())?;
    }
    let mut gzip = tar.into_inner()?;
    gzip.flush()?;
    Ok(gzip.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_program_is_packed_to_the_same_bytes() {
        let entries = [("daypass-1.2.3-any/daypass".to_owned(), b"#!/bin/sh\n".to_vec(), 0o755)];
        let first = packed(&entries, Profile::Dev).unwrap();
        assert_eq!(first, packed(&entries, Profile::Dev).unwrap());
        assert_eq!(first.get(4..8), Some([0; 4].as_slice()), "no time");
        let other = [("daypass-1.2.3-any/daypass".to_owned(), b"#!/bin/ash\n".to_vec(), 0o755)];
        assert_ne!(first, packed(&other, Profile::Dev).unwrap());
    }

    #[test]
    fn the_program_is_found_by_its_full_name_alone() {
        let entry = |name: &str| [(name.to_owned(), b"program".to_vec(), 0o755)];
        let archive = packed(&entry("daypass-1.2.3-any/daypass.exe"), Profile::Dev).unwrap();
        let found = program("daypass-1.2.3-any", &archive).unwrap();
        assert_eq!(found, ("daypass-1.2.3-any/daypass.exe".to_owned(), digest(b"program")));
        for other in ["daypass", "daypass-1.2.2-any/daypass", "daypass-1.2.3-any/bin/daypass"] {
            assert!(program("daypass-1.2.3-any", &packed(&entry(other), Profile::Dev).unwrap()).is_err(), "{other}");
        }
    }
}
