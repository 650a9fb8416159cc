//! Which request something belongs to.

use std::{fmt, net::IpAddr};

/// What the server knows of a request before anything of it is believed.
///
/// Made once at the socket, carried in the request's extensions, copied into audit events and log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestContext {
    /// The request's id.
    pub id: RequestId,
    /// The address of the socket's other end.
    pub peer: IpAddr,
}

/// Names one request, in the answer's `x-request-id`, the log and the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId {
    /// Random, the same for all requests of one server process.
    pub process: u64,
    /// Counts up within the process.
    pub number: u64,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:08x}", self.process, self.number)
    }
}
