//! Rules against those who would get around them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod attacks;
mod house;
mod presets;
mod properties;
