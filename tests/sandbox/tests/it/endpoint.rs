//! A merchant's endpoint for webhooks that knows HTTP and nothing about Flowlix.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) request_line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Arrived {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// Reads one request.
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let end = loop {
            assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "cut short");
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n").map(str::to_owned);
        let mut arrived = Self {
            request_line: lines.next().unwrap(),
            headers: lines
                .map(|line| {
                    let (name, value) = line.split_once(": ").unwrap();
                    (name.to_ascii_lowercase(), value.to_owned())
                })
                .collect(),
            body: bytes.split_off(end + 4),
        };
        let length: usize = arrived.header("content-length").unwrap().parse().unwrap();
        while arrived.body.len() < length {
            let read = stream.read_buf(&mut arrived.body).await.unwrap();
            assert_ne!(read, 0, "cut short");
        }
        arrived
    }
}

/// Waits, but not for ever: a delivery that never comes fails its test.
pub(crate) async fn in_time<T>(waiting: impl Future<Output = T>) -> T {
    let bounded = tokio::time::timeout(Duration::from_secs(30), waiting);
    bounded.await.expect("nothing came")
}

/// The next connection.
pub(crate) async fn accept(listener: &TcpListener) -> TcpStream {
    in_time(listener.accept()).await.unwrap().0
}

pub(crate) async fn answer(stream: &mut TcpStream, status: u16) {
    let answer = format!(
        "HTTP/1.1 {status} Status\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nok"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// Takes requests until it is dropped; answers 200 unless told otherwise.
pub(crate) struct Endpoint {
    url: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    answers: Arc<Mutex<VecDeque<Option<u16>>>>,
    server: JoinHandle<()>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Endpoint {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/hooks?shop=1", listener.local_addr().unwrap());
        let arrived = Arc::<Mutex<Vec<Arrived>>>::default();
        let answers = Arc::<Mutex<VecDeque<Option<u16>>>>::default();
        let (seen, script) = (Arc::clone(&arrived), Arc::clone(&answers));
        let server = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = Arrived::read(&mut stream).await;
                seen.lock().unwrap().push(request);
                let status = script.lock().unwrap().pop_front().unwrap_or(Some(200));
                if let Some(status) = status {
                    answer(&mut stream, status).await;
                }
            }
        });
        Self {
            url,
            arrived,
            answers,
            server,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Answers the next requests with these; `None` closes the connection instead.
    pub(crate) fn answers(&self, statuses: impl IntoIterator<Item = Option<u16>>) {
        self.answers.lock().unwrap().extend(statuses);
    }

    /// What arrived since this was last asked.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        std::mem::take(&mut *self.arrived.lock().unwrap())
    }

    pub(crate) fn kinds(&self) -> Vec<String> {
        self.arrived().iter().map(Arrived::kind).collect()
    }
}
