//! People sign in: in the browser, with a code, many at once, and what becomes of it during the day.

mod browser;
mod code;
mod keychain;
mod many;
mod nobody;
mod profiles;
pub(crate) mod session;
mod sign_out;
mod system_wide;
