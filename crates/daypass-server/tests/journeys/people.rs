//! People: a browser, a company's provider, a terminal somebody looks at.
//!
//! The provider is the certified `oidc-provider`, the browser is Chromium, and the pages are ours. Every page that the
//! browser meets on the way is looked at too: accessibility, a strict policy that holds, room on a phone.

mod accounts;
mod attacks;
mod browser;
mod certified;
mod console;
mod corp;
mod device;
mod ending;
mod installs;
pub(crate) mod office;
mod pages;
mod replay;
mod roles;
mod terminal;
mod together;
mod wire;
