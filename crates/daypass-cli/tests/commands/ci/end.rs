//! The end of a job.

use std::{fs, process::Stdio};

use super::Job;
use crate::{fake_issuer::access_token, person::Person};

#[test]
fn everything_that_the_job_got_is_taken_back() {
    let job = Job::new();
    job.issuer.behave(|behaviour| behaviour.expires_in = 60);
    assert!(job.begin(&[]).status.success());
    let done = job.end();
    assert!(done.status.success(), "{}", job.person.told(&done));
    assert_eq!(job.issuer.revoked(), [access_token(1)]);
    assert!(!job.folder().exists());
    let again = job.end();
    assert!(again.status.success(), "{}", job.person.told(&again));
    assert_eq!(job.issuer.revoked().len(), 1);
}

#[test]
fn a_configuration_file_that_was_there_is_put_back() {
    let job = Job::new();
    let config = job.person.write("mine.toml", "# mine\n");
    assert!(job.begin(&["--config", &config]).status.success());
    assert!(job.file("env").contains("DAYPASS_CONFIG=[HOME]/mine.toml\n"));
    assert!(job.file("mine.toml").contains("ambient = \"github\""), "{}", job.file("mine.toml"));
    assert!(job.end().status.success());
    assert_eq!(job.file("mine.toml"), "# mine\n");
}

#[test]
fn a_job_that_died_half_way_leaves_nothing() {
    for refused in [true, false] {
        let job = Job::new();
        job.issuer.behave(|behaviour| {
            if refused {
                behaviour.refusal = Some((400, serde_json::json!({"error": "invalid_request"})));
            } else {
                behaviour.delay = std::time::Duration::from_secs(30);
            }
        });
        let folder = job.folder();
        let mut begin = job.person.command(["ci", "begin", job.issuer.url(), "--folder", folder.to_str().unwrap()]);
        let mut begin = begin.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if refused {
            assert_eq!(begin.wait().unwrap().code(), Some(3));
        } else {
            while job.issuer.exchanges().is_empty() {
                std::thread::yield_now();
            }
            begin.kill().unwrap();
            begin.wait().unwrap();
        }
        assert!(folder.exists());
        let done = job.end();
        assert!(done.status.success(), "{}", job.person.told(&done));
        assert!(!folder.exists());
    }
}

#[test]
fn a_job_that_never_began_has_nothing_to_clean_up() {
    let job = Job::new();
    assert!(job.end().status.success());
    fs::create_dir(job.folder()).unwrap();
    fs::set_permissions(job.folder(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    assert!(job.end().status.success());
    assert!(!job.folder().exists());
}

#[test]
fn a_folder_that_is_no_jobs_is_not_deleted() {
    let person = Person::new();
    let thesis = person.write("thesis.tex", "");
    fs::set_permissions(person.home(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let done = person.run(["ci", "end", "--folder", person.home().to_str().unwrap()]);
    assert_eq!(done.status.code(), Some(2), "{}", person.told(&done));
    assert!(fs::exists(thesis).unwrap());
}

#[test]
fn a_server_that_is_down_is_a_warning() {
    let job = Job::new();
    assert!(job.begin(&[]).status.success());
    for entry in fs::read_dir(job.folder().join("cache")).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(&entry).unwrap().replace(job.issuer.url(), "http://127.0.0.1:1");
            fs::write(&entry, text).unwrap();
        }
    }
    let done = job.end();
    assert!(done.status.success());
    let told = job.person.told(&done);
    assert!(told.contains("warning: the credential is deleted here but could not be revoked, and ends at"), "{told}");
    assert!(!job.folder().exists());
}
