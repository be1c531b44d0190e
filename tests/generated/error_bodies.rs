//! An error body decodes whatever it is.

use flowlix_api::{EXCERPT_CHARACTERS, ErrorResponse, model};
use serde_json::json;

#[test]
fn any_body_is_read() {
    let page = format!("<html>{}</html>", "ü".repeat(100_000));
    let long = json!({ "errors": vec!["x"; 10_000] }).to_string();
    let bodies: [&[u8]; 16] = [
        b"",
        b"   ",
        b"<html><body>502 Bad Gateway</body></html>",
        page.as_bytes(),
        long.as_bytes(),
        b"{\"error\": {\"type\": \"api_er",
        b"\xff\xfe\x00\x01",
        b"null",
        b"true",
        b"5e300",
        b"\"text\"",
        b"[]",
        b"{}",
        b"{\"error\": null}",
        b"{\"error\": \"gone\"}",
        b"{\"error\": [1]}",
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(body);
        let read = ErrorResponse::read(body);
        assert!(read.detail().is_none(), "{shown}");
        let excerpt = read.excerpt().expect("what is no envelope has an excerpt");
        assert!(excerpt.chars().count() <= EXCERPT_CHARACTERS, "{shown}");
        let begins = shown.chars().zip(excerpt.chars()).all(|(a, b)| a == b);
        let is_json = serde_json::from_slice::<serde_json::Value>(body).is_ok();
        assert!(begins || is_json, "{shown}: {excerpt}");
        if let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) {
            assert_eq!(
                serde_json::from_value::<ErrorResponse>(value).unwrap(),
                read
            );
        }
    }
    assert_eq!(
        ErrorResponse::read(page.as_bytes())
            .excerpt()
            .map(|text| text.chars().count()),
        Some(EXCERPT_CHARACTERS)
    );
}

#[test]
fn an_envelope_is_read_with_whatever_it_lacks_or_adds() {
    let read = ErrorResponse::read(
        br#"{ "error": { "type": "weather_error", "code": null, "news": [1], "message": "hail" }, "more": 1 }"#,
    );
    let detail = read.detail().expect("an envelope");
    assert_eq!(
        detail.type_.as_ref().map(model::ErrorType::as_str),
        Some("weather_error")
    );
    assert_eq!(detail.message.as_deref(), Some("hail"));
    assert_eq!((&detail.code, &detail.request_id), (&None, &None));
    assert_eq!(read.excerpt(), None);

    let empty = ErrorResponse::read(br#"{ "error": {} }"#);
    assert_eq!(empty.detail(), Some(&model::ErrorDetail::default()));
}

#[test]
fn a_member_of_another_type_does_not_take_the_others_with_it() {
    let read = ErrorResponse::read(
        br#"{"error":{"type":["api_error"],"code":7,"message":"kept","request_id":"req_1"}}"#,
    );
    let detail = read.detail().expect("an envelope");
    assert_eq!((&detail.type_, &detail.code), (&None, &None));
    assert_eq!(detail.message.as_deref(), Some("kept"));
    assert_eq!(detail.request_id.as_deref(), Some("req_1"));
}

#[test]
fn an_envelope_of_which_nothing_is_known_is_kept_as_an_excerpt() {
    let body = r#"{"error":{"fault":{"string":"policy"}}}"#;
    let read = ErrorResponse::read(body.as_bytes());
    assert_eq!(read.detail(), None);
    assert_eq!(read.excerpt(), Some(body));
}
