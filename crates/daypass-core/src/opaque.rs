//! Opaque secrets that we make: how they look, so that people, scanners and we ourselves know them at sight.
//!
//! `daypass_rt_` + 43 characters of base 62 (32 random bytes) + 6 characters of base 62 (CRC-32 of all before). The
//! checksum proves nothing; it lets a scanner tell a leaked one from noise, and spares the database a question.

use crate::{digest::Sha256, secret::Secret};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 > 2^256.
const BODY: usize = 43;
/// 62^6 > 2^32.
const CHECK: usize = 6;

/// What an opaque secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RFC 6749 §1.5.
    RefreshToken,
    /// RFC 6749 §1.3.1.
    AuthorizationCode,
    /// RFC 8628 §1.
    DeviceCode,
    /// What an invite link ends with.
    Invite,
    /// What a tool that can do nothing better sends as a password ([`crate::pull_token`]).
    PullToken,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::RefreshToken => "daypass_rt_",
            Self::AuthorizationCode => "daypass_ac_",
            Self::DeviceCode => "daypass_dc_",
            Self::Invite => "daypass_iv_",
            Self::PullToken => "daypass_pt_",
        }
    }

    /// A new secret of this kind, from 32 random bytes.
    pub fn make(self, random: [u8; 32]) -> Secret {
        let mut text = self.prefix().to_owned();
        text.push_str(&base62(&random, BODY));
        let check = crc32fast::hash(text.as_bytes());
        text.push_str(&base62(&check.to_be_bytes(), CHECK));
        Secret::new(text)
    }

    /// The digest under which `text` is kept, if it is one of this kind at all.
    pub fn digest(self, text: &str) -> Option<Sha256> {
        let rest = text.strip_prefix(self.prefix())?;
        if rest.len() != BODY + CHECK || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (body, check) = text.split_at_checked(text.len() - CHECK)?;
        (base62(&crc32fast::hash(body.as_bytes()).to_be_bytes(), CHECK) == check).then(|| Sha256::of(text))
    }
}

/// A big-endian number in base 62, filled up with zeros to `width`.
fn base62(number: &[u8], width: usize) -> String {
    let mut rest = number.to_vec();
    let mut digits = Vec::with_capacity(width);
    for _ in 0..width {
        let mut remainder: u16 = 0;
        for byte in &mut rest {
            let value = remainder * 256 + u16::from(*byte);
            // Both are below 256: value < 62 * 256.
            *byte = u8::try_from(value / 62).unwrap_or_default();
            remainder = value % 62;
        }
        digits.push(char::from(ALPHABET.get(usize::from(remainder)).copied().unwrap_or(b'0')));
    }
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_everybody_uses() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
        assert_eq!(base62(&u32::MAX.to_be_bytes(), 6), "4gfFC3");
        assert_eq!(base62(&[255; 32], BODY).len(), BODY);
    }

    #[test]
    fn only_what_was_made_so_is_looked_up() {
        let made = Kind::RefreshToken.make([7; 32]);
        let text = made.expose();
        assert!(text.starts_with("daypass_rt_") && text.len() == 60, "{}", text.len());
        assert_eq!(Kind::RefreshToken.digest(text), Some(Sha256::of(text)));
        assert_eq!(Kind::DeviceCode.digest(text), None);
        let mut flipped = text.to_owned();
        let other = if flipped.ends_with('0') { "1" } else { "0" };
        flipped.replace_range(59.., other);
        for text in ["", "daypass_rt_", &text[1..], &flipped, &format!("{text}0"), &"ä".repeat(30)] {
            assert_eq!(Kind::RefreshToken.digest(text), None, "{text}");
        }
        assert_ne!(Kind::RefreshToken.make([1; 32]).expose(), Kind::RefreshToken.make([2; 32]).expose());
    }
}
