//! A private project, and a newer one of the same name upstream: whoever installs that one has been tricked.

use super::desk::{Desk, says};
use crate::world::PRIVATE;

/// What the world's upstream has under the private name.
const STOLEN: &str = "99.0";

#[test]
fn pip_which_takes_the_highest_version_of_all_indexes_gets_the_private_one() {
    let desk = Desk::new();
    for version in ["23.2.1", "24.0", "25.3", "newest"] {
        let venv = desk.venv(version, version);
        says(&mut desk.pip(&venv, &["install", PRIVATE]));
        assert_eq!(desk.version(&venv.python(), PRIVATE).as_deref(), Some("1.0"), "pip {version}");
        // The same index twice, as a machine's and a project's settings may have it.
        let again = ["install", "--upgrade", "--extra-index-url", &desk.index_url(), PRIVATE];
        says(&mut desk.pip(&venv, &again));
        assert_eq!(desk.version(&venv.python(), PRIVATE).as_deref(), Some("1.0"), "pip {version}");
        let said = super::desk::refused(&mut desk.pip(&venv, &["install", &format!("{PRIVATE}=={STOLEN}")]));
        assert!(said.contains("No matching distribution"), "{said}");
    }
    desk.nothing_private_was_asked_outside();
}

#[test]
fn uv_gets_the_private_one_even_when_it_takes_the_best_match_of_all_indexes() {
    let desk = Desk::new();
    for strategy in ["first-index", "unsafe-first-match", "unsafe-best-match"] {
        let venv = desk.venv(strategy, "newest");
        let install = ["--no-cache", "--index-strategy", strategy, "--index", &desk.index_url(), "--upgrade", PRIVATE];
        says(&mut desk.uv_pip(&venv, "install", &install));
        assert_eq!(desk.version(&venv.python(), PRIVATE).as_deref(), Some("1.0"), "{strategy}");
        super::desk::refused(&mut desk.uv_pip(&venv, "install", &["--no-cache", &format!("{PRIVATE}=={STOLEN}")]));
    }
    desk.nothing_private_was_asked_outside();
}

#[test]
fn uv_that_asks_upstream_by_itself_still_takes_the_private_one_from_the_index_that_comes_first() {
    let desk = Desk::new();
    let venv = desk.venv("venv", "newest");
    let install = ["--no-cache", "--index", &desk.index_url(), "--default-index", &desk.world.upstream.url(), PRIVATE];
    says(&mut desk.uv_pip(&venv, "install", &install));
    assert_eq!(desk.version(&venv.python(), PRIVATE).as_deref(), Some("1.0"));
}

/// No server can prevent this: the client asks upstream by itself, and takes the higher version. It stands here so that
/// the guide, which says so, is not wrong.
#[test]
fn a_client_that_is_told_to_ask_upstream_too_and_to_take_the_best_is_tricked_without_us() {
    let desk = Desk::new();
    let venv = desk.venv("pip", "newest");
    says(&mut desk.pip(&venv, &["install", "--extra-index-url", &desk.world.upstream.url(), PRIVATE]));
    assert_eq!(desk.version(&venv.python(), PRIVATE).as_deref(), Some(STOLEN));
    let venv = desk.venv("uv", "newest");
    let install =
        ["--no-cache", "--index-strategy", "unsafe-best-match", "--index", &desk.world.upstream.url(), PRIVATE];
    says(&mut desk.uv_pip(&venv, "install", &install));
    assert_eq!(desk.version(&venv.python(), PRIVATE).as_deref(), Some(STOLEN));
}
