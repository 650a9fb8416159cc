//! A yanked file is installed by who names its version, and by nobody else (PEP 592).

use daypass_testkit::{upstream::UpstreamFile, wheel::Wheel};

use super::desk::{Desk, says};
use crate::world::PUBLIC;

const REASON: &str = "deletes the wrong folder";

#[test]
fn what_upstream_yanked_is_taken_by_name_only() {
    let desk = Desk::new();
    let broken = Wheel::new(PUBLIC, "3.0");
    desk.world.upstream.add_file(PUBLIC, UpstreamFile { yanked: Some(REASON.to_owned()), ..UpstreamFile::of(&broken) });
    is_taken_by_name_only(&desk, PUBLIC, "2.5", "3.0");
}

/// The installers take the older version, and the yanked one with its reason when they are told to.
pub(super) fn is_taken_by_name_only(desk: &Desk, project: &str, good: &str, yanked: &str) {
    for version in ["23.2.1", "newest"] {
        let venv = desk.venv(&format!("pip-{version}"), version);
        says(&mut desk.pip(&venv, &["install", project]));
        assert_eq!(desk.version(&venv.python(), project).as_deref(), Some(good), "pip {version}");
        let said = says(&mut desk.pip(&venv, &["install", &format!("{project}=={yanked}")]));
        assert_eq!(desk.version(&venv.python(), project).as_deref(), Some(yanked), "pip {version}");
        assert!(said.contains(REASON), "{said}");
    }
    let venv = desk.venv("uv", "newest");
    says(&mut desk.uv_pip(&venv, "install", &[project]));
    assert_eq!(desk.version(&venv.python(), project).as_deref(), Some(good));
    let said = says(&mut desk.uv_pip(&venv, "install", &[&format!("{project}=={yanked}")]));
    assert_eq!(desk.version(&venv.python(), project).as_deref(), Some(yanked));
    assert!(said.contains(REASON), "{said}");
}
