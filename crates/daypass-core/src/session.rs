//! Sessions: how long they last, and what a refresh token that comes back means.

use crate::clock::Ttl;

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// From sign-in to the end, whatever happens: the day's pass.
    pub absolute: Ttl,
    /// Without a refresh.
    pub idle: Ttl,
    /// The life of an access token. It never outlives its session.
    pub access_token: Ttl,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            absolute: Ttl::from_secs(12 * 3600),
            idle: Ttl::from_secs(12 * 3600),
            access_token: Ttl::from_secs(3600),
        }
    }
}

/// Which of a session's refresh tokens was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// The one it got last.
    Current,
    /// The one that was exchanged for the current one.
    Previous,
    /// One before that, or one that was taken out of use.
    Older,
}

/// What a refresh does (RFC 9700 §4.14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// The next refresh token takes the place of the current one.
    Rotate,
    /// The answer to the last refresh was lost on its way: what it carried is withdrawn and made anew.
    Reissue,
    /// Somebody else has a copy: the session ends for both.
    Replayed,
}

/// How many lost answers in a row are believed. A connection that loses more is no connection, and each costs every
/// replica a revocation that it keeps in memory for the life of an access token.
pub const MOST_REISSUES: u32 = 10;

/// Tells a refresh from a replay.
///
/// A refresh token that was spent may come again for an innocent reason: its answer never arrived. That is believed as
/// long as nothing of that answer was used: neither the refresh token in it (then the presented one is older than
/// *previous*) nor the access token. A thief who has used what he got can not be mistaken for it.
///
/// `reissues` is how many answers in a row were given up for lost since the current refresh token was last exchanged:
/// after [`MOST_REISSUES`] it is somebody who loops, not a network.
pub fn on_refresh(presented: Presented, current_access_token_used: bool, reissues: u32) -> Refresh {
    match presented {
        Presented::Current => Refresh::Rotate,
        Presented::Previous if !current_access_token_used && reissues < MOST_REISSUES => Refresh::Reissue,
        Presented::Previous | Presented::Older => Refresh::Replayed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_answer_is_forgiven_and_a_copy_is_not() {
        for (presented, used, reissues, expected) in [
            (Presented::Current, false, 0, Refresh::Rotate),
            (Presented::Current, true, 0, Refresh::Rotate),
            (Presented::Current, false, u32::MAX, Refresh::Rotate),
            (Presented::Previous, false, 0, Refresh::Reissue),
            (Presented::Previous, false, MOST_REISSUES - 1, Refresh::Reissue),
            (Presented::Previous, false, MOST_REISSUES, Refresh::Replayed),
            (Presented::Previous, false, u32::MAX, Refresh::Replayed),
            (Presented::Previous, true, 0, Refresh::Replayed),
            (Presented::Older, false, 0, Refresh::Replayed),
            (Presented::Older, true, 0, Refresh::Replayed),
        ] {
            assert_eq!(on_refresh(presented, used, reissues), expected, "{presented:?} {used} {reissues}");
        }
    }
}
