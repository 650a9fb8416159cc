//! A signed request, each part of its own kind, and compared with what the exchange asks for.

use daypass_core::{
    Timestamp,
    digest::{Sha256, Sha256Hasher},
    names::IdentityName,
    secret::Secret,
};
use jiff::{civil::DateTime, tz::Offset};

use super::{CallerRefused, CallerToken, FARTHEST_AHEAD, LONGEST_AGE, Region};

/// The longest session token that is sent on, in bytes. Those of AWS have about one kilobyte.
const MAX_SECURITY_TOKEN_BYTES: usize = 6 * 1024;

/// A signed request whose parts are of their kinds. Nothing of it is believed.
#[derive(Debug, Clone)]
pub struct SignedCaller {
    pub(super) region: Region,
    pub(super) access_key_id: String,
    pub(super) amz_date: String,
    pub(super) signed_at: Timestamp,
    pub(super) security_token: Option<Secret>,
    pub(super) signature: Secret,
    pub(super) audience: String,
    pub(super) identity: Option<IdentityName>,
    pub(super) nonce: String,
}

/// What a signed request must say.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedCaller<'a> {
    /// It must be signed for exactly one of these: the server's public URL, as a rule.
    pub audiences: &'a [Box<str>],
    /// It must be signed for exactly the identity that the exchange names, or for none if it names none.
    pub identity: Option<&'a str>,
    /// It must be signed for one of these regions.
    pub regions: &'a [Region],
    /// The time.
    pub now: Timestamp,
}

/// A signed request that is worth asking AWS about: it is for us, for this identity, and fresh. Only
/// [`SignedCaller::check`] makes one.
#[derive(Debug, Clone)]
pub struct CheckedCaller(SignedCaller);

impl CheckedCaller {
    pub(super) const fn caller(&self) -> &SignedCaller {
        &self.0
    }
}

impl SignedCaller {
    /// Reads a `subject_token`, strictly: each part has one spelling, so two texts are never the same request.
    pub fn parse(text: &str) -> Result<Self, CallerRefused> {
        let token = CallerToken::read(text)?;
        let malformed = CallerRefused::Malformed;
        let region = token.region.parse().map_err(|_| malformed("`region` is not the name of a region"))?;
        let key_id = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if !(16..=128).contains(&token.access_key_id.len()) || !token.access_key_id.bytes().all(key_id) {
            return Err(malformed("`access_key_id` is not the id of a key"));
        }
        let signed_at = read_date(&token.amz_date).ok_or(malformed("`amz_date` is not like 20261126T152544Z"))?;
        if token.security_token.as_ref().is_some_and(|token| !is_security_token(token.expose())) {
            return Err(malformed("`security_token` is not a session token"));
        }
        if !is_hexadecimal(token.signature.expose(), 64) {
            return Err(malformed("`signature` is not 64 lower-case hexadecimal digits"));
        }
        if !is_hexadecimal(&token.nonce, 32) {
            return Err(malformed("`nonce` is not 32 lower-case hexadecimal digits"));
        }
        if token.audience.is_empty() || !token.audience.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(malformed("`audience` is not a URL"));
        }
        let identity = Some(token.identity.as_str()).filter(|name| !name.is_empty());
        let identity = identity.map(str::parse).transpose();
        let identity = identity.map_err(|_| malformed("`identity` is not the name of an identity"))?;
        Ok(Self {
            region,
            access_key_id: token.access_key_id,
            amz_date: token.amz_date,
            signed_at,
            security_token: token.security_token,
            signature: token.signature,
            audience: token.audience,
            identity,
            nonce: token.nonce,
        })
    }

    /// Compares it with what the exchange asks for. What remains to be found out, only AWS can say.
    pub fn check(self, expected: &ExpectedCaller<'_>) -> Result<CheckedCaller, CallerRefused> {
        if !expected.regions.contains(&self.region) {
            return Err(CallerRefused::RegionNotListed(self.region.to_string()));
        }
        if !expected.audiences.iter().any(|audience| **audience == *self.audience) {
            return Err(CallerRefused::WrongAudience);
        }
        if self.identity.as_ref().map(IdentityName::as_str) != expected.identity {
            return Err(CallerRefused::WrongIdentity);
        }
        let age = expected.now.duration_since(self.signed_at);
        if age > LONGEST_AGE {
            return Err(CallerRefused::Expired);
        }
        if -age > FARTHEST_AHEAD {
            return Err(CallerRefused::SignedInFuture);
        }
        Ok(CheckedCaller(self))
    }

    /// What makes it the same proof as another: everything that the signature depends on and that may differ.
    pub(super) fn digest(&self) -> Sha256 {
        let mut hasher = Sha256Hasher::new();
        for part in [self.region.as_str(), &self.access_key_id, &self.amz_date, self.signature.expose()] {
            hasher.update(part.as_bytes());
            hasher.update(b"\n");
        }
        hasher.finish()
    }
}

/// `20261126T152544Z`, and nothing that means the same.
fn read_date(text: &str) -> Option<Timestamp> {
    const FORM: &str = "%Y%m%dT%H%M%SZ";
    if text.len() != 16 {
        return None;
    }
    let date = DateTime::strptime(FORM, text).ok()?;
    let same = date.strftime(FORM).to_string() == text;
    Offset::UTC.to_timestamp(date).ok().filter(|_| same)
}

fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_security_token(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'.');
    (1..=MAX_SECURITY_TOKEN_BYTES).contains(&text.len()) && text.bytes().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "https://packages.example.com";
    const GOOD: [(&str, &str); 8] = [
        ("region", "eu-central-1"),
        ("access_key_id", "ASIAIOSFODNN7EXAMPLE"),
        ("amz_date", "20261126T120000Z"),
        ("security_token", "IQoJb3JpZ2luX2VjE+/="),
        ("signature", "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"),
        ("audience", SERVER),
        ("identity", "ci/app"),
        ("nonce", "00112233445566778899aabbccddeeff"),
    ];

    fn with(member: &str, value: &str) -> Result<SignedCaller, CallerRefused> {
        let mut object = serde_json::Map::new();
        object.extend(GOOD.map(|(name, value)| (name.to_owned(), value.into())));
        object.insert(member.to_owned(), value.into());
        SignedCaller::parse(&serde_json::Value::Object(object).to_string())
    }

    fn good() -> SignedCaller {
        with("identity", "ci/app").unwrap()
    }

    struct Here {
        audiences: [Box<str>; 1],
        regions: [Region; 2],
    }

    impl Here {
        fn expected(&self) -> ExpectedCaller<'_> {
            let now = "2026-11-26T12:00:00Z".parse().unwrap();
            let (audiences, regions) = (&self.audiences[..], &self.regions[..]);
            ExpectedCaller { audiences, identity: Some("ci/app"), regions, now }
        }
    }

    fn here() -> Here {
        let regions = ["us-east-1", "eu-central-1"].map(|region| region.parse().unwrap());
        Here { audiences: [SERVER.into()], regions }
    }

    #[test]
    fn a_part_that_is_not_of_its_kind_is_refused() {
        good();
        let long = "A".repeat(129);
        let too_long = "t".repeat(MAX_SECURITY_TOKEN_BYTES + 1);
        let upper = GOOD[4].1.to_uppercase();
        for (member, values) in [
            ("region", vec!["", "eu-central-1.evil.example", "evil.example/", "EU-CENTRAL-1"]),
            // Each of these would begin another part of the `Authorization` header, or another header.
            (
                "access_key_id",
                vec![
                    "",
                    "ASIA",
                    &long,
                    "ASIAIOSFODNN7EXAMPL/",
                    "ASIAIOSFODNN7EXAMPLe",
                    "ASIAIOSFODNN7 EXAMPLE",
                    "ASIAIOSFODNN7EXAMPLE/20261126/eu-central-1/iam/aws4_request",
                    "ASIAIOSFODNN7EXAMPLE\r\nHost: x",
                    "ASIAIOSFODNN7EXAMPLE, SignedHeaders=host",
                ],
            ),
            (
                "amz_date",
                vec![
                    "",
                    "20261126T120000",
                    "20261126T120000z",
                    "2026-11-26T12:00:00Z",
                    "20261326T120000Z",
                    "20260230T120000Z",
                    "20261126T250000Z",
                    "20261126T120060Z",
                    "+0261126T120000Z",
                    " 0261126T120000Z",
                    "20261126T12000 Z",
                    "20261126T120000Z\n",
                ],
            ),
            ("security_token", vec!["", "a b", "a\n", "a\r\nx-daypass-identity: ci/other", "a;b", "\u{e4}", &too_long]),
            (
                "signature",
                vec![
                    "",
                    &upper,
                    &GOOD[4].1[1..],
                    "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7 ",
                    "gd672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
                ],
            ),
            (
                "audience",
                vec!["", "https://packages.example.com ", "https://packages.example.com\r\nhost: x", "\u{e4}"],
            ),
            (
                "nonce",
                vec![
                    "",
                    "0011",
                    "00112233445566778899AABBCCDDEEFF",
                    "00112233445566778899aabbccddeef ",
                    &GOOD[4].1[..33],
                ],
            ),
            ("identity", vec![" ", "ci//app", "ci/app ", "ci/app\r\nhost: x", "ci/app, ci/other", "/"]),
        ] {
            for value in values {
                assert!(matches!(with(member, value), Err(CallerRefused::Malformed(_))), "{member} = {value:?}");
            }
        }
    }

    #[test]
    fn it_is_for_this_server_this_identity_and_a_listed_region() {
        let here = here();
        good().check(&here.expected()).unwrap();
        for (member, value, code) in [
            ("region", "eu-central-2", "region_not_listed"),
            ("region", "cn-north-1", "region_not_listed"),
            ("audience", "https://packages.example.com/", "wrong_audience"),
            ("audience", "https://packages.example.com.evil.example", "wrong_audience"),
            ("audience", "HTTPS://packages.example.com", "wrong_audience"),
            ("identity", "ci/other", "wrong_identity"),
            ("identity", "ci/app2", "wrong_identity"),
            ("identity", "", "wrong_identity"),
        ] {
            let refused = with(member, value).unwrap().check(&here.expected()).unwrap_err();
            assert_eq!(refused.code(), code, "{member} = {value}");
        }
        // An exchange that names no identity is not served by a signature for one, and is by a signature for none.
        let none = ExpectedCaller { identity: None, ..here.expected() };
        assert_eq!(good().check(&none).unwrap_err().code(), "wrong_identity");
        with("identity", "").unwrap().check(&none).unwrap();
        assert_eq!(
            good().check(&ExpectedCaller { regions: &[], ..here.expected() }).unwrap_err().code(),
            "region_not_listed"
        );
    }

    #[test]
    fn it_is_fresh_to_the_second() {
        let here = here();
        for (amz_date, outcome) in [
            ("20261126T114500Z", None),
            ("20261126T114459Z", Some("expired")),
            ("20251126T120000Z", Some("expired")),
            ("20261126T120500Z", None),
            ("20261126T120501Z", Some("issued_in_future")),
        ] {
            let checked = with("amz_date", amz_date).unwrap().check(&here.expected());
            assert_eq!(checked.err().map(|refused| refused.code()), outcome, "{amz_date}");
        }
    }

    #[test]
    fn another_signature_is_another_proof() {
        let first = good().digest();
        assert_eq!(first, good().digest());
        for (member, value) in [
            ("signature", "0d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"),
            ("amz_date", "20261126T120001Z"),
            ("access_key_id", "ASIAIOSFODNN7EXAMPLF"),
            ("region", "us-east-1"),
        ] {
            assert_ne!(with(member, value).unwrap().digest(), first, "{member}");
        }
    }
}
