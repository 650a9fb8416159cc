//! The outside world, faked.

pub mod oidc;
pub mod upstream;
pub mod wheel;
