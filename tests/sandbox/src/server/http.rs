//! Just enough HTTP/1.1: requests with a Content-Length, answers with one, kept-alive connections.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 1024 * 1024;

/// A request that has been read whole.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    /// The path without the query.
    pub(crate) fn path(&self) -> &str {
        split_target(&self.target).0
    }

    /// The query without the question mark, still percent-encoded.
    pub(crate) fn query(&self) -> &str {
        split_target(&self.target).1
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    fn wants_close(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

pub(crate) fn split_target(target: &str) -> (&str, &str) {
    target.split_once('?').unwrap_or((target, ""))
}

/// An answer to write.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
            body,
        }
    }

    /// An answer whose headers are all the caller's own.
    pub(crate) fn bare(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self {
            status,
            headers,
            body,
        }
    }

    /// Line breaks would let a value write headers of its own; they are dropped.
    pub(crate) fn push_header(&mut self, name: &str, value: &str) {
        let value = value.chars().filter(|c| !c.is_control()).collect();
        self.headers.push((name.to_owned(), value));
    }

    fn head(&self, close: bool) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        if close {
            head.push_str("Connection: close\r\n");
        }
        head.push_str("\r\n");
        head
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        303 => "See Other",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

/// One connection: the stream, and what was read from it and not used yet.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// How reading a request can go wrong.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The connection is gone.
    Closed,
    /// The bytes are no request that this server takes: answer with the status, then close.
    Refused(u16),
}

impl From<io::Error> for ReadError {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Method and target of the next request, which stays unread in every other respect.
    pub(crate) async fn request_line(&mut self) -> Result<(String, String), ReadError> {
        let end = self.find(b"\r\n").await?;
        let line = String::from_utf8_lossy(self.buffer.get(..end).unwrap_or_default());
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some(method), Some(target), Some(_)) => Ok((method.to_owned(), target.to_owned())),
            _ => Err(ReadError::Refused(400)),
        }
    }

    pub(crate) async fn request(&mut self) -> Result<Request, ReadError> {
        let head_length = self.find(b"\r\n\r\n").await?.saturating_add(4);
        let head: Vec<u8> = self.buffer.drain(..head_length).collect();
        let mut slots = [httparse::EMPTY_HEADER; 100];
        let mut parsed = httparse::Request::new(&mut slots);
        if !matches!(parsed.parse(&head), Ok(httparse::Status::Complete(_))) {
            return Err(ReadError::Refused(400));
        }
        let mut request = Request {
            method: parsed.method.unwrap_or_default().to_owned(),
            target: parsed.path.unwrap_or_default().to_owned(),
            headers: parsed
                .headers
                .iter()
                .map(|header| {
                    let value = String::from_utf8_lossy(header.value).into_owned();
                    (header.name.to_owned(), value)
                })
                .collect(),
            body: Vec::new(),
        };
        request.body = self.body(&request).await?;
        Ok(request)
    }

    async fn body(&mut self, request: &Request) -> Result<Vec<u8>, ReadError> {
        if request.header("transfer-encoding").is_some() {
            return Err(ReadError::Refused(411));
        }
        let length = match request.header("content-length") {
            None => 0,
            Some(text) => text.parse().map_err(|_| ReadError::Refused(400))?,
        };
        if length > MAX_BODY {
            return Err(ReadError::Refused(413));
        }
        if request
            .header("expect")
            .is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
        {
            self.stream
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                .await?;
        }
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// The position of `pattern`, reading until it is there.
    async fn find(&mut self, pattern: &[u8]) -> Result<usize, ReadError> {
        loop {
            let found = self
                .buffer
                .windows(pattern.len())
                .position(|window| window == pattern);
            match found {
                Some(position) => return Ok(position),
                None if self.buffer.len() > MAX_HEAD => return Err(ReadError::Refused(400)),
                None => self.fill().await?,
            }
        }
    }

    async fn fill(&mut self) -> Result<(), ReadError> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(ReadError::Closed),
            _ => Ok(()),
        }
    }

    /// Writes a whole answer. Whether the connection stays open.
    pub(crate) async fn answer(
        &mut self,
        request: &Request,
        response: &Response,
    ) -> io::Result<bool> {
        let close = request.wants_close();
        self.write(response, close).await?;
        Ok(!close)
    }

    /// Writes an answer to something that was no request.
    pub(crate) async fn refuse(&mut self, status: u16) -> io::Result<()> {
        let response = Response::new(status, "text/plain", Vec::new());
        self.write(&response, true).await
    }

    async fn write(&mut self, response: &Response, close: bool) -> io::Result<()> {
        let mut bytes = response.head(close).into_bytes();
        bytes.extend_from_slice(&response.body);
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }

    /// Announces the whole body, writes its first half and closes.
    pub(crate) async fn cut(mut self, response: &Response) -> io::Result<()> {
        let half = response.body.len() / 2;
        let mut bytes = response.head(false).into_bytes();
        bytes.extend_from_slice(response.body.get(..half).unwrap_or_default());
        self.stream.write_all(&bytes).await?;
        self.stream.shutdown().await
    }

    /// Closes with a reset instead of an orderly end.
    pub(crate) fn reset(self) {
        // Without it the end is only less abrupt; there is nothing to do about a failure.
        let _ = self.stream.set_zero_linger();
    }
}
