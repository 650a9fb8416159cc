//! Sessions: what a sign-in leaves, and how it is kept alive.
//!
//! | module | idea |
//! |---|---|
//! | `rights` | what a person may do now |
//! | `pass` | the access and refresh tokens of one step of a session, made before they are recorded |
//! | `code` | a session for an authorization code (RFC 6749 §4.1.3) |
//! | `device_code` | a session for a device code (RFC 8628 §3.4) |
//! | `refresh` | the next access token for a refresh token (RFC 6749 §6) |

pub(crate) mod code;
pub(crate) mod device_code;
pub(crate) mod pass;
pub(crate) mod refresh;
pub(crate) mod rights;
