//! A person's browser: a program that `BROWSER` names, which writes down what it is asked to open, and a few lines of
//! HTTP that do what a browser then does.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use crate::person::Person;

pub(crate) struct Browser {
    tabs: PathBuf,
}

/// What a page or a redirect looks like.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) text: String,
}

impl Browser {
    /// Gives `person` a browser.
    pub(crate) fn of(person: Person) -> (Person, Self) {
        let tabs = person.home().join("tabs");
        let script = format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >> '{}'\n", tabs.display());
        let program = person.write("browser", &script);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        (person.with("BROWSER", program), Self { tabs })
    }

    /// The URLs that it was asked to open.
    pub(crate) fn tabs(&self) -> Vec<String> {
        fs::read_to_string(&self.tabs).unwrap_or_default().lines().map(ToOwned::to_owned).collect()
    }

    /// Waits for the first tab.
    pub(crate) fn tab(&self) -> String {
        wait_for("a tab is opened", || self.tabs().into_iter().next())
    }

    /// What a person sees who signs in in the first tab: the last page of all redirects.
    pub(crate) fn sign_in(&self) -> Page {
        let mut url = self.tab();
        for _ in 0..5 {
            let page = get(&url);
            match page.location {
                Some(next) => url = next,
                None => return page,
            }
        }
        panic!("too many redirects");
    }

    /// Where the server sends the first tab back to: the callback with its answer.
    pub(crate) fn answer(&self) -> String {
        get(&self.tab()).location.unwrap()
    }
}

/// Waits until there is something.
pub(crate) fn wait_for<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Gets a page from this machine.
pub(crate) fn get(url: &str) -> Page {
    let (authority, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    request(authority, &format!("GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n")).unwrap()
}

/// Sends bytes and reads the answer. `None`: there was none.
pub(crate) fn request(authority: &str, bytes: &str) -> Option<Page> {
    let mut stream = TcpStream::connect(authority).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(bytes.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, text) = answer.split_once("\r\n\r\n")?;
    let location = head.lines().find_map(|line| line.split_once(": ").filter(|(name, _)| *name == "location"));
    Some(Page {
        status: head.split(' ').nth(1)?.parse().ok()?,
        location: location.map(|(_, value)| value.to_owned()),
        text: text.to_owned(),
    })
}
