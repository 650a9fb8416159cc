//! What a certificate of Fulcio says (RFC 5280, and Fulcio's own extensions).
//!
//! `webpki` has read the same bytes before and judges the chain; this only finds what it does not show.

use der::{
    Decode as _, Encode as _, Reader as _, SliceReader, Tag, Tagged as _,
    asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef},
};

use super::Why;

const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// RFC 6962 §3.3: the signed certificate timestamps.
const TIMESTAMPS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");

/// Fulcio's extensions that hold a text as DER. The older ones, below 8, hold raw bytes and repeat what is in these.
#[derive(Debug, Clone, Copy)]
pub(super) enum Claim {
    /// Who vouched for the workflow to the authority.
    Issuer,
    /// What ran, with its version.
    BuildSignerUri,
    /// The repository.
    SourceRepositoryUri,
    /// The commit.
    SourceRepositoryDigest,
    /// The ref.
    SourceRepositoryRef,
    /// The workflow that was started, with its ref or commit.
    BuildConfigUri,
}

impl Claim {
    const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::Issuer => ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.8"),
            Self::BuildSignerUri => ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.9"),
            Self::SourceRepositoryUri => ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.12"),
            Self::SourceRepositoryDigest => ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.13"),
            Self::SourceRepositoryRef => ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.14"),
            Self::BuildConfigUri => ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.18"),
        }
    }
}

/// A certificate, taken apart.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    /// The members of the part that is signed, but for the extensions.
    members: Vec<AnyRef<'a>>,
    extensions: Vec<Extension<'a>>,
}

#[derive(Debug)]
struct Extension<'a> {
    whole: AnyRef<'a>,
    oid: ObjectIdentifier,
    value: &'a [u8],
}

/// RFC 5280 §4.1: the extensions' tag, `[3]`.
const EXTENSIONS: Tag = Tag::ContextSpecific { constructed: true, number: der::TagNumber(3) };

impl<'a> Certificate<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Why> {
        Self::take_apart(bytes).ok_or(Why::Certificate("is not understood"))
    }

    fn take_apart(bytes: &'a [u8]) -> Option<Self> {
        let certificate = sequence(AnyRef::from_der(bytes).ok()?)?;
        let mut members = sequence(*certificate.first()?)?;
        let extensions = members.pop().filter(|last| last.tag() == EXTENSIONS)?;
        let extensions = sequence(AnyRef::from_der(extensions.value()).ok()?)?;
        let extensions: Vec<_> = extensions.into_iter().map(Extension::read).collect::<Option<_>>()?;
        // RFC 5280 §4.2: no extension is there twice. Two readers could see two certificates.
        let mut oids: Vec<_> = extensions.iter().map(|extension| extension.oid).collect();
        oids.sort_unstable();
        oids.dedup();
        (oids.len() == extensions.len()).then_some(Self { members, extensions })
    }

    fn extension(&self, oid: ObjectIdentifier) -> Option<&'a [u8]> {
        self.extensions.iter().find(|extension| extension.oid == oid).map(|extension| extension.value)
    }

    /// One of Fulcio's claims.
    pub(super) fn claim(&self, claim: Claim) -> Option<&'a str> {
        let value = AnyRef::from_der(self.extension(claim.oid())?).ok()?;
        std::str::from_utf8(value.value()).ok().filter(|_| value.tag() == Tag::Utf8String)
    }

    /// The e-mail address that it was given to, if it was given to that one name.
    pub(super) fn email(&self) -> Option<&'a str> {
        /// RFC 5280 §4.2.1.6: `rfc822Name`.
        const EMAIL: Tag = Tag::ContextSpecific { constructed: false, number: der::TagNumber(1) };
        match sequence(AnyRef::from_der(self.extension(SUBJECT_ALT_NAME)?).ok()?)?.as_slice() {
            [name] if name.tag() == EMAIL => std::str::from_utf8(name.value()).ok().filter(|text| text.is_ascii()),
            _ => None,
        }
    }

    /// Whether its key may sign (RFC 5280 §4.2.1.3).
    pub(super) fn may_sign(&self) -> bool {
        let usage = self.extension(KEY_USAGE).and_then(|value| BitStringRef::from_der(value).ok());
        usage.and_then(|usage| usage.raw_bytes().first().copied()).is_some_and(|first| first & 0x80 != 0)
    }

    /// The list of signed certificate timestamps, as TLS writes it.
    pub(super) fn timestamps(&self) -> Option<&'a [u8]> {
        Some(<&OctetStringRef>::from_der(self.extension(TIMESTAMPS)?).ok()?.as_bytes())
    }

    /// What a log of certificates has seen: the signed part without the timestamps (RFC 6962 §3.2).
    pub(super) fn before_timestamps(&self) -> Option<Vec<u8>> {
        let mut list = Vec::new();
        for extension in self.extensions.iter().filter(|extension| extension.oid != TIMESTAMPS) {
            extension.whole.encode_to_vec(&mut list).ok()?;
        }
        let list = AnyRef::new(Tag::Sequence, &list).ok()?.to_der().ok()?;
        let mut members = Vec::new();
        for member in &self.members {
            member.encode_to_vec(&mut members).ok()?;
        }
        AnyRef::new(EXTENSIONS, &list).ok()?.encode_to_vec(&mut members).ok()?;
        AnyRef::new(Tag::Sequence, &members).ok()?.to_der().ok()
    }
}

impl<'a> Extension<'a> {
    fn read(whole: AnyRef<'a>) -> Option<Self> {
        let members = sequence(whole)?;
        let (oid, value) = match members.as_slice() {
            [oid, value] => (oid, value),
            [oid, critical, value] if critical.tag() == Tag::Boolean => (oid, value),
            _ => return None,
        };
        let value: &OctetStringRef = value.decode_as().ok()?;
        Some(Self { whole, oid: oid.decode_as().ok()?, value: value.as_bytes() })
    }
}

/// The members of a SEQUENCE.
fn sequence(whole: AnyRef<'_>) -> Option<Vec<AnyRef<'_>>> {
    if whole.tag() != Tag::Sequence {
        return None;
    }
    let mut reader = SliceReader::new(whole.value()).ok()?;
    let mut members = Vec::new();
    while !reader.is_finished() {
        members.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(members)
}
