//! Zip archives that two programs could read differently, or that unpack badly: around a wheel that is good otherwise.

use super::{
    METADATA, SDIST, Sample, WHEEL, sample, tar,
    wheels::{Parts, files},
    zip::{Entry, Zip, zip64_field},
};

/// The good wheel, with its archive changed.
fn zip(change: impl FnOnce(&mut Zip)) -> Vec<u8> {
    let mut zip = Parts::good().zip();
    change(&mut zip);
    zip.bytes()
}

/// The good wheel, with the entry of its module changed.
fn entry(change: impl FnOnce(&mut Entry)) -> Vec<u8> {
    zip(|zip| change(zip.entries.first_mut().expect("there is a module")))
}

/// The good wheel with a file of this name besides, listed in `RECORD`.
fn named(name: &str) -> Vec<u8> {
    Parts::good().file(name, b"x").zip().bytes()
}

pub(super) fn refused() -> Vec<Sample> {
    let whl = |what, bytes, reason| sample(what, WHEEL, bytes, reason);
    let good = zip(|_| {});
    vec![
        whl("nothing", Vec::new(), "not a zip archive from its first byte to its last"),
        whl("no archive at all", b"not a zip".repeat(10), "not a zip archive from its first byte"),
        whl(
            "cut in the middle",
            good.get(..good.len() / 2).expect("a half").to_vec(),
            "not a zip archive from its first",
        ),
        whl("cut by one byte", good.get(..good.len() - 1).expect("most").to_vec(), "not a zip archive from its first"),
        whl("two archives in a row", [good.clone(), good.clone()].concat(), "its zip directory is damaged"),
        whl("something before", zip(|zip| zip.before = b"#!/bin/sh\n".to_vec()), "does not begin where"),
        whl("something behind", zip(|zip| zip.behind = b"more".to_vec()), "not a zip archive from its first byte"),
        whl("a comment", zip(|zip| zip.comment = b"more".to_vec()), "not a zip archive from its first byte"),
        whl("something before the directory", zip(|zip| zip.between = b"more".to_vec()), "does not begin where"),
        whl("a hidden file before the directory", hidden(), "does not begin where"),
        whl("something between two entries", second(|entry| entry.gap = b"more".to_vec()), "does not begin where"),
        whl("fewer entries than it says", zip(|zip| zip.more_entries = 1), "has fewer entries than it says"),
        whl("more entries than it says", zip(|zip| zip.more_entries = -1), "has more entries than it says"),
        whl("a directory elsewhere", zip(|zip| zip.moved = -4), "its zip directory is damaged"),
        whl("several disks", zip(|zip| zip.disk = 1), "spread over several disks"),
        whl(
            "zip64 records with data",
            zip(|zip| (zip.zip64, zip.in_zip64) = (true, b"more".to_vec())),
            "zip64 records",
        ),
        whl(
            "an entry only in the directory",
            entry(|entry| entry.present = false),
            "says otherwise than the directory",
        ),
        whl("an entry not in the directory", entry(|entry| entry.listed = false), "does not begin where"),
        whl("an entry elsewhere", entry(|entry| entry.moved = 1), "does not begin where"),
        whl("an entry twice", twice("acme_hello.py"), "is there twice"),
        whl("two entries in one place", overlapping(), "says otherwise than the directory"),
        whl(
            "another name before the data",
            entry(|entry| entry.local_name = b"acme_hellO.py".to_vec()),
            "otherwise than the directory",
        ),
        whl("another size before the data", entry(|entry| entry.local_size = Some(1)), "otherwise than the directory"),
        whl("another flag before the data", entry(|entry| entry.local_flags = 1 << 11), "otherwise than the directory"),
        whl("encrypted", entry(|entry| entry.flags = 1), "is encrypted"),
        whl("strongly encrypted", entry(|entry| entry.flags = 1 | 1 << 6), "is encrypted"),
        whl("patched data", entry(|entry| entry.flags = 1 << 5), "has flags that distributions do not use"),
        whl("bzip2", entry(|entry| entry.method = 12), "neither stored nor deflated"),
        whl("a wrong checksum", entry(|entry| entry.crc ^= 1), "does not unpack to what its header says"),
        whl("a wrong size", entry(|entry| entry.size += 1), "does not unpack to what its header says"),
        whl("data behind the deflated stream", entry(|entry| entry.packed.extend(b"more")), "does not unpack to what"),
        whl(
            "a broken deflated stream",
            entry(|entry| entry.packed.iter_mut().for_each(|byte| *byte = 0xff)),
            "does not unpack to what",
        ),
        whl("an entry with a comment", entry(|entry| entry.comment = b"more".to_vec()), "has a comment"),
        whl("extra fields that end early", entry(|entry| entry.extra = vec![9, 9, 9]), "extra fields that are damaged"),
        whl(
            "a second name in the extra fields",
            entry(|entry| entry.extra = unicode_path(b"evil.py")),
            "extra fields that are damaged",
        ),
        whl(
            "zip64 sizes twice",
            entry(|entry| entry.extra = zip64_field(1, 1).repeat(2)),
            "extra fields that are damaged",
        ),
        whl(
            "zip64 sizes that nobody asked for",
            entry(|entry| entry.extra = zip64_field(1, 1)),
            "extra fields that are damaged",
        ),
        whl("a data descriptor that lies", lying_descriptor(), "data descriptor that is damaged"),
        whl("stored, with a data descriptor", stored_descriptor(), "data descriptor that is damaged"),
        whl("a symbolic link", entry(|entry| entry.mode = 0o120_777), "is a symbolic link"),
        whl("a device", entry(|entry| entry.mode = 0o020_666), "neither a file nor a folder"),
        whl("a folder with data", folder_with_data(), "is a folder with data"),
        whl("..", named("acme_hello/../../evil.py"), "empty, `.` or `..` part"),
        whl("an absolute name", named("/etc/cron.d/evil"), "has an absolute name"),
        whl("a name with a drive", named("C:evil.py"), "has an absolute name"),
        whl("a backslash", backslash(), "has a backslash"),
        whl("a NUL in a name", named("evil.py\0.txt"), "has a control character"),
        whl("an escape in a name", named("evil\u{1b}[2J.py"), "has a control character"),
        whl("an empty part in a name", named("acme_hello//x.py"), "empty, `.` or `..` part"),
        whl("a long name", named(&"a/".repeat(600)), "too long"),
        whl(
            "not UTF-8",
            entry(|entry| (entry.name, entry.local_name) = (b"\xff.py".to_vec(), b"\xff.py".to_vec())),
            "not marked as UTF-8",
        ),
        whl("UTF-8 that does not say so", unmarked_utf8(), "not marked as UTF-8"),
        whl("names that differ by case", named("ACME_hello.py"), "where case or Unicode forms do not count"),
        whl("names that differ by Unicode form", unicode_forms(), "where case or Unicode forms do not count"),
        whl("a file that is a folder, too", named("acme_hello.py/x.py"), "under an entry that is no folder"),
        whl("a bomb", bomb(), "unpacks to more than 64 MiB"),
        whl("a tar archive, too", tar_too(), "as a zip archive and as a tar archive"),
        whl(
            "a tar archive with the name of a wheel",
            tar::gzip(&tar::Tar::sdist(METADATA).bytes()),
            "not a zip archive from",
        ),
        sample("a wheel with the name of an sdist", SDIST, zip(|_| {}), "not one gzip stream"),
    ]
}

pub(super) fn taken() -> Vec<Sample> {
    let whl = |what, bytes| sample(what, WHEEL, bytes, "");
    let all = |change: fn(Entry) -> Entry| {
        zip(|zip| zip.entries = std::mem::take(&mut zip.entries).into_iter().map(change).collect())
    };
    vec![
        whl("deflated", zip(|_| {})),
        whl("stored", Parts::good().stored().zip().bytes()),
        whl("data descriptors", all(|entry| entry.streamed(true, false))),
        whl("data descriptors without a signature", all(|entry| entry.streamed(false, false))),
        whl("wide data descriptors", all(|entry| entry.streamed(true, true))),
        whl("zip64 records", zip(|zip| zip.zip64 = true)),
        whl(
            "zip64 sizes before the data",
            all(|mut entry| {
                entry.local_extra = zip64_field(entry.size.into(), entry.packed.len() as u64);
                entry
            }),
        ),
        whl("another extra field", entry(|entry| entry.extra = vec![0x55, 0x54, 1, 0, 0])),
        whl("its own name in the extra fields", entry(|entry| entry.extra = unicode_path(b"acme_hello.py"))),
        whl("names that are not ASCII", named("acme_hello/größe/日本語.txt")),
        whl("a folder", zip(|zip| zip.entries.push(Entry::stored("acme_hello/", b"")))),
        whl("a directory in another order", reordered()),
        whl("a file that compresses well", Parts::good().file("acme_hello/zeros.bin", &vec![0; 4 << 20]).zip().bytes()),
        whl("many files", many()),
    ]
}

fn second(change: impl FnOnce(&mut Entry)) -> Vec<u8> {
    zip(|zip| change(zip.entries.get_mut(1).expect("there are more")))
}

/// Between the last entry and the directory is a whole entry that the directory does not know.
fn hidden() -> Vec<u8> {
    let mut evil = Entry::deflated("evil.py", b"import os");
    evil.listed = false;
    zip(|zip| zip.entries.push(evil))
}

fn twice(name: &str) -> Vec<u8> {
    zip(|zip| zip.entries.push(Entry::deflated(name, b"other = True")))
}

/// Two entries of the directory lead to one place.
fn overlapping() -> Vec<u8> {
    zip(|zip| {
        let mut again = zip.entries.first().expect("there is a module").clone();
        again.present = false;
        again.name = b"other.py".to_vec();
        zip.entries.insert(0, again);
    })
}

fn unicode_path(name: &[u8]) -> Vec<u8> {
    let length = u16::try_from(name.len() + 5).expect("it is short");
    let crc = super::zip::crc(b"acme_hello.py");
    [&[0x75, 0x70][..], &length.to_le_bytes(), &[1], &crc.to_le_bytes(), name].concat()
}

fn lying_descriptor() -> Vec<u8> {
    entry(|entry| {
        let mut streamed = entry.clone().streamed(true, false);
        streamed.descriptor.iter_mut().flatten().last().into_iter().for_each(|byte| *byte ^= 1);
        *entry = streamed;
    })
}

fn stored_descriptor() -> Vec<u8> {
    let module = files().remove(0);
    entry(|entry| *entry = Entry::stored(&module.0, &module.1).streamed(true, false))
}

fn folder_with_data() -> Vec<u8> {
    zip(|zip| zip.entries.push(Entry::stored("acme_hello/", b"data")))
}

fn backslash() -> Vec<u8> {
    zip(|zip| zip.entries.push(Entry::deflated("..\\evil.py", b"x")))
}

fn unmarked_utf8() -> Vec<u8> {
    zip(|zip| {
        let mut entry = Entry::deflated("größe.txt", b"x");
        entry.flags = 0;
        zip.entries.push(entry);
    })
}

fn unicode_forms() -> Vec<u8> {
    Parts::good().file("gr\u{f6}\u{df}e", b"x").file("gro\u{308}\u{df}e", b"x").zip().bytes()
}

/// It says that it unpacks to so much; nobody should try.
fn bomb() -> Vec<u8> {
    entry(|entry| entry.size = 80 << 20)
}

/// The first entry is called so that the archive begins with the header of a tar archive, checksum and all.
fn tar_too() -> Vec<u8> {
    let mut zip = Parts::good().zip();
    let first = zip.entries.first_mut().expect("there is a module");
    // The header of 512 bytes needs its magic at 257, in the extra fields of the first entry.
    first.local_extra = vec![0; 4 + 600];
    let mut bytes = zip.bytes();
    let place = |bytes: &mut Vec<u8>, at: usize, text: &[u8]| {
        bytes.splice(at..at + text.len(), text.iter().copied());
    };
    // The extra field: an id nobody knows, and its length.
    place(&mut bytes, 30 + 13, &[0x99, 0x99, 0x58, 0x02]);
    place(&mut bytes, 100, &[0; 400]);
    place(&mut bytes, 257, b"ustar\x0000");
    place(&mut bytes, 148, b"        ");
    let sum: u32 = bytes.iter().take(512).map(|byte| u32::from(*byte)).sum();
    place(&mut bytes, 148, format!("{sum:06o}\0 ").as_bytes());
    bytes
}

/// The directory need not be in the order in which the entries lie.
fn reordered() -> Vec<u8> {
    zip(|zip| {
        zip.entries.rotate_left(1);
    })
}

fn many() -> Vec<u8> {
    (0..2_000).fold(Parts::good(), |parts, number| parts.file(&format!("acme_hello/{number}.txt"), b"x")).zip().bytes()
}
