//! The links of an HTML page, as far as a simple index has them (PEP 503, 592).

/// A link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) href: String,
    /// Its text, trimmed.
    pub(super) text: String,
    /// `data-yanked`.
    pub(super) yanked: Option<String>,
}

/// All `<a href>` of a page, in their order.
pub(super) fn anchors(page: &str) -> Vec<Anchor> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        let (_, tag) = rest.split_at(at + 1);
        if let Some(comment) = tag.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let name_ends = tag.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/').unwrap_or(tag.len());
        let (name, attributes) = tag.split_at(name_ends);
        let (attributes, after) = read_attributes(attributes);
        rest = after;
        if !name.eq_ignore_ascii_case("a") {
            continue;
        }
        let mut anchor = Anchor::default();
        for (name, value) in attributes {
            match &*name.to_ascii_lowercase() {
                "href" => anchor.href = value,
                "data-yanked" => anchor.yanked = Some(value),
                _ => {}
            }
        }
        let text = after.split_once('<').map_or(after, |(text, _)| text);
        html_escape::decode_html_entities(text.trim()).as_ref().clone_into(&mut anchor.text);
        if !anchor.href.is_empty() {
            found.push(anchor);
        }
    }
    found
}

/// The attributes of a tag, and what comes after it.
fn read_attributes(text: &str) -> (Vec<(&str, String)>, &str) {
    let mut attributes = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(after) = rest.strip_prefix('>') {
            return (attributes, after);
        }
        if rest.is_empty() {
            return (attributes, rest);
        }
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/');
        // A stray `=` is a name of its own: something is always taken.
        let name_ends = rest.char_indices().skip(1).find(|(_, c)| ends(*c)).map_or(rest.len(), |(at, _)| at);
        let (name, after) = rest.split_at(name_ends);
        let Some(value) = after.trim_start().strip_prefix('=') else {
            attributes.push((name, String::new()));
            rest = after;
            continue;
        };
        let value = value.trim_start();
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''));
        let (value, after) = if let Some(quoted) = quote.and_then(|quote| value.strip_prefix(quote)?.split_once(quote))
        {
            quoted
        } else {
            let end = value.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(value.len());
            value.split_at(end)
        };
        attributes.push((name, html_escape::decode_html_entities(value).into_owned()));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_html_ends_somewhere() {
        for page in [
            "<",
            "<a",
            "<a href",
            "<a href=",
            "<a href=\"x",
            "<a = = >",
            "<!--",
            "<a href=x>",
            "<<<a href='y'>z",
            "</a =\"\">",
        ] {
            let found = anchors(page);
            assert!(found.len() <= 1, "{page}");
        }
        assert_eq!(anchors("<!-- <a href=x>x</a> --><a href=y>y</a>").len(), 1);
    }
}
