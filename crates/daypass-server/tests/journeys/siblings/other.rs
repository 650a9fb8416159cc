//! Any other CI: what the guide shows, in the shells that there are.

use std::{
    fs,
    process::{Command, Output},
};

use daypass_testkit::workload::Kind;

use super::{GIVEN_BACK, INSTALLED, Site};
use crate::{installers::text, workloads::place::IDENTITY};

fn run(site: &Site, shell: &[&str]) -> Output {
    let world = &site.place.world;
    fs::copy(site.dist("release/install.sh"), world.path("install.sh")).unwrap();
    let mut job: Command = site.run(shell[0]);
    job.args(&shell[1..]).args(["-c", &site.example("other-ci.md", "job")]);
    job.env("DAYPASS_IDENTITY", IDENTITY).env("DAYPASS_RELEASE_URL", site.host.url()).output().unwrap()
}

#[test]
fn the_lines_of_the_guide_work_in_every_shell() {
    let mut site = Site::of(Kind::Jenkins);
    let mut outputs = Vec::new();
    for shell in [&["sh"][..], &["bash"], &["busybox", "sh"]] {
        let output = run(&site, shell);
        let said = text(&output);
        assert!(output.status.success() && said.contains("acme-hello"), "{shell:?}: {said}");
        assert!(said.contains(INSTALLED) || said.contains("already satisfied"), "{shell:?}: {said}");
        assert!(said.contains("cleaned up"), "{shell:?}: {said}");
        outputs.push(output);
    }
    assert!(text(&outputs[0]).contains(INSTALLED) && text(&outputs[0]).contains(GIVEN_BACK));
    assert_eq!(site.exchanged(), site.revoked());
    assert_eq!(fs::read_dir(site.place.world.path("tmp")).unwrap().count(), 0);
    site.nothing_leaked(&outputs.iter().collect::<Vec<_>>(), &[]);
}

#[test]
fn a_job_that_is_refused_ends_before_it_installs() {
    let mut site = Site::of(Kind::Jenkins);
    site.place.somebody_elses();
    for shell in [&["sh"][..], &["bash"], &["busybox", "sh"]] {
        let output = run(&site, shell);
        assert_eq!(output.status.code(), Some(3), "{shell:?}: {}", text(&output));
        assert!(text(&output).contains("`sub`") && !text(&output).contains("Collecting"), "{}", text(&output));
        assert_eq!(fs::read_dir(site.place.world.path("tmp")).unwrap().count(), 0, "{shell:?}");
    }
}
