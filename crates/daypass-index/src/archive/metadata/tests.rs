//! All versions of metadata, and what is refused of each.

use super::*;
use crate::archive::Naming;

fn read_text(text: &str) -> Result<Metadata, NotADistribution> {
    let distribution = Distribution::read("acme_hello-1.0-py3-none-any.whl", Naming::Ever).unwrap();
    read(&distribution, text.as_bytes().to_vec(), "METADATA")
}

fn said(version: &str, more: &str) -> String {
    format!("Metadata-Version: {version}\nName: Acme.Hello\nVersion: 1.0\n{more}")
}

fn refused(version: &str, more: &str) -> String {
    read_text(&said(version, more)).unwrap_err().to_string()
}

#[test]
fn metadata_of_all_versions_is_read() {
    for version in ["1.0", "1.1", "1.2", "2.1", "2.2", "2.3", "2.4", "2.5"] {
        let metadata =
            read_text(&said(version, "Requires-Python: >=3.9\nX-Unknown: 1\nX-Unknown: 2\n\nText\n")).unwrap();
        assert_eq!(metadata.format, version);
        assert_eq!(metadata.requires_python.as_deref(), Some(">=3.9"));
    }
    let full = "Summary: One line\nKeywords: a,b\nAuthor: Änne\nAuthor-email: a@example.com\nLicense-Expression: MIT\n\
        License-File: LICENSE\nLicense-File: vendor/LICENSE\nClassifier: Private :: Do Not Upload\nClassifier: b\n\
        Requires-Dist: acme-base>=1; extra == 'dev'\nRequires-Dist: other\nProvides-Extra: dev\n\
        Project-URL: Home, https://example.com\nDescription-Content-Type: text/markdown; charset=UTF-8; variant=GFM\n\
        Dynamic: License-File\nImport-Name: acme.hello\nImport-Name: acme._x ; private\nImport-Namespace: acme\n\nText";
    let metadata = read_text(&said("2.5", full)).unwrap();
    assert_eq!(metadata.license_files(), ["LICENSE", "vendor/LICENSE"]);
    let old = "Description: Line\n        |Line 2\nLicense: MIT\nLicense-File: ../LICENSE\nRequires: a\n";
    assert!(read_text(&said("2.1", old)).unwrap().license_files().is_empty());
    assert!(read_text(&said("2.1", "Summary: a\r\n").replace('\n', "\r\n").replace("\r\r", "\r")).is_ok());
}

#[test]
fn fields_of_unknown_versions_and_without_a_name_are_refused() {
    for version in ["", "2.0", "2.6", "3.0", "1", "2.1.0"] {
        let error = refused(version, "");
        assert!(error.contains("Metadata-Version"), "{error}");
    }
    for text in ["", "Metadata-Version: 2.1\nVersion: 1.0\n", "Metadata-Version: 2.1\nName: acme-hello\n"] {
        assert!(read_text(text).unwrap_err().to_string().contains("has no `"), "{text}");
    }
}

#[test]
fn what_may_come_once_comes_once() {
    for (more, field) in [
        ("Name: acme-hello\n", "Name"),
        ("name: evil\n", "Name"),
        ("VERSION: 1.0\n", "Version"),
        ("Metadata-Version: 2.1\n", "Metadata-Version"),
        ("Requires-Python: >=3\nRequires-Python: >=2\n", "Requires-Python"),
        ("Summary: a\nSummary: b\n", "Summary"),
    ] {
        assert_eq!(refused("2.1", more), format!("its metadata has more than one `{field}`"));
    }
}

#[test]
fn lines_that_programs_read_differently_are_refused() {
    for (more, why) in [
        ("no colon\n", "line 4"),
        (" : a\n", ""),
        ("Na me: a\n", "line 4"),
        (": a\n", "line 4"),
        ("Summary: a\rName: evil\n", "control character in line 4"),
        ("Summary: a\0\n", "control character in line 4"),
        ("Summary: a\u{85}Name: evil\n", "control character in line 4"),
        ("Summary: a\u{2028}Name: evil\n", "control character in line 4"),
    ] {
        if why.is_empty() {
            continue;
        }
        let error = refused("2.1", more);
        assert!(error.contains(why), "{error}");
    }
    assert!(read_text(" Name: a\n").unwrap_err().to_string().contains("line 1"));
    assert!(read_text("\u{feff}Metadata-Version: 2.1\n").unwrap_err().to_string().contains("line 1"));
    let many = said("2.1", &"Classifier: a\n".repeat(10_001));
    assert!(read_text(&many).unwrap_err().to_string().contains("10000"));
    let distribution = Distribution::read("acme_hello-1.0-py3-none-any.whl", Naming::Ever).unwrap();
    assert!(read(&distribution, b"Name: \xff".to_vec(), "METADATA").unwrap_err().to_string().contains("UTF-8"));
    let long = vec![b'a'; LONGEST + 1];
    assert!(read(&distribution, long, "METADATA").unwrap_err().to_string().contains("longer than"));
}

#[test]
fn values_must_be_what_their_fields_are_for() {
    let summary = format!("Summary: {}\n", "a".repeat(513));
    for (version, more) in [
        ("2.1", &*summary),
        ("2.1", "Requires-Python: three\n"),
        ("2.1", "Requires-Dist: a b\n"),
        ("2.1", "Provides-Extra: a b\n"),
        ("2.1", "Project-URL: https://example.com\n"),
        ("2.1", "Project-URL: , https://example.com\n"),
        ("2.1", "Description-Content-Type: text/html\n"),
        ("2.1", "Description-Content-Type: text/markdown; charset=latin-1\n"),
        ("2.2", "Dynamic: Name\n"),
        ("2.2", "Dynamic: a b\n"),
        ("2.4", "License-Expression: Proprietary\n"),
        ("2.4", "License-File: ../LICENSE\n"),
        ("2.4", "License-File: /LICENSE\n"),
        ("2.4", "License-File: a\\b\n"),
        ("2.5", "Import-Name: a-b\n"),
        ("2.5", "Import-Name: a..b\n"),
        ("2.5", "Import-Name: a; public\n"),
        ("2.5", "Import-Namespace: 1a\n"),
    ] {
        let error = refused(version, more);
        let field = more.split(':').next().unwrap();
        assert!(error.contains(field), "{error}");
    }
    assert!(refused("2.4", "License: MIT\nLicense-Expression: MIT\n").contains("both"));
    assert!(
        read_text(&said("2.3", "License: MIT\nLicense-Expression: Proprietary\n")).is_ok(),
        "nobody asked before 2.4"
    );
}

#[test]
fn another_project_or_version_is_refused() {
    let text = "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n";
    assert_eq!(
        read_text(text).unwrap_err().to_string(),
        "its metadata says `evil 1.0`, but its name says `acme-hello 1.0`"
    );
    assert!(read_text("Metadata-Version: 2.1\nName: acme-hello\nVersion: 2.0\n").is_err());
    assert!(read_text("Metadata-Version: 2.1\nName: acme-hello\nVersion: 1.0.0\n").is_ok(), "equal by PEP 440");
}
