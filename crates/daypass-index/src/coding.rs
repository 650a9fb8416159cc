//! Which content coding a request gets (RFC 9110 §12.5.3).

use axum::http::{HeaderMap, header};

use crate::negotiate::ranges;

/// A content coding that pages are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    /// RFC 8878. uv asks for it, and inflates it several times as fast.
    Zstd,
    /// RFC 1952. Every installer takes it.
    Gzip,
}

/// How much a client wants each coding, in thousandths; 0 is not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    zstd: u16,
    gzip: u16,
    /// 0 for whoever did not ask for it by name: it is what is sent when nothing else can be.
    plain: u16,
}

impl Accepted {
    /// What `Accept-Encoding` says.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let (mut zstd, mut gzip, mut plain, mut any) = (None, None, None, None);
        for range in ranges(headers, header::ACCEPT_ENCODING) {
            let is = |name: &str| range.name.eq_ignore_ascii_case(name);
            let place = match () {
                () if is("zstd") => &mut zstd,
                () if is("gzip") || is("x-gzip") => &mut gzip,
                () if is("identity") => &mut plain,
                () if range.name == "*" => &mut any,
                () => continue,
            };
            place.get_or_insert(range.weight);
        }
        // Whoever says `*` may not know zstd; gzip is known to everybody who knows anything.
        Self {
            zstd: zstd.unwrap_or_default(),
            gzip: gzip.or(any).unwrap_or_default(),
            plain: plain.unwrap_or_default(),
        }
    }

    /// The coding to send of a page that is kept in gzip, and maybe in zstd too; `None` is the page itself.
    pub(crate) fn best(self, has_zstd: bool) -> Option<ContentCoding> {
        let zstd = if has_zstd { self.zstd } else { 0 };
        match zstd.max(self.gzip) {
            weight if weight == 0 || weight < self.plain => None,
            // Where the client wants both alike, the better one.
            weight if weight == zstd => Some(ContentCoding::Zstd),
            _ => Some(ContentCoding::Gzip),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn asked(value: &str) -> Accepted {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap());
        Accepted::of(&headers)
    }

    #[test]
    fn gzip_is_sent_to_who_takes_it() {
        for value in ["gzip", "gzip, deflate", "GZIP", "*", "br, gzip;q=0.1", "x-gzip", "zstd, gzip"] {
            assert_eq!(asked(value).best(false), Some(ContentCoding::Gzip), "{value}");
        }
        for value in ["identity", "br", "gzip;q=0", "gzip;q=0, *", "", "zstd", "gzip;q=0.5, identity"] {
            assert_eq!(asked(value).best(false), None, "{value}");
        }
        assert_eq!(Accepted::of(&HeaderMap::new()).best(true), None);
    }

    #[test]
    fn zstd_is_sent_to_who_asks_for_it_unless_another_is_wanted_more() {
        // uv; pip with the package that reads zstd; browsers.
        for value in ["gzip, br, zstd", "gzip, deflate, zstd", "zstd", "gzip;q=0.5, zstd;q=0.8", "ZSTD;q=0.1"] {
            assert_eq!(asked(value).best(true), Some(ContentCoding::Zstd), "{value}");
        }
        for value in ["gzip, zstd;q=0.9", "gzip", "*", "zstd;q=0, gzip;q=0.1"] {
            assert_eq!(asked(value).best(true), Some(ContentCoding::Gzip), "{value}");
        }
        assert_eq!(asked("zstd;q=0").best(true), None);
    }
}
