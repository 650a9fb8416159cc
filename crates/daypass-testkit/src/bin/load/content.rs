//! The wheels that indexes are measured with, the same in every run.

use std::{fs, path::Path};

use daypass_testkit::{closure::closure, wheel::Wheel};
use serde_json::json;

use crate::{
    order::{Orders, text},
    say,
};

/// For `{"folder": …}` writes the wheels into it, and says how many.
///
/// `small-lib` has one file of 11 KB, `big-lib` a thousand, `large-lib` one of 5 MB and one of 100 MB, `pulled-lib`
/// a hundred of 1 MB, and `closure-app` needs 29 others.
pub(crate) fn run() {
    for order in Orders {
        let folder = Path::new(text(&order, "folder"));
        let count = wheels().map(|wheel| keep(folder, &wheel)).count();
        say(&json!({ "wheels": count }));
    }
}

fn wheels() -> impl Iterator<Item = Wheel> {
    let small = Wheel::new("small-lib", "1.0").padding(10_000);
    let big = (0..1000).map(|version| Wheel::new("big-lib", &format!("1.{version}")));
    let large = [5_000_000, 100_000_000].map(|bytes| Wheel::new("large-lib", &format!("1.{bytes}")).padding(bytes));
    let pulled = (0..100).map(|version| Wheel::new("pulled-lib", &format!("1.{version}")).padding(1_000_000));
    // As long as small libraries are.
    let closure = closure("closure-app", 30).into_iter().map(|wheel| wheel.padding(100_000));
    [small].into_iter().chain(big).chain(large).chain(pulled).chain(closure)
}

fn keep(folder: &Path, wheel: &Wheel) {
    fs::write(folder.join(wheel.file_name()), wheel.bytes()).expect("a file is written");
}
