//! `RECORD`: the files of a wheel and their digests, as CSV (PEP 376, PEP 427).

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::digest::{Sha256, hexadecimal};

use super::NotADistribution;

/// What `RECORD` says.
#[derive(Debug)]
pub(super) struct Record(HashMap<String, Line>);

/// What it says about one file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Nothing for `RECORD` itself.
    pub sha256: Option<Sha256>,
    /// It may be left out.
    pub size: Option<u64>,
}

impl Record {
    pub(super) fn read(text: &[u8]) -> Result<Self, NotADistribution> {
        let mut lines = HashMap::new();
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let refuse = |why| NotADistribution::RecordLine { line: number + 1, why };
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                continue;
            }
            let line = std::str::from_utf8(line).map_err(|_| refuse("is not UTF-8"))?;
            let fields = fields(line).ok_or_else(|| refuse("is not CSV"))?;
            let [path, digest, size] = <[String; 3]>::try_from(fields).map_err(|_| refuse("has not three fields"))?;
            let sha256 = match digest.split_once('=') {
                None if digest.is_empty() => None,
                Some(("sha256", digest)) => {
                    Some(sha256(digest).ok_or_else(|| refuse("has a SHA-256 that is not one"))?)
                }
                _ => return Err(refuse("has a digest other than SHA-256")),
            };
            let size = match &*size {
                "" => None,
                digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                    Some(digits.parse().map_err(|_| refuse("has a size that is too large"))?)
                }
                _ => return Err(refuse("has a size that is no number")),
            };
            // Some builders on Windows wrote them so.
            let path = path.replace('\\', "/");
            if lines.insert(path, Line { sha256, size }).is_some() {
                return Err(refuse("lists a file for the second time"));
            }
        }
        Ok(Self(lines))
    }

    pub(super) fn find(&self, name: &str) -> Option<&Line> {
        self.0.get(name)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// URL-safe Base64 without padding; some builders left it on.
fn sha256(digest: &str) -> Option<Sha256> {
    let bytes = URL_SAFE_NO_PAD.decode(digest.trim_end_matches('=')).ok()?;
    hexadecimal(&bytes).parse().ok()
}

/// The fields of a line as Python's `csv` reads them: quotes around a field, doubled within.
fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            let mut inside = quoted;
            loop {
                let (before, behind) = inside.split_once('"')?;
                field.push_str(before);
                let Some(more) = behind.strip_prefix('"') else {
                    rest = behind;
                    break;
                };
                field.push('"');
                inside = more;
            }
            fields.push(field);
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None if rest.is_empty() => return Some(fields),
                None => return None,
            }
        } else {
            let (field, next) = rest.split_once(',').map_or((rest, None), |(field, next)| (field, Some(next)));
            if field.contains('"') {
                return None;
            }
            fields.push(field.to_owned());
            match next {
                Some(next) => rest = next,
                None => return Some(fields),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";

    #[test]
    fn lines_are_read_as_csv() {
        let text = format!("a.py,{ABC},3\r\n\"b,\"\"c\"\".py\",{ABC}=,\nd\\e.py,{ABC},3\nx/RECORD,,\n");
        let record = Record::read(text.as_bytes()).unwrap();
        let line = Line { sha256: Some(Sha256::of("abc")), size: Some(3) };
        assert_eq!(record.find("a.py"), Some(&line));
        assert_eq!(record.find("b,\"c\".py"), Some(&Line { size: None, ..line }));
        assert!(record.find("d/e.py").is_some());
        assert_eq!(record.find("x/RECORD"), Some(&Line { sha256: None, size: None }));
        assert_eq!(record.len(), 4);
    }

    #[test]
    fn other_lines_are_refused() {
        let twice = format!("a,{ABC},3\na,{ABC},3\n");
        for text in [
            "a",
            "a,b",
            "a,,,",
            "a,md5=abc,3",
            "a,sha256=abc,3",
            "a,,-1",
            "a,,99999999999999999999",
            "\"a,,",
            "a\"b,,",
            "\"a\"b,,",
            &twice,
        ] {
            let refused = Record::read(text.as_bytes()).unwrap_err();
            assert!(matches!(refused, NotADistribution::RecordLine { .. }), "{text}");
        }
        assert!(Record::read(b"\xff,,").is_err());
    }
}
