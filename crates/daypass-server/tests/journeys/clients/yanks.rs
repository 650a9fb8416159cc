//! A yanked file is installed by who names its version, and by nobody else (PEP 592).

use daypass_core::{
    audit::{AuditEvent, AuditKind, Outcome},
    clock::{Clock as _, SystemClock},
};
use daypass_store::{CatalogueChange, Changed, Store, Which};
use daypass_testkit::{upstream::UpstreamFile, wheel::Wheel};

use super::desk::{Desk, says, soon};
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

#[test]
fn what_was_yanked_here_is_taken_by_name_only_and_by_everybody_when_that_is_taken_back() {
    let desk = Desk::new();
    desk.import(&[Wheel::new("acme-new", "1.0"), Wheel::new("acme-new", "2.0")]);
    let release = || Which::Release("2.0".to_owned());
    change(&desk, "acme-new", CatalogueChange::Yank(release(), REASON.to_owned()));
    let page = || desk.world.fetch("/python/simple/acme-new/", desk.access_token()).text();
    soon("the yank is seen", || page().contains("data-yanked"));
    is_taken_by_name_only(&desk, "acme-new", "1.0", "2.0");
    change(&desk, "acme-new", CatalogueChange::Unyank(release()));
    soon("nothing is yanked", || !page().contains("data-yanked"));
    let venv = desk.venv("after", "newest");
    says(&mut desk.pip(&venv, &["install", "acme-new"]));
    assert_eq!(desk.version(&venv.python(), "acme-new").as_deref(), Some("2.0"));
}

/// What somebody with the right does, straight in the catalogue: which ways lead there is not what is told here.
fn change(desk: &Desk, project: &str, change: CatalogueChange) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let database = desk.world.data().join("daypass.sqlite");
        let store = Store::open(&database.display().to_string().parse().unwrap()).await.unwrap();
        let event = AuditEvent::new(SystemClock.now(), AuditKind::FileYanked, Outcome::Success, "journey");
        let (index, project) = ("python".parse().unwrap(), project.parse().unwrap());
        let changed = store.change_catalogue(&index, &project, change, event).await.unwrap();
        assert!(matches!(changed, Changed::Done(_)), "{changed:?}");
        store.close().await;
    });
}
