//! The outside world, faked.

mod form;
pub mod github;
pub mod oidc;
pub mod upstream;
pub mod wheel;
