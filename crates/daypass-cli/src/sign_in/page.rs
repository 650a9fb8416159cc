//! What a browser is answered at the loopback port: HTTP in a few lines, and pages without a single request of theirs.

use std::fmt::Write as _;

/// Sends the browser on to the server's own page, so that neither the code nor our port stay in its address bar.
pub(super) fn go_on_to(url: &str) -> String {
    response("303 See Other", &format!("location: {url}\r\n"), "")
}

/// Tells that the sign-in failed, and why.
pub(super) fn not_signed_in(why: &str) -> String {
    let text = format!("{}.", escaped(why));
    response("200 OK", HTML, &page("You are not signed in", &text))
}

/// Tells a visitor with somebody else's answer that it is not for us.
pub(super) fn not_this_sign_in() -> String {
    let text = "This answer does not belong to the sign-in that daypass waits for. Go back to the tab that daypass \
                opened, or begin again.";
    response("400 Bad Request", HTML, &page("This is another sign-in", text))
}

/// Turns a visitor away that wants something else.
pub(super) fn refusal(status: &str) -> String {
    response(status, HTML, &page("There is nothing here", "daypass waits here for a browser to come back."))
}

const HTML: &str = "content-type: text/html; charset=utf-8\r\n";

fn response(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\ncache-control: no-store\r\n\
         referrer-policy: no-referrer\r\nx-content-type-options: nosniff\r\n\
         content-security-policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n\r\n{body}",
        body.len()
    )
}

fn page(title: &str, text: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>\
         :root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;\
         padding:0 1.5rem}}h1{{font-size:1.4rem}}</style></head><body><main><h1>{title}</h1><p>{text}</p>\
         <p>You may close this tab.</p></main></body></html>"
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' | '<' | '>' | '"' | '\'' => {
                let _ = write!(escaped, "&#{};", u32::from(char));
            }
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_are_text_and_never_markup() {
        let page = not_signed_in("<script>alert('x')</script>");
        assert!(page.contains("&#60;script&#62;alert(&#39;x&#39;)") && !page.contains("<script"));
    }

    #[test]
    fn the_length_is_told_in_bytes() {
        let answer = not_signed_in("ü");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
    }
}
