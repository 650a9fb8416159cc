//! A transparency log's entry, as Rekor gives it: in a tree with six others.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Key;

/// How many entries there are, and which one ours is: at the right edge, where proofs are shortest.
const SIZE: usize = 7;
const INDEX: usize = 4;

/// The entry of a statement, signed by the holder of the certificate, taken at `at`.
pub(super) fn entry(log: &Key, statement: &str, signatures: &[Vec<u8>], certificate: &[u8], at: i64) -> Value {
    let encoded = STANDARD.encode(certificate);
    let lines: Vec<&str> = encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    let signed =
        |signature: &Vec<u8>| json!({ "signature": STANDARD.encode(signature), "verifier": STANDARD.encode(&pem) });
    let body = json!({
        "apiVersion": "0.0.1",
        "kind": "dsse",
        "spec": {
            "envelopeHash": { "algorithm": "sha256", "value": "0".repeat(64) },
            "payloadHash": { "algorithm": "sha256", "value": hex(&Sha256::digest(statement)) },
            "signatures": signatures.iter().map(signed).collect::<Vec<_>>(),
        },
    })
    .to_string();

    let mut leaves: Vec<Vec<u8>> = (0..SIZE).map(|number| leaf(&number.to_be_bytes())).collect();
    leaves[INDEX] = leaf(body.as_bytes());
    let root = STANDARD.encode(tree(&leaves));
    let note = format!("rekor.example.com - 1\n{SIZE}\n{root}\n");
    let signature = [&log.id()[..4], &log.sign(note.as_bytes())].concat();
    let checkpoint = format!("{note}\n\u{2014} rekor.example.com {}\n", STANDARD.encode(signature));
    // Of all the shards that a log has had, this one is the latest.
    let all = 1000 + INDEX;
    let promised = format!(
        "{{\"body\":\"{}\",\"integratedTime\":{at},\"logID\":\"{}\",\"logIndex\":{all}}}",
        STANDARD.encode(&body),
        hex(&log.id())
    );
    json!({
        "logIndex": all.to_string(),
        "logId": { "keyId": STANDARD.encode(log.id()) },
        "kindVersion": { "kind": "dsse", "version": "0.0.1" },
        "integratedTime": at.to_string(),
        "inclusionPromise": { "signedEntryTimestamp": STANDARD.encode(log.sign(promised.as_bytes())) },
        "inclusionProof": {
            "logIndex": INDEX.to_string(),
            "rootHash": root,
            "treeSize": SIZE.to_string(),
            "hashes": path(INDEX, &leaves).iter().map(|hash| STANDARD.encode(hash)).collect::<Vec<_>>(),
            "checkpoint": { "envelope": checkpoint },
        },
        "canonicalizedBody": STANDARD.encode(body),
    })
}

fn leaf(content: &[u8]) -> Vec<u8> {
    Sha256::digest([&[0], content].concat()).to_vec()
}

/// RFC 6962 §2.1.
fn tree(leaves: &[Vec<u8>]) -> Vec<u8> {
    match leaves {
        [one] => one.clone(),
        more => {
            let (left, right) = more.split_at(more.len().next_power_of_two() / 2);
            Sha256::digest([&[1][..], &tree(left), &tree(right)].concat()).to_vec()
        }
    }
}

/// RFC 6962 §2.1.1.
fn path(index: usize, leaves: &[Vec<u8>]) -> Vec<Vec<u8>> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut path, other) = if index < left.len() {
        (path(index, left), tree(right))
    } else {
        (path(index - left.len(), right), tree(left))
    };
    path.push(other);
    path
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
