//! Strict reading of wheels and source distributions, before anything of them is kept.
//!
//! An archive is refused as soon as two honest programs could read it differently, or as soon as unpacking it could
//! write outside its folder or fill the disk. What passes says the same to every installer.
//!
//! Pure and synchronous: it reads an open file, and knows no store, no request and no clock. The bytes of a wheel are
//! read once, from the first to the last.
//!
//! | module | idea |
//! |---|---|
//! | `name` | what a file's name says |
//! | `zip`, `tar` | the two containers, entry by entry |
//! | `entry_name`, `collisions` | which names entries may have |
//! | `wheel`, `sdist` | what must be inside |
//! | `record`, `entry_points`, `metadata` | the texts inside |
//! | `fault` | why not, one sentence each |
//!
//! What is *not* here: whether the name is free, who may publish it, malware.

mod bytes;
mod collisions;
mod entry_name;
mod entry_points;
mod fault;
pub(crate) mod metadata;
mod name;
mod record;
mod sdist;
mod tar;
mod wheel;
mod zip;

use std::fs::File;

pub(crate) use self::name::{Distribution, Kind, Naming};
use self::{bytes::Bytes, metadata::Metadata};
pub use self::{
    fault::{Fault, Named, NotADistribution},
    metadata::MetadataFault,
};

/// More entries than this are refused.
const MOST_ENTRIES: usize = 100_000;

/// What unpacks to more than this must not be a bomb.
const SMALL: u64 = 64 * 1024 * 1024;

/// How many times its own length an archive may unpack to, when that is more than [`SMALL`].
const MOST_TIMES: u64 = 50;

/// Reads all of a distribution file of `size` bytes, and returns its core metadata; or why it is none.
pub(crate) fn check(distribution: &Distribution, file: &File, size: u64) -> Result<Metadata, NotADistribution> {
    let bytes = Bytes { file, size };
    match distribution.kind {
        Kind::Wheel => wheel::check(distribution, bytes),
        Kind::Sdist => sdist::check(distribution, bytes),
    }
}

/// Reads the core metadata in a wheel, and nothing else of it: for wheels that somebody else publishes, and answers for.
pub(crate) fn metadata_of_wheel(
    distribution: &Distribution,
    file: &File,
    size: u64,
) -> Result<Metadata, NotADistribution> {
    wheel::metadata(distribution, Bytes { file, size })
}

/// Whether an archive of `packed` bytes that unpacks to `unpacked` is made to fill a disk.
fn is_bomb(packed: u64, unpacked: u64) -> bool {
    unpacked > SMALL && unpacked / MOST_TIMES > packed
}
