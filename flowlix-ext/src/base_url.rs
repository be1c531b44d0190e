//! Where Flowlix is reached. Plain http is for a server on this machine only.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// The one documented host.
pub(crate) const DEFAULT: &str = "https://api.flowlix.dev";

/// A checked address: https, or http on the loopback interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    text: String,
    loopback: bool,
}

impl BaseUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidBaseUrl> {
        let url = Url::parse(text.trim()).map_err(|_| InvalidBaseUrl::NotAUrl)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidBaseUrl::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidBaseUrl::QueryOrFragment);
        }
        let host = url.host_str().ok_or(InvalidBaseUrl::NotAUrl)?;
        let loopback = host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(InvalidBaseUrl::PlainHttp),
            _ => return Err(InvalidBaseUrl::NotAUrl),
        }
        Ok(Self {
            text: url.as_str().trim_end_matches('/').to_owned(),
            loopback,
        })
    }

    /// Without a slash at the end: the generated client appends `/v1/…`.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.loopback
    }
}

/// Why an address was refused. Never holds the address: it may carry credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidBaseUrl {
    /// Not an absolute http(s) URL.
    NotAUrl,
    /// `http:` to another machine would show card numbers to the network.
    PlainHttp,
    /// User name or password inside the address.
    Credentials,
    /// A query or fragment inside the address.
    QueryOrFragment,
}

impl fmt::Display for InvalidBaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAUrl => "the base URL is not an absolute https URL",
            Self::PlainHttp => {
                "the base URL is plain http; only loopback addresses may be, use https"
            }
            Self::Credentials => {
                "the base URL holds a user name or password; only the API key authenticates"
            }
            Self::QueryOrFragment => {
                "the base URL holds a query or a fragment; give scheme, host and port only"
            }
        })
    }
}

impl std::error::Error for InvalidBaseUrl {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn https_anywhere_and_http_on_this_machine() {
        for (text, expected, loopback) in [
            (DEFAULT, DEFAULT, false),
            ("https://api.flowlix.dev/", DEFAULT, false),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080", true),
            ("http://127.9.9.9/", "http://127.9.9.9", true),
            ("http://[::1]:8080/", "http://[::1]:8080", true),
            ("http://localhost:1", "http://localhost:1", true),
            ("https://127.0.0.1:8443", "https://127.0.0.1:8443", true),
        ] {
            let url = BaseUrl::parse(text).unwrap();
            assert_eq!((url.as_str(), url.is_loopback()), (expected, loopback));
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for (text, reason) in [
            ("http://api.flowlix.dev", InvalidBaseUrl::PlainHttp),
            ("http://localhost.evil.example", InvalidBaseUrl::PlainHttp),
            ("http://127.0.0.1.evil.example", InvalidBaseUrl::PlainHttp),
            ("http://0.0.0.0:80", InvalidBaseUrl::PlainHttp),
            (
                "https://user:pw@api.flowlix.dev",
                InvalidBaseUrl::Credentials,
            ),
            (
                "https://api.flowlix.dev/?x=1",
                InvalidBaseUrl::QueryOrFragment,
            ),
            ("ftp://api.flowlix.dev", InvalidBaseUrl::NotAUrl),
            ("api.flowlix.dev", InvalidBaseUrl::NotAUrl),
            ("", InvalidBaseUrl::NotAUrl),
        ] {
            assert_eq!(BaseUrl::parse(text).unwrap_err(), reason, "{text}");
        }
    }
}
