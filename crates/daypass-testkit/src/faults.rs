//! Faults between two programs: a proxy before a real server, which refuses, stalls, cuts and lies on demand.
//!
//! [`Wire`] knows bytes only and stands before anything; [`S3Faults`] knows HTTP and stands before an S3-compatible
//! store. Neither answers anything of its own as long as nothing is wrong.

mod http;
mod served;
mod wire;

pub use http::{Fault, S3Faults, SeenByStore};
pub(crate) use served::{ANY, Served, serve};
pub use wire::Wire;
