//! A person's browser: Chromium. Whatever it finds wrong with a page of ours fails the test at once.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::corp::Orders;
use crate::stage::Stage;

/// What the last page of a sign-in says.
pub(crate) const DONE: &str = "You may close this tab";

/// A browser; closed when dropped.
pub(crate) struct Browser {
    orders: Orders,
    /// The addresses it was sent to since the last [`Browser::visited`].
    visited: Vec<String>,
}

/// Where the browser is.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) url: String,
    /// What a person reads.
    pub(crate) text: String,
}

impl Browser {
    /// One that knows which pages are not ours.
    pub(crate) fn start(stage: &Stage, folder: &Path, providers: &[&str]) -> Self {
        Self { orders: Orders::start(stage, folder, "browser.mjs", providers).0, visited: Vec::new() }
    }

    fn order(&mut self, order: &Value) -> Page {
        let said = self.orders.send(order);
        let texts = |key: &str| -> Vec<String> {
            said[key].as_array().into_iter().flatten().filter_map(|one| one.as_str().map(str::to_owned)).collect()
        };
        let problems = texts("problems");
        assert!(problems.is_empty(), "a page of ours is not as it should be:\n{}", problems.join("\n"));
        self.visited.extend(texts("visited"));
        let text = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
        let page = Page { url: text("url"), text: text("text") };
        assert!(said["failed"].is_null(), "{}\nat {}:\n{}", said["failed"], page.url, page.text);
        page
    }

    /// Another machine: it has no cookies of this one.
    pub(crate) fn another_machine(&mut self) {
        self.order(&json!({ "do": "machine" }));
    }

    /// Another machine whose browser runs no scripts.
    pub(crate) fn without_scripts(&mut self) {
        self.order(&json!({ "do": "machine", "javascript": false }));
    }

    /// Goes to that tab of the machine.
    pub(crate) fn tab(&mut self, number: usize) {
        self.order(&json!({ "do": "tab", "number": number }));
    }

    pub(crate) fn open(&mut self, url: &str) -> Page {
        self.order(&json!({ "do": "open", "url": url }))
    }

    /// Presses the button or the link of that name.
    pub(crate) fn press(&mut self, name: &str) -> Page {
        self.order(&json!({ "do": "press", "name": name }))
    }

    /// Opens the part of the page that is folded under these words.
    pub(crate) fn opens(&mut self, words: &str) -> Page {
        self.order(&json!({ "do": "unfold", "words": words }))
    }

    /// Types into the field with that label.
    pub(crate) fn type_into(&mut self, label: &str, text: &str) -> Page {
        self.order(&json!({ "do": "type", "into": label, "text": text }))
    }

    /// Waits until the page says `text`.
    pub(crate) fn reads(&mut self, text: &str) -> Page {
        self.order(&json!({ "do": "read", "until": text }))
    }

    /// At the provider: signs in and consents.
    pub(crate) fn signs_in_as(&mut self, person: &str) -> Page {
        self.order(&json!({ "do": "sign-in", "as": person }))
    }

    /// At the provider: thinks better of it.
    pub(crate) fn refuses(&mut self) -> Page {
        self.order(&json!({ "do": "refuse" }))
    }

    /// Addresses that begin so are not asked for, from now on: the way ends there.
    pub(crate) fn stops_at(&mut self, url: &str) {
        self.order(&json!({ "do": "stop-at", "url": url }));
    }

    /// One more provider, whose pages are not ours.
    pub(crate) fn knows_provider(&mut self, origin: &str) {
        self.order(&json!({ "do": "provider", "origin": origin }));
    }

    /// A passkey can be made and used.
    pub(crate) fn has_passkeys(&mut self) {
        self.order(&json!({ "do": "passkeys" }));
    }

    /// Pictures of the page as it is now: light, dark, as narrow as a phone.
    pub(crate) fn picture(&mut self, stage: &Stage, name: &str) {
        let folder: PathBuf = stage.screenshots();
        self.order(&json!({ "do": "picture", "folder": folder, "name": name }));
    }

    /// The addresses that it was sent to since this was asked last.
    pub(crate) fn visited(&mut self) -> Vec<String> {
        std::mem::take(&mut self.visited)
    }

    /// From the address that a command opened to the provider's login, through our page with the click that it asks
    /// for.
    pub(crate) fn arrives_at_provider(&mut self, url: &str) -> Page {
        let page = self.open(url);
        let button = page.text.lines().map(str::trim).find(|line| line.starts_with("Continue with "));
        match button.map(ToOwned::to_owned) {
            Some(button) => self.press(&button),
            None => page,
        }
    }

    /// The whole way of a sign-in, from the address that a command opened.
    pub(crate) fn signs_in(&mut self, url: &str, person: &str) -> Page {
        self.arrives_at_provider(url);
        self.signs_in_as(person);
        self.reads(DONE)
    }
}
