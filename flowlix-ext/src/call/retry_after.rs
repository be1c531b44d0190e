//! `Retry-After`: seconds, or an HTTP date.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// Nobody waits longer inside one call; the cap only keeps arithmetic sane.
const MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to wait from `now`; the longest where a proxy has added its own advice. A date in the past means
/// now; text that is neither form is no advice.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let advice = headers.get_all(RETRY_AFTER).into_iter();
    advice
        .filter_map(|value| read(value.to_str().ok()?.trim(), now))
        .max()
}

fn read(text: &str, now: SystemTime) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large for u64 is still a number.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)).min(MOST));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(MOST))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(value: &str) -> Option<Duration> {
        read_all(&[value])
    }

    fn read_all(values: &[&str]) -> Option<Duration> {
        let now = httpdate::parse_http_date("Mon, 01 Jul 2024 00:00:00 GMT").unwrap();
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(RETRY_AFTER, value.parse().unwrap());
        }
        retry_after(&headers, now)
    }

    #[test]
    fn both_forms_are_read() {
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read(" 0 "), Some(Duration::ZERO));
        assert_eq!(
            read("Mon, 01 Jul 2024 00:00:09 GMT"),
            Some(Duration::from_secs(9))
        );
        assert_eq!(
            read("Sun, 30 Jun 2024 23:59:59 GMT"),
            Some(Duration::ZERO),
            "the past is now"
        );
        assert_eq!(read("99999999999999999999999"), Some(MOST));
        assert_eq!(read("Fri, 31 Dec 9999 23:59:59 GMT"), Some(MOST));
    }

    #[test]
    fn of_several_the_longest_counts() {
        let date = "Mon, 01 Jul 2024 00:00:09 GMT";
        assert_eq!(read_all(&["7", date]), Some(Duration::from_secs(9)));
        assert_eq!(read_all(&["soon", "7"]), Some(Duration::from_secs(7)));
        assert_eq!(read_all(&["soon", ""]), None);
    }

    #[test]
    fn anything_else_is_no_advice() {
        for value in ["", "-1", "1.5", "soon", "+3"] {
            assert_eq!(read(value), None, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::UNIX_EPOCH), None);
    }
}
