//! Source distributions that two programs could read differently, or that unpack badly.

use super::{
    METADATA, SDIST, Sample, sample,
    tar::{Member, Tar, gzip, gzip_stored, gzip_with},
    zip::{Entry, Zip},
};

fn good() -> Tar {
    Tar::sdist(METADATA)
}

/// The good sdist with one more member.
fn with(member: Member) -> Vec<u8> {
    gzip(&good().with(member).bytes())
}

fn changed(change: impl FnOnce(&mut Tar)) -> Vec<u8> {
    let mut tar = good();
    change(&mut tar);
    gzip(&tar.bytes())
}

fn inside(name: &str) -> String {
    format!("acme_hello-1.0/{name}")
}

pub(super) fn refused() -> Vec<Sample> {
    let tgz = |what, bytes, reason| sample(what, SDIST, bytes, reason);
    let plain = good().bytes();
    let packed = gzip(&plain);
    let other = |name: &str, kind, link: &str| with(Member::other(&inside(name), kind, link));
    let after = |header: Member, member: Member| gzip(&good().with(header).with(member).bytes());
    let module = || Member::file(&inside("module.py"), b"x");
    vec![
        tgz("nothing", Vec::new(), "not one gzip stream"),
        tgz("not packed", plain.clone(), "not one gzip stream"),
        tgz("cut in the middle", packed.get(..packed.len() / 2).expect("a half").to_vec(), "not one gzip stream"),
        tgz("without its trailer", packed.get(..packed.len() - 4).expect("most").to_vec(), "it has no trailer"),
        tgz("a wrong checksum", changed_trailer(&packed), "its checksum or length is wrong"),
        tgz("something behind", [packed.clone(), b"more".to_vec()].concat(), "something is behind it"),
        tgz("two gzip streams", [packed.clone(), packed.clone()].concat(), "something is behind it"),
        tgz("a comment in the gzip header", gzip_with(1 << 4, b"more\0", &plain), "more than a name"),
        tgz("an extra field in the gzip header", gzip_with(1 << 2, b"\x04\0more", &plain), "more than a name"),
        tgz("no tar archive", gzip(&b"not a tar".repeat(1000)), "a header of it is damaged"),
        tgz("a wrong checksum of a member", with(Member { wrong: 1, ..module() }), "a header of it is damaged"),
        tgz("without an end", changed(|tar| tar.end.clear()), "it has no end"),
        tgz("something behind the end", changed(|tar| tar.end.extend([1; 512])), "something is behind its end"),
        tgz(
            "a second archive behind the end",
            changed(|tar| tar.end.extend(good().bytes())),
            "something is behind its end",
        ),
        tgz(
            "a member that is longer than the archive",
            changed(|tar| tar.members.push(Member { size: Some(b"00077777777\0".to_vec()), ..module() })),
            "not a tar archive",
        ),
        tgz(
            "a binary size",
            with(Member { size: Some(b"\x80\0\0\0\0\0\0\0\0\0\0\x01".to_vec()), ..module() }),
            "a header of it is damaged",
        ),
        tgz("a format of the past", with(Member { magic: [0; 8], ..module() }), "a header of it is damaged"),
        tgz("..", with(Member::file("acme_hello-1.0/../../evil", b"x")), "empty, `.` or `..` part"),
        tgz("an absolute name", with(Member::file("/etc/evil", b"x")), "has an absolute name"),
        tgz("a second top folder", with(Member::file("evil/setup.py", b"x")), "in the one folder `acme_hello-1.0`"),
        tgz(
            "no top folder",
            gzip(&Tar::of(vec![Member::file("PKG-INFO", METADATA.as_bytes())]).bytes()),
            "in the one folder",
        ),
        tgz("a top folder of another version", other_top(), "in the one folder `acme_hello-1.0`"),
        tgz("without PKG-INFO", changed(|tar| drop(tar.members.remove(1))), "has no `acme_hello-1.0/PKG-INFO`"),
        tgz("PKG-INFO twice", with(Member::file(&inside("PKG-INFO"), METADATA.as_bytes())), "is there twice"),
        tgz("PKG-INFO that is a link", linked_pkg_info(), "has no `acme_hello-1.0/PKG-INFO`"),
        tgz("a link out of the folder", other("link", b'2', "../../etc/passwd"), "leaves its folder"),
        tgz("an absolute link", other("link", b'2', "/etc/passwd"), "leaves its folder"),
        tgz(
            "a link through a link",
            gzip(
                &good()
                    .with(Member::other(&inside("a"), b'2', "."))
                    .with(Member::other(&inside("b"), b'2', "a/../x"))
                    .bytes(),
            ),
            "leaves its folder",
        ),
        tgz(
            "a file through a link",
            gzip(
                &good()
                    .with(Member::other(&inside("a"), b'2', "b"))
                    .with(Member::file(&inside("a/evil"), b"x"))
                    .bytes(),
            ),
            "under an entry that is no folder",
        ),
        tgz("a hard link out of the folder", other("link", b'1', "/etc/passwd"), "leaves its folder"),
        tgz("a hard link to nothing", other("link", b'1', "acme_hello-1.0/gone"), "leads nowhere"),
        tgz("a device", other("null", b'3', ""), "neither a file nor a folder nor a link"),
        tgz("a FIFO", other("fifo", b'6', ""), "neither a file nor a folder nor a link"),
        tgz("a GNU sparse file", other("sparse", b'S', ""), "is a sparse file"),
        tgz("a pax sparse file", after(Member::pax(b'x', &[("GNU.sparse.major", "1")]), module()), "is a sparse file"),
        tgz(
            "a short name that pax changes",
            after(Member::pax(b'x', &[("path", "acme_hello-1.0/evil.py")]), module()),
            "gives it another name",
        ),
        tgz(
            "a pax name twice",
            after(Member::pax(b'x', &[("path", "a"), ("path", "b")]), module()),
            "extended header that is damaged",
        ),
        tgz(
            "another size in pax",
            after(Member::pax(b'x', &[("size", "512")]), module()),
            "extended header that is damaged",
        ),
        tgz(
            "a pax header for everything",
            after(Member::pax(b'g', &[("path", "acme_hello-1.0/evil.py")]), module()),
            "extended header that is damaged",
        ),
        tgz(
            "a long name that hides PKG-INFO",
            after(
                Member::pax(b'x', &[("path", &inside(&"a".repeat(120)))]),
                Member::file(&inside("PKG-INFO"), b"Name: evil"),
            ),
            "extended header that is damaged",
        ),
        tgz("a short GNU name", after(Member::gnu(b'L', "acme_hello-1.0/evil.py"), module()), "gives it another name"),
        tgz(
            "a giant pax header",
            after(Member::pax(b'x', &[("comment", &"a".repeat(100_000))]), module()),
            "extended header that is damaged",
        ),
        tgz("a pax header without a member", with(Member::pax(b'x', &[("path", "a")])), "belongs to no entry"),
        tgz(
            "a folder with data",
            with(Member { kind: b'5', ..Member::file(&inside("folder/"), b"data") }),
            "is a folder with data",
        ),
        tgz("a bomb", bomb(), "unpacks to more than 64 MiB"),
        tgz("a zip archive, too", zip_too(), "as a zip archive and as a tar archive"),
        sample("a name of the past", "acme_hello-x.tar.gz", packed.clone(), "neither a wheel's"),
    ]
}

pub(super) fn taken() -> Vec<Sample> {
    let tgz = |what, bytes| sample(what, SDIST, bytes, "");
    let long = inside(&format!("{}/{}.py", "folder".repeat(15), "module".repeat(15)));
    let plain = || Member::file(long.get(..100).expect("it is long"), b"x");
    let other = |name: &str, kind, link: &str| with(Member::other(&inside(name), kind, link));
    vec![
        tgz("ustar", gzip(&good().bytes())),
        tgz("a name in the gzip header", gzip_with(1 << 3, b"acme_hello-1.0.tar\0", &good().bytes())),
        tgz("GNU tar", changed(|tar| tar.members.iter_mut().for_each(|member| member.magic = *b"ustar  \0"))),
        tgz("a prefix", with(Member { prefix: b"acme_hello-1.0/folder".to_vec(), ..Member::file("module.py", b"x") })),
        tgz(
            "a long pax name",
            gzip(&good().with(Member::pax(b'x', &[("mtime", "1.5"), ("path", &long)])).with(plain()).bytes()),
        ),
        tgz(
            "a name that is not ASCII",
            gzip(
                &good()
                    .with(Member::pax(b'x', &[("path", "acme_hello-1.0/größe.txt")]))
                    .with(Member::file("acme_hello-1.0/gr??e.txt", b"x"))
                    .bytes(),
            ),
        ),
        tgz("a long GNU name", gzip(&good().with(Member::gnu(b'L', &long)).with(plain()).bytes())),
        tgz(
            "the commit of git archive",
            gzip(
                &[
                    Tar { members: vec![Member::pax(b'g', &[("comment", "0123abcd")])], end: vec![] }.bytes(),
                    good().bytes(),
                ]
                .concat(),
            ),
        ),
        tgz("a link to a file", other("link", b'2', "acme_hello.py")),
        tgz("a link to a folder above", other("folder/link", b'2', "../acme_hello.py")),
        tgz("a hard link", other("link", b'1', "acme_hello-1.0/acme_hello.py")),
        tgz(
            "names that differ by case",
            gzip(
                &good().with(Member::file(&inside("README"), b"a")).with(Member::file(&inside("readme"), b"b")).bytes(),
            ),
        ),
        tgz(
            "a licence",
            gzip(
                &Tar::sdist(&METADATA.replace("2.1", "2.4").replace("1.0\n", "1.0\nLicense-File: LICENSE\n"))
                    .with(Member::file(&inside("LICENSE"), b"MIT"))
                    .bytes(),
            ),
        ),
        sample("an sdist that is a zip archive", "acme_hello-1.0.zip", zip_sdist().bytes(), ""),
    ]
}

fn changed_trailer(packed: &[u8]) -> Vec<u8> {
    let mut packed = packed.to_vec();
    packed.iter_mut().rev().nth(5).into_iter().for_each(|byte| *byte ^= 1);
    packed
}

fn other_top() -> Vec<u8> {
    changed(|tar| {
        for member in &mut tar.members {
            member.name = String::from_utf8_lossy(&member.name).replace("1.0", "2.0").into_bytes();
        }
    })
}

fn linked_pkg_info() -> Vec<u8> {
    changed(|tar| {
        tar.members.remove(1);
        tar.members.push(Member::file(&inside("other"), METADATA.as_bytes()));
        tar.members.push(Member::other(&inside("PKG-INFO"), b'2', "other"));
    })
}

fn bomb() -> Vec<u8> {
    with(Member::file(&inside("zeros.bin"), &vec![0; 80 << 20]))
}

fn zip_sdist() -> Zip {
    let files = [("PKG-INFO", METADATA), ("setup.py", "")];
    Zip::of(files.map(|(name, text)| Entry::deflated(&inside(name), text.as_bytes())).to_vec())
}

/// In the stream lies a whole zip archive, whose comment takes in the rest: read from its end it is a zip archive.
fn zip_too() -> Vec<u8> {
    let mut zip = zip_sdist();
    // The rest of the block, the end of the archive, and the gzip trailer.
    let length = zip.bytes().len();
    let padding = length.next_multiple_of(512) - length;
    zip.comment = vec![0; padding + 1024 + 8];
    let zip = zip.bytes();
    let data = zip.get(..length).expect("it has a comment").to_vec();
    gzip_stored(&good().with(Member::file(&inside("data.bin"), &data)).bytes())
}
