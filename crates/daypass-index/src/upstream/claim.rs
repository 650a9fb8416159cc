//! What a page that gives no SHA-256 says about a file's bytes: another digest, checked all the same before they are kept.
//!
//! It says whether the bytes came over well. What they *are*, from then on, says the SHA-256 that is pinned.

use std::collections::BTreeMap;

use md5::Md5;
use sha1::Sha1;
use sha2::{Sha224, Sha384, Sha512, digest::DynDigest};

/// The digests that are known besides SHA-256, the strongest first.
const KNOWN: [&str; 5] = ["sha512", "sha384", "sha224", "sha1", "md5"];

/// A digest that a file is said to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    algorithm: &'static str,
    digits: Box<str>,
}

/// The digest in the making.
pub(super) struct ClaimHasher {
    claim: Claim,
    digest: Box<dyn DynDigest + Send>,
}

impl Claim {
    /// The strongest of a page's digests; `None` when none of them is known.
    pub(super) fn strongest(hashes: &BTreeMap<Box<str>, Box<str>>) -> Option<Self> {
        KNOWN.into_iter().find_map(|algorithm| {
            let digits = hashes.get(algorithm)?.clone();
            Some(Self { algorithm, digits })
        })
    }

    pub(super) fn hasher(&self) -> ClaimHasher {
        let digest: Box<dyn DynDigest + Send> = match self.algorithm {
            "sha512" => Box::new(Sha512::default()),
            "sha384" => Box::new(Sha384::default()),
            "sha224" => Box::new(Sha224::default()),
            "sha1" => Box::new(Sha1::default()),
            _ => Box::new(Md5::default()),
        };
        ClaimHasher { claim: self.clone(), digest }
    }
}

impl ClaimHasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    /// Whether the bytes are those that were claimed.
    pub(super) fn holds(self) -> bool {
        let found = self.digest.finalize();
        let digits: String = found
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(digit.into(), 16))
            .collect();
        digits == *self.claim.digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `abc`: RFC 1321 and FIPS 180.
    const ABC: [(&str, &str); 5] = [
        ("md5", "900150983cd24fb0d6963f7d28e17f72"),
        ("sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("sha224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        ("sha384", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
        (
            "sha512",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ];

    #[test]
    fn each_digest_holds_for_its_bytes_only() {
        for (algorithm, digits) in ABC {
            let claim = Claim::strongest(&BTreeMap::from([(algorithm.into(), digits.into())])).unwrap();
            for (bytes, expected) in [(["a", "bc"], true), (["a", "bd"], false), (["", ""], false)] {
                let mut hasher = claim.hasher();
                for bytes in bytes {
                    hasher.update(bytes.as_bytes());
                }
                assert_eq!(hasher.holds(), expected, "{algorithm} {bytes:?}");
            }
        }
    }

    #[test]
    fn the_strongest_counts_and_an_unknown_one_is_none() {
        let all: BTreeMap<Box<str>, Box<str>> =
            ABC.into_iter().map(|(name, digits)| (name.into(), digits.into())).collect();
        assert_eq!(Claim::strongest(&all).unwrap().algorithm, "sha512");
        assert_eq!(Claim::strongest(&BTreeMap::from([("blake2b".into(), "00".into())])), None);
    }
}
