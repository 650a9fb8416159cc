//! Wheels that are no wheels, in archives that are in order.

use super::{
    METADATA, Sample, WHEEL, sample,
    zip::{Entry, Zip},
};
use crate::wheel::record_line;

/// The files of a wheel, from which `RECORD` is made last.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    files: Vec<(String, Vec<u8>)>,
    dist_info: String,
    record: Option<Vec<u8>>,
    stored: bool,
}

/// The files of the good wheel, without `RECORD`.
pub(super) fn files() -> Vec<(String, Vec<u8>)> {
    let wheel = "Wheel-Version: 1.0\nGenerator: daypass-testkit\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    [
        ("acme_hello.py", "__version__ = '1.0'\n"),
        ("acme_hello-1.0.dist-info/METADATA", METADATA),
        ("acme_hello-1.0.dist-info/WHEEL", wheel),
    ]
    .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
    .to_vec()
}

impl Parts {
    /// A good wheel.
    pub(super) fn good() -> Self {
        Self { files: files(), dist_info: "acme_hello-1.0.dist-info".to_owned(), record: None, stored: false }
    }

    /// With one more file, or with other bytes in one.
    pub(super) fn file(mut self, path: &str, bytes: &[u8]) -> Self {
        match self.files.iter_mut().find(|(known, _)| known == path) {
            Some((_, known)) => *known = bytes.to_vec(),
            None => self.files.push((path.to_owned(), bytes.to_vec())),
        }
        self
    }

    /// With a file in its `.dist-info`.
    pub(super) fn info(self, name: &str, text: &str) -> Self {
        let path = format!("{}/{name}", self.dist_info);
        self.file(&path, text.as_bytes())
    }

    pub(super) fn without(mut self, path: &str) -> Self {
        self.files.retain(|(known, _)| known != path);
        self
    }

    /// With this `RECORD`, whatever is there.
    fn record(mut self, change: impl FnOnce(String) -> String) -> Self {
        self.record = Some(change(self.good_record()).into_bytes());
        self
    }

    fn called(mut self, dist_info: &str) -> Self {
        for (path, _) in &mut self.files {
            *path = path.replace(&self.dist_info, dist_info);
        }
        dist_info.clone_into(&mut self.dist_info);
        self
    }

    pub(super) fn stored(mut self) -> Self {
        self.stored = true;
        self
    }

    fn good_record(&self) -> String {
        let lines: String = self.files.iter().map(|(path, bytes)| record_line(path, bytes)).collect();
        format!("{lines}{}/RECORD,,\n", self.dist_info)
    }

    pub(super) fn zip(&self) -> Zip {
        let write = if self.stored { Entry::stored } else { Entry::deflated };
        let record = self.record.clone().unwrap_or_else(|| self.good_record().into_bytes());
        let mut entries: Vec<Entry> = self.files.iter().map(|(path, bytes)| write(path, bytes)).collect();
        entries.push(write(&format!("{}/RECORD", self.dist_info), &record));
        Zip::of(entries)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.zip().bytes()
    }
}

pub(super) fn refused() -> Vec<Sample> {
    let whl = |what, parts: Parts, reason| sample(what, WHEEL, parts.bytes(), reason);
    let good = Parts::good;
    let mut no_record = good().zip();
    no_record.entries.pop();
    let commands = |text: &str| good().info("entry_points.txt", text);
    vec![
        sample("without RECORD", WHEEL, no_record.bytes(), "has no `acme_hello-1.0.dist-info/RECORD`"),
        whl(
            "without METADATA",
            good().without("acme_hello-1.0.dist-info/METADATA"),
            "has no `acme_hello-1.0.dist-info/METADATA`",
        ),
        whl(
            "without WHEEL",
            good().without("acme_hello-1.0.dist-info/WHEEL"),
            "has no `acme_hello-1.0.dist-info/WHEEL`",
        ),
        whl(
            "a dist-info of another project",
            good().called("evil-1.0.dist-info"),
            "one folder `acme_hello-1.0.dist-info`",
        ),
        whl(
            "a dist-info of another version",
            good().called("acme_hello-2.0.dist-info"),
            "one folder `acme_hello-1.0.dist-info`",
        ),
        whl(
            "a second dist-info",
            good().file("evil-1.0.dist-info/METADATA", b"Name: evil"),
            "one folder `acme_hello-1.0.dist-info`",
        ),
        whl("a wheel of the future", good().info("WHEEL", "Wheel-Version: 2.0\n"), "`Wheel-Version: 1.`"),
        whl(
            "two wheel versions",
            good().info("WHEEL", "Wheel-Version: 1.0\nWheel-Version: 2.0\n"),
            "`Wheel-Version: 1.`",
        ),
        whl(
            "a file that RECORD does not list",
            good().file("evil.py", b"x").record(|text| without_line(&text, "evil.py")),
            "`evil.py` is not listed",
        ),
        whl(
            "a file that is not there",
            good().record(|text| format!("gone.py,sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0,3\n{text}")),
            "`gone.py` is listed in `RECORD`, but not there",
        ),
        whl("other bytes than in RECORD", good().record(|text| other_digest(&text)), "another SHA-256 or size"),
        whl(
            "another size in RECORD",
            good().record(|text| text.replacen(",20\n", ",21\n", 1)),
            "another SHA-256 or size",
        ),
        whl(
            "no digest in RECORD",
            good().record(|text| format!("acme_hello.py,,\n{}", without_line(&text, "acme_hello.py"))),
            "another SHA-256 or size",
        ),
        whl("MD5 in RECORD", good().record(|text| text.replace("sha256=", "md5=")), "a digest other than SHA-256"),
        whl("a line of RECORD twice", good().record(|text| format!("{text}{text}")), "for the second time"),
        whl("RECORD that is no CSV", good().record(|_| "\"a\n".to_owned()), "is not CSV"),
        whl(
            "a command that is a path",
            commands("[console_scripts]\n../../bin/sh = acme:main\n"),
            "is a path or has strange characters",
        ),
        whl("a command twice", commands("[console_scripts]\na = acme:main\na = acme:evil\n"), "for the second time"),
        whl("commands that are no INI file", commands("evil"), "line 1 of its `entry_points.txt`"),
        whl("code in a command", commands("[console_scripts]\na = acme:main(); import os\n"), "no `module:function`"),
        sample("no name of a distribution", "acme_hello.whl", good().bytes(), "neither a wheel's"),
        sample(
            "a file of another project",
            "evil-1.0-py3-none-any.whl",
            good().bytes(),
            "one folder `evil-1.0.dist-info`",
        ),
        sample("an ending that is none", "acme_hello-1.0.exe", good().bytes(), "neither a wheel's"),
    ]
}

pub(super) fn taken() -> Vec<Sample> {
    let whl = |what, parts: Parts| sample(what, WHEEL, parts.bytes(), "");
    let good = Parts::good;
    let metadata =
        "Metadata-Version: 2.4\nName: Acme.Hello\nVersion: 1.0\nLicense-Expression: MIT\nLicense-File: LICENSE\n";
    vec![
        whl("commands", good().info("entry_points.txt", "[console_scripts]\nacme = acme_hello:main\n")),
        whl("a licence", good().info("METADATA", metadata).info("licenses/LICENSE", "MIT")),
        whl(
            "a signature beside RECORD",
            good().info("RECORD.jws", "{}").record(|text| without_line(&text, "acme_hello-1.0.dist-info/RECORD.jws")),
        ),
        whl("Windows line ends in RECORD", good().record(|text| text.replace('\n', "\r\n"))),
        whl("quotes in RECORD", good().file("a,b.py", b"x").record(|text| text.replace("a,b.py,", "\"a,b.py\","))),
        whl("a dist-info in another spelling", good().called("Acme.Hello-1.0.dist-info")),
        sample("a local version", "acme_hello-1.0+cgr.1-py3-none-any.whl", local_version().bytes(), ""),
        sample("a build number and compressed tags", "acme_hello-1.0-2-py2.py3-none-any.whl", good().bytes(), ""),
    ]
}

fn local_version() -> Parts {
    Parts::good()
        .called("acme_hello-1.0+cgr.1.dist-info")
        .info("METADATA", "Metadata-Version: 2.1\nName: acme-hello\nVersion: 1.0+cgr.1\n")
}

fn without_line(text: &str, path: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.starts_with(&format!("{path},"))).collect()
}

/// The digests of two files, exchanged.
fn other_digest(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| {
            if line.starts_with("acme_hello.py,") {
                "acme_hello.py,sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0,20\n".to_owned()
            } else {
                line.to_owned()
            }
        })
        .collect()
}
