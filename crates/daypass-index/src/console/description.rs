//! A description as its author wrote it, for others to read: Markdown as markup of ours, everything else as text.
//!
//! Nothing of what was written becomes markup: tags in Markdown are dropped and what stands between them is text,
//! pictures are their descriptions (a picture would tell its server who reads), and links lead to web pages only.
//!
//! What is *not* here: reStructuredText; no kept crate reads it, so it is shown as it was written.

use std::fmt::Write as _;

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use super::shown;

/// The longest description that is shown, in bytes; the rest is left out, and that is said.
const LONGEST: usize = 256 * 1024;

/// A description, ready to be shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Description {
    /// Markup that we made.
    Markup {
        /// It needs no escaping, and must have none.
        html: String,
        /// Whether the end is missing.
        cut: bool,
    },
    /// Text, to be escaped.
    Text {
        text: String,
        /// Whether the end is missing.
        cut: bool,
    },
}

impl Description {
    /// Of what the metadata say, in the form that `Description-Content-Type` names.
    pub(super) fn render(text: &str, content_type: &str) -> Self {
        let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        let (text, cut) = (shown::lines(text.get(..end).unwrap_or_default()), end < text.len());
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("text/markdown") {
            Self::Markup { html: markup(&text), cut }
        } else {
            Self::Text { text, cut }
        }
    }
}

fn markup(text: &str) -> String {
    let parser = Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let mut safe = Safe::default();
    let mut events = Vec::new();
    for event in parser {
        safe.take(event, &mut events);
    }
    let mut out = String::with_capacity(text.len());
    html::push_html(&mut out, events.into_iter());
    out
}

/// What has to be remembered from one event to the next.
#[derive(Default)]
struct Safe {
    /// Links that are open: how many words there were when each began; `None` where it leads nowhere.
    links: Vec<Option<Link>>,
    /// How many pieces of text there were so far.
    words: usize,
    /// How many there were when the picture began.
    picture: Option<usize>,
    /// What stands between tags, until the block of markup ends.
    block: Option<String>,
    heading: u8,
}

struct Link {
    words: usize,
    host: String,
}

impl Safe {
    fn take<'a>(&mut self, event: Event<'a>, out: &mut Vec<Event<'a>>) {
        match event {
            Event::Html(markup) | Event::InlineHtml(markup) => match &mut self.block {
                Some(block) => block.push_str(&between_tags(&markup)),
                None => self.text(between_tags(&markup).into(), out),
            },
            Event::Start(Tag::HtmlBlock) => self.block = Some(String::new()),
            Event::End(TagEnd::HtmlBlock) => {
                let text = self.block.take().unwrap_or_default();
                if !text.trim().is_empty() {
                    out.push(Event::Start(Tag::Paragraph));
                    self.text(text.trim().to_owned().into(), out);
                    out.push(Event::End(TagEnd::Paragraph));
                }
            }
            Event::Start(Tag::Link { dest_url, .. }) => self.begin_link(&dest_url, out),
            Event::End(TagEnd::Link) => self.end_link(out),
            Event::Start(Tag::Image { .. }) => self.picture = Some(self.words),
            Event::End(TagEnd::Image) => {
                if self.picture.take() == Some(self.words) && !self.links.is_empty() {
                    self.text("picture".into(), out);
                }
            }
            Event::Start(Tag::Heading { level, .. }) => out.push(Event::Start(self.begin_heading(level))),
            Event::End(TagEnd::Heading(_)) => out.push(Event::End(TagEnd::Heading(level(self.heading)))),
            Event::Start(Tag::CodeBlock(_)) => out.push(Event::Html("<pre><code>".into())),
            Event::End(TagEnd::CodeBlock) => out.push(Event::Html("</code></pre>\n".into())),
            Event::Text(text) => self.text(text, out),
            Event::Code(code) => {
                self.words += 1;
                out.push(Event::Code(code));
            }
            other => out.push(other),
        }
    }

    fn text<'a>(&mut self, text: CowStr<'a>, out: &mut Vec<Event<'a>>) {
        if !text.trim().is_empty() {
            self.words += 1;
        }
        out.push(Event::Text(text));
    }

    fn begin_link(&mut self, address: &str, out: &mut Vec<Event<'_>>) {
        let link = shown::link(address).map(|url| {
            let mut tag = String::from("<a rel=\"noopener noreferrer nofollow ugc\" href=\"");
            let _ = write!(tag, "{}\">", html_escape::encode_double_quoted_attribute(url.as_str()));
            out.push(Event::InlineHtml(tag.into()));
            Link { words: self.words, host: url.host_str().unwrap_or_default().to_owned() }
        });
        self.links.push(link);
    }

    fn end_link(&mut self, out: &mut Vec<Event<'_>>) {
        let Some(link) = self.links.pop().flatten() else { return };
        // A link without words is none for whoever cannot see it.
        if link.words == self.words {
            self.text(link.host.into(), out);
        }
        out.push(Event::InlineHtml("</a>".into()));
    }

    /// Below the headings of the page, and none of them left out.
    fn begin_heading<'a>(&mut self, wanted: HeadingLevel) -> Tag<'a> {
        let wanted = (wanted as u8).saturating_add(2);
        self.heading = wanted.min(self.heading.max(2) + 1).min(6);
        Tag::Heading { level: level(self.heading), id: None, classes: Vec::new(), attrs: Vec::new() }
    }
}

fn level(number: u8) -> HeadingLevel {
    HeadingLevel::try_from(usize::from(number)).unwrap_or(HeadingLevel::H6)
}

/// What stands between the tags of a piece of markup. That is for the looks alone: whatever is left is text.
fn between_tags(markup: &str) -> String {
    let (mut out, mut rest) = (String::new(), markup);
    while let Some((before, tag)) = rest.split_once('<') {
        out.push_str(before);
        let end = if tag.starts_with("!--") { "-->" } else { ">" };
        let Some((_, after)) = tag.split_once(end) else { return out };
        rest = after;
    }
    out.push_str(rest);
    html_escape::decode_html_entities(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markdown(text: &str) -> String {
        match Description::render(text, "text/markdown; variant=GFM") {
            Description::Markup { html, .. } => html,
            Description::Text { .. } => panic!("not read as Markdown"),
        }
    }

    #[test]
    fn markdown_becomes_markup_of_ours() {
        let html = markdown(
            "# Acme\n\nSays *hello*, see [docs](https://docs.example.com/?a&b).\n\n```rust\na < b\n```\n\n| a |\n|---|\n| b |\n",
        );
        assert_eq!(
            html,
            "<h3>Acme</h3>\n<p>Says <em>hello</em>, see <a rel=\"noopener noreferrer nofollow ugc\" \
             href=\"https://docs.example.com/?a&amp;b\">docs</a>.</p>\n<pre><code>a &lt; b\n</code></pre>\n\
             <table><thead><tr><th>a</th></tr></thead><tbody>\n<tr><td>b</td></tr>\n</tbody></table>\n"
        );
    }

    #[test]
    fn nothing_that_was_written_becomes_markup() {
        for text in [
            "<script>alert(1)</script>",
            "a <script>alert(1)</script> b",
            "<img src=x onerror=alert(1)>",
            "a <img src=x onerror=alert(1)> b",
            "[a](javascript:alert(1))",
            "[a](JaVaScRiPt:alert(1))",
            "[a](java&#115;cript:alert(1))",
            "[a](\tjavascript:alert(1))",
            "[a](data:text/html;base64,PHNjcmlwdD4=)",
            "[a](vbscript:x)",
            "<javascript:alert(1)>",
            "![a](https://tracker.example.com/p.png)",
            "[![a](https://tracker.example.com/p.png)](javascript:x)",
            "[a]: javascript:alert(1)\n\n[a]",
            "[a](https://e.example.com/\"onmouseover=alert(1))",
            "```\"onclick=alert(1)\n<script>\n```",
            "    <script>alert(1)</script>",
            "`<script>`",
            "<!-- --><script>alert(1)</script>",
            "<scr<script>ipt>alert(1)</scr</script>ipt>",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "<p>&lt;script&gt;alert(1)</p>",
            "# a {#id onclick=alert(1)}",
            "<style>body{display:none}</style>",
            "<iframe src=https://evil.example.com></iframe>",
            "<form action=https://evil.example.com><input name=password>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<base href=https://evil.example.com>",
            "<meta http-equiv=refresh content=0>",
        ] {
            let html = markdown(text);
            let allowed = ["p", "/p", "em", "h3", "/h3", "pre", "code", "/code", "/pre", "/a"];
            for tag in html.split('<').skip(1) {
                let tag = tag.split('>').next().unwrap();
                let link = tag.starts_with("a rel=\"noopener noreferrer nofollow ugc\" href=\"https://")
                    && tag.matches('"').count() == 4;
                assert!(allowed.contains(&tag) || link, "{text}: {html}");
            }
        }
    }

    #[test]
    fn readmes_with_tags_can_still_be_read() {
        let html = markdown(
            "<p align=\"center\">\n  <img src=\"logo.png\">\n  <b>Acme</b> &amp; sons\n</p>\n\nHas <sub>small</sub> words.\n",
        );
        assert!(html.contains("Acme &amp; sons") && html.contains("Has small words."), "{html}");
        let html = markdown(
            "[![build](https://ci.example.com/badge.svg)](https://ci.example.com/) [![](x.svg)](https://a.example.com)",
        );
        assert!(html.contains(">build</a>") && html.contains(">picture</a>"), "{html}");
        assert!(markdown("[](https://a.example.com/x)").contains(">a.example.com</a>"));
        assert_eq!(markdown("###### Deep\n\n# Top"), "<h3>Deep</h3>\n<h3>Top</h3>\n");
    }

    #[test]
    fn what_is_not_markdown_is_text() {
        for content_type in ["", "text/plain", "text/x-rst", "text/html", "text/markdownx"] {
            let text = "<b>**x**</b>\u{202e}\u{0}".to_owned();
            let expected = Description::Text { text: "<b>**x**</b>".to_owned(), cut: false };
            assert_eq!(Description::render(&text, content_type), expected, "{content_type}");
        }
    }

    #[test]
    fn a_huge_description_is_cut_and_hostile_nesting_ends() {
        let Description::Text { text, cut } = Description::render(&"é".repeat(LONGEST), "") else { panic!() };
        assert!(cut && text.len() == LONGEST);
        for piece in ["> ", "- ", "[", "*", "![a](", "`", "<!--", "\\", "| a ", "[a](<", "1. "] {
            let text = piece.repeat(LONGEST / piece.len());
            assert!(markdown(&text).len() < 100 * LONGEST, "{piece}");
        }
    }
}
