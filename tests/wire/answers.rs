//! What a caller of a generated client learns from each kind of answer.

use std::sync::Arc;

use flowlix_api::model::{ErrorCode, ErrorDetail, PaymentId};
use flowlix_api::{BODY_LIMIT, Direct, EXCERPT_CHARACTERS, Error, ErrorResponse, ResponseValue};
use flowlix_tests::recorder::Recorder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::client::{HOST, answer, in_snake_case, in_uppercase};

fn id() -> PaymentId {
    PaymentId::received("pay_1").unwrap()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(
    result: Result<T, Error<ErrorResponse>>,
) -> ResponseValue<ErrorResponse> {
    match result {
        Err(Error::ErrorResponse(response)) => response,
        other => panic!("expected an error response, got {other:?}"),
    }
}

#[tokio::test]
async fn an_html_page_keeps_its_status_its_request_id_and_an_excerpt() {
    let page = format!("<html>Bad Gateway{}</html>", " ".repeat(10_000));
    for status in [403, 404, 502, 503] {
        for body in [page.as_str(), "", "{\"error\": {\"type\":"] {
            let mut answer = answer(status, body);
            answer
                .headers_mut()
                .insert("Flowlix-Request-Id", "req_1".parse().unwrap());
            let client = in_snake_case(HOST, Arc::new(Recorder::answering(answer)));
            let error = refused(client.retrieve_payment(&id()).await);
            assert_eq!(error.status(), status);
            assert_eq!(error.headers()["flowlix-request-id"], "req_1");
            assert_eq!(error.detail(), None);
            let begin: String = body.chars().take(EXCERPT_CHARACTERS).collect();
            assert_eq!(error.excerpt(), Some(begin.as_str()));
        }
    }
}

#[tokio::test]
async fn an_envelope_keeps_its_detail() {
    let body = r#"{ "error": { "code": "payment_already_refunded", "request_id": "req_2" } }"#;
    let mut answer = answer(422, body);
    answer
        .headers_mut()
        .insert("Request-Id", "req_2".parse().unwrap());
    let client = in_uppercase(HOST, Arc::new(Recorder::answering(answer)));
    let error = refused(client.retrieve_payment(&id()).await);
    assert_eq!(
        (error.status().as_u16(), &error.headers()["request-id"]),
        (422, &"req_2".parse().unwrap())
    );
    let mut detail = ErrorDetail::default();
    detail.code = Some(ErrorCode::PaymentAlreadyRefunded);
    detail.request_id = Some("req_2".to_owned());
    assert_eq!(error.detail(), Some(&detail));
}

#[tokio::test]
async fn an_accepted_answer_that_cannot_be_read_is_an_error_that_keeps_the_body() {
    for body in [
        "",
        "<html></html>",
        "{ \"id\": \"pay_1\"",
        "{ \"id\": \"pay_1\" }",
    ] {
        let client = in_snake_case(HOST, Arc::new(Recorder::answering(answer(200, body))));
        match client.retrieve_payment(&id()).await {
            Err(Error::InvalidResponsePayload(kept, _)) => assert_eq!(kept, body),
            other => panic!("{body:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_status_that_nobody_documents_is_no_success() {
    let body = r#"{ "id": "pay_1", "amount": 1, "currency": "eur", "status": "succeeded" }"#;
    for status in [202, 204, 304] {
        let client = in_uppercase(HOST, Arc::new(Recorder::answering(answer(status, body))));
        match client.retrieve_payment(&id()).await {
            Err(Error::UnexpectedResponse(response)) => assert_eq!(response.status(), status),
            other => panic!("{status}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_interrupted_transport_is_an_error() {
    let recorder = Arc::new(Recorder::interrupted());
    let client = in_snake_case(HOST, recorder.clone());
    let error = client.retrieve_payment(&id()).await.unwrap_err();
    assert!(matches!(error, Error::CommunicationError(_)), "{error:?}");
    let client = in_uppercase(HOST, recorder.clone());
    let error = client.retrieve_payment(&id()).await.unwrap_err();
    assert!(matches!(error, Error::CommunicationError(_)), "{error:?}");
    assert_eq!(recorder.sent().len(), 2);
}

/// Answers one connection with a payment, padded to so many bytes of body, and perhaps breaks off early.
async fn serve(length: usize, sent: usize, says_length: bool) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let payment = r#"{"id":"pay_1","amount":1,"currency":"eur","status":"pending"}"#;
    let mut body = payment.as_bytes().to_vec();
    body.resize(length, b' ');
    body.truncate(sent);
    let length = if says_length {
        format!("Content-Length: {length}\r\n")
    } else {
        String::new()
    };
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        let head = format!("HTTP/1.1 200 OK\r\n{length}Connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // A client that has read enough closes the connection.
        let _closed = stream.write_all(&body).await;
    });
    host
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_read_and_a_larger_one_refused() {
    for says_length in [true, false] {
        let host = serve(BODY_LIMIT, BODY_LIMIT, says_length).await;
        let client = in_snake_case(&host, Arc::new(Direct));
        assert_eq!(client.retrieve_payment(&id()).await.unwrap().id, id());

        let host = serve(BODY_LIMIT + 1, BODY_LIMIT + 1, says_length).await;
        let client = in_snake_case(&host, Arc::new(Direct));
        let error = client.retrieve_payment(&id()).await.unwrap_err();
        assert!(matches!(error, Error::CommunicationError(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_error() {
    // What did arrive would be a whole payment.
    let host = serve(1000, 900, true).await;
    let client = in_uppercase(&host, Arc::new(Direct));
    let error = client.retrieve_payment(&id()).await.unwrap_err();
    assert!(matches!(error, Error::CommunicationError(_)), "{error:?}");
}
