//! One question to a server on this machine, with headers.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, bail};

/// What a server answered.
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
        self.head.lines().find(|&line| named(line))?.split_once(':').map(|(_, value)| value.trim())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// `GET url` with these header lines.
pub(super) fn get(url: &str, headers: &[String]) -> Result<Answer> {
    ask("GET", url, headers, &[])
}

/// Any request. HTTP/1.0: the answer ends with the connection, unchunked.
pub(super) fn ask(method: &str, url: &str, headers: &[String], body: &[u8]) -> Result<Answer> {
    let rest = url.strip_prefix("http://").context("only http:// is spoken here")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(authority).with_context(|| format!("{authority} does not answer"))?;
    // Some peers read a hundred thousand names first.
    stream.set_read_timeout(Some(Duration::from_mins(2)))?;
    let lines: String = headers.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect();
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    write!(stream, "{method} /{path} HTTP/1.0\r\nhost: {authority}\r\n{lines}{length}\r\n")?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(|| format!("{authority} did not finish its answer to {path}"))?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("an answer without an end")?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8_lossy(&answer).into_owned();
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).context("no status")?;
    Ok(Answer { status, head, body })
}

/// The body of `GET url`, which must be there.
pub(super) fn fetch(url: &str, headers: &[String]) -> Result<Answer> {
    let answer = get(url, headers)?;
    if answer.status != 200 {
        bail!("{url} answers {}: {}", answer.status, answer.text().chars().take(300).collect::<String>());
    }
    Ok(answer)
}

/// `link`, found on the page at `base`, without its fragment.
pub(super) fn resolved(link: &str, base: &str) -> String {
    let link = link.split('#').next().unwrap_or_default();
    if link.contains("://") {
        return link.to_owned();
    }
    let origin_end = base.find("://").map_or(0, |at| at + 3);
    let origin_end = base.get(origin_end..).and_then(|rest| rest.find('/')).map_or(base.len(), |at| at + origin_end);
    let (origin, path) = base.split_at(origin_end);
    if link.starts_with('/') {
        return format!("{origin}{link}");
    }
    let mut parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    if !path.ends_with('/') {
        parts.pop();
    }
    for part in link.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    format!("{origin}/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_resolved_as_installers_do() {
        let base = "http://h:1/python/simple/acme/";
        assert_eq!(resolved("../../files/acme/a.whl#sha256=1", base), "http://h:1/python/files/acme/a.whl");
        assert_eq!(resolved("/x/a.whl", base), "http://h:1/x/a.whl");
        assert_eq!(resolved("http://o/a.whl", base), "http://o/a.whl");
        assert_eq!(resolved("a.whl", "http://h:1/s/page"), "http://h:1/s/a.whl");
    }
}
