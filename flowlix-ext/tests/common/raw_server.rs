//! A server that speaks no HTTP of its own: bytes, as a test gives them.
#![allow(dead_code, clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What follows the first bytes of an answer.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    Close,
    /// This, again and again, until nobody reads any more.
    Repeat(&'static str),
}

pub(crate) struct RawServer {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
    under_way: watch::Receiver<usize>,
}

impl RawServer {
    /// Reads one request of each connection and answers these bytes.
    pub(crate) async fn start(begin: &str, then: Then) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bodies = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let (tell, under_way) = watch::channel(0);
        let (begin, seen) = (begin.to_owned(), bodies.clone());
        tokio::spawn(async move {
            while let Ok((mut peer, _)) = listener.accept().await {
                let (begin, seen, tell) = (begin.clone(), seen.clone(), tell.clone());
                tokio::spawn(async move {
                    let body = read(&mut peer).await;
                    seen.lock().unwrap().push(body);
                    let _ = peer.write_all(begin.as_bytes()).await;
                    if let Then::Repeat(bytes) = then {
                        repeat(&mut peer, bytes.as_bytes(), &tell).await;
                    }
                });
            }
        });
        Self {
            address,
            bodies,
            under_way,
        }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bodies of the requests so far.
    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        self.bodies.lock().unwrap().clone()
    }

    /// Waits until so many answers have been going on for a while.
    pub(crate) async fn wait_until_under_way(&self, answers: usize) {
        let mut under_way = self.under_way.clone();
        under_way.wait_for(|count| *count >= answers).await.unwrap();
    }
}

async fn read(peer: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = peer.read(&mut chunk).await.unwrap_or_default();
        bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if count == 0 {
                return bytes;
            }
            continue;
        };
        let length: usize = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, length)| length.parse().unwrap());
        if body.len() >= length || count == 0 {
            return body.as_bytes().to_vec();
        }
    }
}

async fn repeat(peer: &mut TcpStream, bytes: &[u8], tell: &watch::Sender<usize>) {
    for _ in 0..100 {
        if peer.write_all(bytes).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    tell.send_modify(|count| *count += 1);
    while peer.write_all(bytes).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
