//! How long the first byte of a file takes.

use serde_json::json;

use crate::{
    order::{Orders, lines, text},
    say,
    wire::{Wire, get, percentiles},
};

/// For each `{"urls": [URL, …], "headers": [LINE, …]}` asks for each once, on one connection, and says how long the
/// first byte took, and the last.
pub(crate) fn run() {
    for order in Orders {
        let headers = lines(&order);
        let urls: Vec<String> =
            serde_json::from_value(order.get("urls").cloned().unwrap_or_default()).expect("a list of `urls`");
        let mut wire = Wire::to(urls.first().map_or_else(|| text(&order, "urls"), String::as_str));
        let answers: Vec<_> = urls.iter().map(|url| wire.ask(&get(url, &headers))).collect();
        let failed = answers.iter().filter(|answer| answer.status != 200).count();
        let first = percentiles(answers.iter().map(|answer| answer.first_byte).collect());
        let whole = percentiles(answers.iter().map(|answer| answer.took).collect());
        say(&json!({ "first": first, "whole": whole, "failed": failed }));
    }
}
