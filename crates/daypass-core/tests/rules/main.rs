//! Rules against those who would get around them.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod attacks;
mod house;
mod presets;
mod properties;
