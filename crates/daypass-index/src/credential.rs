//! Finds the access token or pull token in a request (RFC 7617 Basic, RFC 6750 Bearer).
//!
//! What is *not* here: whether it is worth anything (see [`guard`](crate::guard)).

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use daypass_core::secret::Secret;

use crate::error::Unauthenticated;

/// The longest header value that is looked at, in bytes. Access tokens have about one thousand.
const LONGEST: usize = 16 * 1024;

/// Installers write the padding, people's scripts do not always.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The one `Authorization` header, if it is short enough to be looked at.
pub(crate) fn authorization(headers: &HeaderMap) -> Result<&HeaderValue, Unauthenticated> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(Unauthenticated::Missing)?;
    // Two credentials: nobody could say which of them was meant.
    if values.next().is_some() || value.len() > LONGEST {
        return Err(Unauthenticated::Malformed);
    }
    Ok(value)
}

/// The access token in it.
pub(crate) fn access_token(value: &HeaderValue) -> Result<Secret, Unauthenticated> {
    // `to_str` refuses what is not visible ASCII.
    let value = value.to_str().map_err(|_| Unauthenticated::Malformed)?;
    let (scheme, rest) = value.split_once(' ').ok_or(Unauthenticated::Malformed)?;
    let rest = rest.trim_matches(' ');
    let access_token = if scheme.eq_ignore_ascii_case("bearer") {
        Secret::new(rest)
    } else if scheme.eq_ignore_ascii_case("basic") {
        password(rest)?
    } else {
        return Err(Unauthenticated::Malformed);
    };
    if access_token.is_empty() {
        return Err(Unauthenticated::Empty);
    }
    if !access_token.expose().is_ascii() {
        return Err(Unauthenticated::Malformed);
    }
    Ok(access_token)
}

/// The password of Basic credentials. The user name may be anything: pip, uv and poetry each bring their own.
fn password(encoded: &str) -> Result<Secret, Unauthenticated> {
    let decoded = BASE64.decode(encoded).map_err(|_| Unauthenticated::Malformed)?;
    let pair = Secret::new(String::from_utf8(decoded).map_err(|_| Unauthenticated::Malformed)?);
    let (_, password) = pair.expose().split_once(':').ok_or(Unauthenticated::Malformed)?;
    Ok(Secret::new(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(value: &[u8]) -> Result<String, Unauthenticated> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        access_token(authorization(&headers)?).map(|secret| secret.expose().to_owned())
    }

    fn basic(pair: &str) -> Vec<u8> {
        format!("Basic {}", BASE64.encode(pair)).into_bytes()
    }

    #[test]
    fn any_user_name_goes_with_an_access_token() {
        for pair in ["_token:abc", "anna:abc", ":abc"] {
            assert_eq!(found(&basic(pair)).unwrap(), "abc", "{pair}");
        }
        assert_eq!(found(&basic("_token:a:b")).unwrap(), "a:b");
        assert_eq!(found(b"bearer abc").unwrap(), "abc");
        assert_eq!(found(b"BASIC OmFiYw").unwrap(), "abc");
    }

    #[test]
    fn what_holds_no_access_token_is_refused() {
        use Unauthenticated::{Empty, Malformed};
        for (value, why) in [
            (&b"Basic"[..], Malformed),
            (b"", Malformed),
            (b"Basic ", Malformed),
            (b"Basic !!!", Malformed),
            (b"Basic bm8gY29sb24=", Malformed),
            (b"Basic /////w==", Malformed),
            (b"Digest abc", Malformed),
            (b"abc", Malformed),
            (b"Bearer \xc3\xa4", Malformed),
            (b"Basic \xff", Malformed),
            (b"Bearer ", Empty),
            (b"Basic Og==", Empty),
            (b"Basic dXNlcjo=", Empty),
        ] {
            assert_eq!(found(value), Err(why), "{value:?}");
        }
        assert_eq!(found(&basic("_token:\u{e4}bc")), Err(Malformed));
        assert_eq!(found(&basic(&format!("_token:{}", "a".repeat(16 * 1024)))), Err(Malformed));
    }

    #[test]
    fn two_credentials_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(authorization(&headers), Err(Unauthenticated::Missing));
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert_eq!(authorization(&headers), Err(Unauthenticated::Malformed));
    }
}
