//! What installers do beyond one install: thirty packages at once, locks with hashes, upgrades, yanks, metadata without
//! files, downloads that break off, mirrors of us, and a private name that somebody else has too.
//!
//! How each of them gets its credential is told elsewhere (`installers`, `people`); here it stands in the index's URL.

mod closures;
mod confusion;
mod desk;
mod downloads;
mod locks;
mod mirrors;
mod projects;
mod yanks;
