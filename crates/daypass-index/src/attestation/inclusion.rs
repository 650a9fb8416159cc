//! That something is a leaf of a log's tree (RFC 9162 §2.1.3), whose root the log has signed as a checkpoint.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use daypass_core::digest::Sha256Hasher;
use serde::Deserialize;

use super::{
    Why,
    log::Number,
    signature,
    trust_root::{Base64, Log},
};

/// The most hashes of a proof: one for each level of a tree of 2^64 leaves.
const MOST_HASHES: usize = 64;

/// A proof.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Proof {
    log_index: Number,
    root_hash: Base64,
    tree_size: Number,
    #[serde(default)]
    hashes: Vec<Base64>,
    checkpoint: Checkpoint,
}

#[derive(Debug, Deserialize)]
struct Checkpoint {
    envelope: String,
}

/// Verifies that `body` is in `log`.
pub(super) fn verify(proof: &Proof, body: &[u8], log: &Log) -> Result<(), Why> {
    const NOT_IN_IT: Why = Why::Log("has a proof that does not hold");
    let hashes: Vec<&[u8]> = proof.hashes.iter().map(|hash| hash.0.as_slice()).collect();
    if hashes.len() > MOST_HASHES || hashes.iter().any(|hash| hash.len() != 32) {
        return Err(NOT_IN_IT);
    }
    let root = root(proof.log_index.0, proof.tree_size.0, leaf(body), &hashes).ok_or(NOT_IN_IT)?;
    if root.as_slice() != proof.root_hash.0 {
        return Err(NOT_IN_IT);
    }
    let signed =
        signed_tree(&proof.checkpoint.envelope, log).ok_or(Why::Log("has a proof that the log did not sign"))?;
    if signed == (proof.tree_size.0, root.to_vec()) { Ok(()) } else { Err(NOT_IN_IT) }
}

fn leaf(body: &[u8]) -> [u8; 32] {
    hash(&[&[0], body])
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    *hasher.finish().as_bytes()
}

/// RFC 9162 §2.1.3.2: the root that `hashes` lead to from the leaf at `index` of a tree of `size` leaves.
fn root(index: u64, size: u64, leaf: [u8; 32], hashes: &[&[u8]]) -> Option<[u8; 32]> {
    let (mut at, mut last) = (index, size.checked_sub(1)?);
    if at > last {
        return None;
    }
    let mut root = leaf;
    for other in hashes {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            root = hash(&[&[1], other, &root]);
            // At the right edge, levels without a neighbour are skipped.
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            root = hash(&[&[1], &root, other]);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

/// The size and the root hash that `log` signed: a checkpoint in a signed note, as Go's checksum database has them.
fn signed_tree(note: &str, log: &Log) -> Option<(u64, Vec<u8>)> {
    let (text, signatures) = note.split_once("\n\n")?;
    let text = format!("{text}\n");
    let good = signatures.lines().filter_map(|line| line.strip_prefix("\u{2014} ")).any(|line| {
        let signature = line.split_once(' ').and_then(|(_, signature)| STANDARD.decode(signature).ok());
        // Four bytes say which key is meant. It is enough that one of them is the log's.
        let signed = signature.as_deref().and_then(|signature| signature.split_at_checked(4));
        signed.is_some_and(|(_, signed)| signature::is_of(&log.key, text.as_bytes(), signed))
    });
    let mut lines = text.lines();
    let (_origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
    let size = size.bytes().all(|byte| byte.is_ascii_digit()).then(|| size.parse().ok())??;
    let root = STANDARD.decode(root).ok()?;
    good.then_some((size, root))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree of RFC 9162 §2.1.1, by its definition.
    fn tree(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            [one] => *one,
            more => {
                let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
                hash(&[&[1], &tree(left), &tree(right)])
            }
        }
    }

    /// The path of RFC 9162 §2.1.3.1, by its definition.
    fn path(index: usize, leaves: &[[u8; 32]]) -> Vec<[u8; 32]> {
        if leaves.len() == 1 {
            return Vec::new();
        }
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        if index < left.len() {
            [path(index, left), vec![tree(right)]].concat()
        } else {
            [path(index - left.len(), right), vec![tree(left)]].concat()
        }
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proven_and_no_other_is() {
        for size in 1..40_usize {
            let leaves: Vec<_> = (0..size).map(|number| leaf(&number.to_be_bytes())).collect();
            let expected = tree(&leaves);
            for index in 0..size {
                let path = path(index, &leaves);
                let hashes: Vec<&[u8]> = path.iter().map(<[u8; 32]>::as_slice).collect();
                let number = |number: usize| u64::try_from(number).unwrap();
                let found = |index, size, leaf, hashes: &[&[u8]]| root(number(index), number(size), leaf, hashes);
                assert_eq!(found(index, size, leaves[index], &hashes), Some(expected), "{index} of {size}");
                assert_ne!(found(index, size, leaf(b"x"), &hashes), Some(expected), "another leaf");
                assert_ne!(found(index + 1, size, leaves[index], &hashes), Some(expected), "another place");
                assert_eq!(found(size, size, leaves[index], &hashes), None, "outside the tree");
                assert_eq!(found(index, 0, leaves[index], &hashes), None, "an empty tree");
                let longer = [hashes.as_slice(), &[[7; 32].as_slice()]].concat();
                assert_eq!(found(index, size, leaves[index], &longer), None, "too long");
                if let [shorter @ .., _] = hashes.as_slice() {
                    assert_eq!(found(index, size, leaves[index], shorter), None, "too short");
                }
            }
        }
    }
}
