//! The rule for addresses to which customers return.

use reqwest::Url;

use crate::failure::Violation;

/// https, or `http://localhost` for development ("Create a Direct API payment (API reference)"). The same
/// is asked of hosted payments: the customer comes back over the open network there, too.
pub(super) fn check(url: Option<&str>) -> Option<Violation> {
    let problem = problem(url?)?;
    Some(Violation::new("return_url", problem))
}

fn problem(text: &str) -> Option<&'static str> {
    // The parser mends these, and it is the text that is sent.
    if text.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '\\')
    {
        return Some("must not hold white space, control characters or backslashes");
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    let url = match Url::parse(text) {
        Ok(url) if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(url.scheme())) => url,
        _ => return Some("must be an absolute URL"),
    };
    match (url.scheme(), url.host_str()) {
        ("https", Some(_)) | ("http", Some("localhost")) => None,
        _ => Some("must be https, or http://localhost for development"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_or_localhost() {
        for url in [
            "https://shop.example.com/3ds",
            "http://localhost:3000/back",
            "http://localhost",
        ] {
            assert_eq!(check(Some(url)), None, "{url}");
        }
        for url in [
            "http://shop.example.com/",
            "http://localhost.example.com/",
            "http://127.0.0.1/",
            "ftp://shop.example.com/",
            "javascript:alert(1)",
            "/relative",
            "",
            " https://shop.example.com/",
            "https://shop.example.com/a b",
            "https://shop.example.com/\r\nX-Injected: 1",
            "https:\\\\shop.example.com",
            "https:shop.example.com/back?from=https://shop.example.com",
            "https:shop.example.com",
            "https://shop.example.com\\@evil.example.com/",
            "https://",
            "http://localhost@shop.example.com/",
        ] {
            assert!(check(Some(url)).is_some(), "{url}");
        }
        assert_eq!(check(None), None);
    }
}
