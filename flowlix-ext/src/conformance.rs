//! What the suites share that hold stores against their promises.

use std::fmt;
use std::pin::Pin;
use std::task::Poll;

/// A promise that a store broke.
#[derive(Debug)]
#[non_exhaustive]
pub struct Broken {
    /// The promise.
    pub promise: &'static str,
    /// What was seen instead, or the store's error.
    pub seen: String,
}

impl Broken {
    pub(crate) fn by(promise: &'static str, error: &dyn std::error::Error) -> Self {
        let mut seen = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            seen.push_str(&format!(": {error}"));
            cause = error.source();
        }
        Self { promise, seen }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise, self.seen)
    }
}

impl std::error::Error for Broken {}

type Racing<'a, T> = Vec<Pin<Box<dyn Future<Output = T> + Send + 'a>>>;

/// Drives all at once, without a runtime of its own.
pub(crate) async fn together<T>(mut futures: Racing<'_, T>) -> Vec<T> {
    let mut results: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(move |context| {
        let mut pending = false;
        for (future, result) in futures.iter_mut().zip(results.iter_mut()) {
            if result.is_none() {
                match Pin::new(future).poll(context) {
                    Poll::Ready(done) => *result = Some(done),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending {
            Poll::Pending
        } else {
            Poll::Ready(results.iter_mut().filter_map(Option::take).collect())
        }
    })
    .await
}
