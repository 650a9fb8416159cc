//! `/dev/tty`: the terminal that controls this process, wherever its standard streams go.

use std::{
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags, open},
    io::{Errno, write},
    process::getpgrp,
    termios::{LocalModes, tcgetattr, tcgetpgrp},
};

/// How long a terminal may refuse to take text: somebody pressed Ctrl-S, or its window hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// The terminal.
#[derive(Debug)]
pub(super) struct Terminal(OwnedFd);

impl Terminal {
    /// The terminal, if there is one that we may write to.
    pub(super) fn open() -> Option<Self> {
        // Not blocking: our own opening of it, so nobody else's changes.
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let terminal = open("/dev/tty", flags, Mode::empty()).ok()?;
        may_write(&terminal).then_some(Self(terminal))
    }

    /// Writes `text`. Whether all of it went out.
    pub(super) fn write(&self, text: &str) -> bool {
        // Asked again each time: the shell may have put us into the background meanwhile.
        if !may_write(&self.0) {
            return false;
        }
        let begun = Instant::now();
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            match write(&self.0, rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let left = PATIENCE.saturating_sub(begun.elapsed());
                    let limit = Timespec { tv_sec: 0, tv_nsec: i64::from(left.subsec_nanos()) };
                    let mut wanted = [PollFd::new(&self.0, PollFlags::OUT)];
                    if left.is_zero() || poll(&mut wanted, Some(&limit)).is_ok_and(|ready| ready == 0) {
                        return false;
                    }
                }
                Err(_) => return false,
            }
        }
        true
    }
}

/// Whether writing is harmless: after `stty tostop` it would stop a process in the background.
fn may_write(terminal: &OwnedFd) -> bool {
    match tcgetpgrp(terminal) {
        Ok(foreground) if foreground == getpgrp() => true,
        _ => tcgetattr(terminal).is_ok_and(|modes| !modes.local_modes.contains(LocalModes::TOSTOP)),
    }
}
