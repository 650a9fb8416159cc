//! The start tags of an HTML text, one after the other.
//!
//! No tree is built, and nothing is kept: whatever is in the text, it is walked through once. (The tree that the HTML
//! standard describes takes time quadratic in the depth of its tags, and its tokenizer in a tag's attributes.) What is
//! *not* here: which tags mean what, character encodings other than UTF-8.

use std::borrow::Cow;

use html_escape::decode_html_entities;

/// The attributes that are looked at. Others are passed over.
const WANTED: [&str; 8] = [
    "href",
    "name",
    "content",
    "data-requires-python",
    "data-core-metadata",
    "data-dist-info-metadata",
    "data-yanked",
    "data-provenance",
];

/// Elements whose content is text, whatever it looks like.
const TEXT_ONLY: [&str; 8] = ["script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes"];

/// A start tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    name: &'a str,
    /// Attributes by their name in [`WANTED`], as they are written; the first of a name counts.
    attributes: Vec<(&'static str, &'a str)>,
}

impl<'a> Tag<'a> {
    /// Whether it is one of these, in lower case.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The value of one of the attributes that are looked at.
    pub(super) fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        let found = self.attributes.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| decode_html_entities(*value))
    }
}

/// Walks through a text.
pub(super) struct Tags<'a>(&'a str);

impl<'a> Tags<'a> {
    pub(super) fn of(html: &'a str) -> Self {
        Self(html)
    }

    /// Goes on behind the next `end`; to the end of the text if there is none.
    fn skip_past(&mut self, end: &str) {
        self.0 = self.0.split_once(end).map_or("", |(_, rest)| rest);
    }

    /// What comes until a character that `ends`.
    fn take_until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let (taken, rest) = self.0.split_at(self.0.find(ends).unwrap_or(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A tag's name and attributes, behind its `<` or `</`. `None` if the text ends within.
    fn tag(&mut self) -> Option<Tag<'a>> {
        let name = self.take_until(|char| is_space(char) || matches!(char, '/' | '>'));
        let mut attributes = Vec::new();
        loop {
            self.take_until(|char| !is_space(char) && char != '/');
            if let Some(rest) = self.0.strip_prefix('>') {
                self.0 = rest;
                return Some(Tag { name, attributes });
            }
            let (attribute, value) = self.attribute()?;
            let wanted = WANTED.into_iter().find(|wanted| wanted.eq_ignore_ascii_case(attribute));
            if let Some(wanted) = wanted.filter(|wanted| attributes.iter().all(|(known, _)| known != wanted)) {
                attributes.push((wanted, value));
            }
        }
    }

    /// An attribute's name and value; `None` at the end of the text.
    fn attribute(&mut self) -> Option<(&'a str, &'a str)> {
        let first = self.0.chars().next()?.len_utf8();
        let (begin, rest) = self.0.split_at_checked(first)?;
        // A `=` at the beginning belongs to the name.
        let length = rest.find(|char| is_space(char) || matches!(char, '/' | '>' | '=')).unwrap_or(rest.len());
        let (name, rest) = self.0.split_at_checked(begin.len() + length)?;
        self.0 = rest;
        self.take_until(|char| !is_space(char));
        let Some(rest) = self.0.strip_prefix('=') else { return Some((name, "")) };
        self.0 = rest;
        self.take_until(|char| !is_space(char));
        for quote in ['"', '\''] {
            if let Some(rest) = self.0.strip_prefix(quote) {
                let (value, rest) = rest.split_once(quote)?;
                self.0 = rest;
                return Some((name, value));
            }
        }
        Some((name, self.take_until(|char| is_space(char) || char == '>')))
    }

    /// Goes on behind the end tag of an element whose content is text.
    fn skip_text_of(&mut self, name: &str) {
        while !self.0.is_empty() {
            self.skip_past("</");
            if self.0.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name)) {
                return self.skip_past(">");
            }
        }
    }
}

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        loop {
            self.take_until(|char| char == '<');
            self.0 = self.0.strip_prefix('<')?;
            if let Some(comment) = self.0.strip_prefix("!--") {
                // `<!-->` and `<!--->` are comments too.
                self.0 = comment.trim_start_matches('-');
                if !self.0.starts_with('>') {
                    self.0 = comment;
                    self.skip_past("-->");
                }
            } else if self.0.starts_with(['!', '?']) {
                self.skip_past(">");
            } else if let Some(rest) = self.0.strip_prefix('/') {
                self.0 = rest;
                if self.0.starts_with(|char: char| char.is_ascii_alphabetic()) {
                    self.tag()?;
                } else {
                    self.skip_past(">");
                }
            } else if self.0.starts_with(|char: char| char.is_ascii_alphabetic()) {
                let tag = self.tag()?;
                if let Some(name) = TEXT_ONLY.into_iter().find(|name| tag.is(name)) {
                    self.skip_text_of(name);
                }
                return Some(tag);
            }
        }
    }
}

/// White space as HTML has it.
fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All `a` tags' `href`.
    fn links(html: &str) -> Vec<String> {
        let links = Tags::of(html).filter(|tag| tag.is("a"));
        links.map(|tag| tag.attribute("href").unwrap_or("-".into()).into_owned()).collect()
    }

    #[test]
    fn tags_are_found_however_they_are_written() {
        for html in [
            "<a href=x>",
            "text <b>< <3 </> <A\n\tHREF = 'x' id=1>y</a>",
            "<a class=\"<a href=z>\" href=\"x\" href=\"y\" / >",
            "<!doctype html><?xml?><!-- <a href=no> --><!--><a/href=x>",
            "<title><a href=no></title><SCRIPT>'<a href=no>'</script ><a data-x href=x></a href=z>",
            "<a =href=1 href=x>",
        ] {
            assert_eq!(links(html), ["x"], "{html}");
        }
        assert_eq!(links("<a href='&#x61;&amp;&gt;&unknown;'>é<a>"), ["a&>&unknown;", "-"]);
    }

    #[test]
    fn what_never_ends_is_no_tag() {
        for html in
            ["<a href=x", "<a href=\"x>", "<", "</", "<!", "<!--<a href=x>", "<style><a href=x>", "<a href", "é<a é"]
        {
            assert_eq!(links(html), [""; 0], "{html}");
        }
    }

    #[test]
    fn hostile_texts_take_no_longer_than_others() {
        let began = std::time::Instant::now();
        let attributes: Vec<String> = (0..300_000).map(|number| format!("a{number}")).collect();
        for hostile in [
            "<div>".repeat(500_000),
            "<a>".repeat(500_000),
            "</a".repeat(500_000),
            "<!--".repeat(500_000),
            "<script></".repeat(200_000),
            "<a href=\"".repeat(200_000),
            format!("<a {}>", attributes.join(" ")),
            format!("<a href=\"{}\">", "&".repeat(2_000_000)),
        ] {
            links(&hostile);
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
