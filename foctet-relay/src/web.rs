//! Metrics and health over HTTP: the least of HTTP/1.1 that a collector and a probe need (RFC 9112).

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::clients::Shared;

/// Bytes of a request's head that are read; more is refused.
const MAX_HEAD: usize = 4096;

/// How long a request and its answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Requests that are answered at once.
const MAX_AT_ONCE: usize = 16;

/// How long to wait after an `accept` that failed for want of file descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers requests until dropped.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(MAX_AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    timeout(PATIENCE, answer(stream, &shared)).await.ok();
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a request for metrics failed");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() >= MAX_HEAD || stream.read_buf(&mut head).await? == 0 {
            return respond(&mut stream, "400 Bad Request", "").await;
        }
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    match line.split(|byte| *byte == b' ').collect::<Vec<_>>().as_slice() {
        [b"GET", b"/metrics", _] => respond(&mut stream, "200 OK", &shared.metrics.to_text()).await,
        [b"GET", b"/healthz", _] if shared.draining.borrow().is_some() => {
            respond(&mut stream, "503 Service Unavailable", "draining\n").await
        }
        [b"GET", b"/healthz", _] => respond(&mut stream, "200 OK", "ok\n").await,
        [b"GET", ..] => respond(&mut stream, "404 Not Found", "").await,
        [_, _, _] => respond(&mut stream, "405 Method Not Allowed", "").await,
        _ => respond(&mut stream, "400 Bad Request", "").await,
    }
}

async fn respond(stream: &mut TcpStream, status: &str, body: &str) -> std::io::Result<()> {
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await
}
