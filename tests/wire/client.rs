//! Generated clients over a recorder.

use std::sync::Arc;

use bytes::Bytes;
use flowlix_api::{Session, Transport, http_client_builder, snake_case, uppercase};

pub(crate) const HOST: &str = "http://127.0.0.1:9";

pub(crate) fn in_snake_case(host: &str, transport: Arc<dyn Transport>) -> snake_case::Client {
    let session = Session::new("fl_test_sk_canary").unwrap();
    snake_case::Client::new_with_client(host, http(), session.with_transport(transport))
}

pub(crate) fn in_uppercase(host: &str, transport: Arc<dyn Transport>) -> uppercase::Client {
    let session = Session::new("api_test_sk_canary").unwrap();
    uppercase::Client::new_with_client(host, http(), session.with_transport(transport))
}

fn http() -> reqwest::Client {
    http_client_builder().unwrap().build().unwrap()
}

pub(crate) fn answer(status: u16, body: &str) -> http::Response<Bytes> {
    http::Response::builder()
        .status(status)
        .body(Bytes::from(body.to_owned()))
        .unwrap()
}
