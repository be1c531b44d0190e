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
    let Ok(url) = Url::parse(text) else {
        return Some("must be an absolute URL");
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
        ] {
            assert!(check(Some(url)).is_some(), "{url}");
        }
        assert_eq!(check(None), None);
    }
}
