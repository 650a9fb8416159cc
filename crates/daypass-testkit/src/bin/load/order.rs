//! Orders for whoever needs no scheduler: one JSON object a line on standard input.

use std::io::{self, BufRead as _};

use serde_json::Value;

/// The orders, until standard input ends.
pub(crate) struct Orders;

impl Iterator for Orders {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        (io::stdin().lock().read_line(&mut line).ok()? > 0)
            .then(|| serde_json::from_str(&line).expect("a line of JSON"))
    }
}

/// A text of an order.
pub(crate) fn text<'a>(order: &'a Value, key: &str) -> &'a str {
    order.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("a `{key}`"))
}

/// A number of an order.
pub(crate) fn number(order: &Value, key: &str) -> u64 {
    order.get(key).and_then(Value::as_u64).unwrap_or_else(|| panic!("a `{key}`"))
}

/// The `headers` of an order, as they are sent. In an order, because others can read command lines.
pub(crate) fn lines(order: &Value) -> String {
    let headers = order.get("headers").and_then(Value::as_array).expect("`headers`");
    headers.iter().filter_map(Value::as_str).flat_map(|line| [line, "\r\n"]).collect()
}
