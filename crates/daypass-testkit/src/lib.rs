//! The outside world, faked.

pub mod aws;
pub mod closure;
pub mod faults;
mod form;
pub mod github;
pub mod hostile;
pub mod oidc;
pub mod release;
pub mod sigstore;
pub mod upload;
pub mod upstream;
pub mod wheel;
pub mod workload;
