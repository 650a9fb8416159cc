//! CBOR as authenticators write it (CTAP 2.2 §8): small, shallow maps.

use ciborium::Value;

use super::NotAccepted;

/// How deep values may be nested. CTAP allows four levels; whatever is deeper was written to hurt.
const DEEPEST: usize = 8;

/// Reads one value that stands at the beginning of `bytes`; moves `bytes` behind it.
pub(super) fn read(bytes: &mut &[u8]) -> Result<Value, NotAccepted> {
    ciborium::de::from_reader_with_recursion_limit(bytes, DEEPEST).map_err(|_| NotAccepted::Malformed)
}

/// Reads a value with nothing behind it.
pub(super) fn read_all(mut bytes: &[u8]) -> Result<Value, NotAccepted> {
    let value = read(&mut bytes)?;
    if bytes.is_empty() { Ok(value) } else { Err(NotAccepted::Malformed) }
}

/// A member of a map. One that is there twice is refused: two programs might each take another.
pub(super) fn find<'v>(map: &'v Value, key: &Value) -> Result<Option<&'v Value>, NotAccepted> {
    let Value::Map(members) = map else { return Err(NotAccepted::Malformed) };
    let mut found = members.iter().filter(|(known, _)| known == key).map(|(_, value)| value);
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(NotAccepted::Malformed),
        (found, None) => Ok(found),
    }
}
