//! Carriers that behave badly: they fail in one direction, end half-way, or pass one byte at a time.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use foctet_mux::{Config, Connection, ConnectionError, Frame, Role, TransportErrorCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex};
use tokio::time::timeout;

const GENEROUS: Duration = Duration::from_secs(60);

fn record(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut payload = Vec::new();
    for frame in frames {
        frame.encode(&mut payload);
    }
    let mut wire = (0x4000 | payload.len() as u16).to_be_bytes().to_vec();
    wire.extend_from_slice(&payload);
    wire
}

fn parameters() -> Vec<u8> {
    record(&[Frame::TransportParameters { encoded: b"" }])
}

/// Gives what it holds, at most `step` bytes at once, then waits for ever; takes nothing.
struct OneWay {
    unread: Bytes,
    step: usize,
}

impl AsyncRead for OneWay {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Poll::Pending;
        }
        let len = self.unread.len().min(self.step).min(buf.remaining());
        buf.put_slice(&self.unread.split_to(len));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for OneWay {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_that_waits_to_be_read_outweighs_a_failure_to_write() {
    for (padding, step) in [(0, 1_000_000), (0, 1), (300, 1_000_000), (300, 5_000)] {
        let mut unread = parameters();
        for _ in 0..padding {
            unread.extend(record(&[Frame::Datagram { data: &[0; 1_000], frame_size: 1_003 }]));
        }
        unread.extend(record(&[Frame::ApplicationClose { code: 8, reason: b"why" }]));
        let carrier = OneWay { unread: unread.into(), step };
        let connection = Connection::new(carrier, Role::Client, Config::default());
        let told = ConnectionError::ApplicationClosed { code: 8, reason: Bytes::from_static(b"why") };
        assert_eq!(timeout(GENEROUS, connection.closed()).await.unwrap(), told);
        timeout(GENEROUS, connection.drained()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_to_write_alone_is_the_carriers() {
    let carrier = OneWay { unread: parameters().into(), step: 100 };
    let connection = Connection::new(carrier, Role::Client, Config::default());
    let lost = timeout(GENEROUS, connection.closed()).await.unwrap();
    assert!(matches!(lost, ConnectionError::Carrier { kind: io::ErrorKind::BrokenPipe, .. }), "{lost:?}");
    timeout(GENEROUS, connection.drained()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_carrier_that_ends_within_a_record_is_an_error_and_is_closed_from_here_too() {
    let (carrier, mut peer) = duplex(1 << 16);
    let connection = Connection::new(carrier, Role::Server, Config::default());
    let whole = parameters();
    peer.write_all(&whole[..whole.len() - 1]).await.unwrap();
    peer.shutdown().await.unwrap();
    let lost = timeout(GENEROUS, connection.closed()).await.unwrap();
    assert!(matches!(lost, ConnectionError::Carrier { kind: io::ErrorKind::UnexpectedEof, .. }), "{lost:?}");
    // Only ours are there to be read, and then the end.
    let mut ours = Vec::new();
    peer.read_to_end(&mut ours).await.unwrap();
    timeout(GENEROUS, connection.drained()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_breaks_the_rules_is_told_which_and_then_the_carrier_ends() {
    let (carrier, mut peer) = duplex(1 << 16);
    let connection = Connection::new(carrier, Role::Server, Config::default());
    peer.write_all(&parameters()).await.unwrap();
    peer.write_all(&[1, 1]).await.unwrap();
    let lost = timeout(GENEROUS, connection.closed()).await.unwrap();
    let code = TransportErrorCode::FRAME_ENCODING_ERROR;
    assert!(matches!(&lost, ConnectionError::TransportError { code: c, .. } if *c == code), "{lost:?}");
    let mut told = Vec::new();
    peer.read_to_end(&mut told).await.unwrap();
    let mut expected = Vec::new();
    let reason = b"unknown or forbidden frame type";
    Frame::ConnectionClose { code: 7, frame_type: 1, reason }.encode(&mut expected);
    assert!(told.ends_with(&expected), "{told:x?}");
    drop(peer);
    timeout(GENEROUS, connection.drained()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_sends_after_its_close_is_discarded_for_a_bounded_time() {
    let (carrier, mut peer) = duplex(1 << 16);
    let connection = Connection::new(carrier, Role::Server, Config::default());
    peer.write_all(&parameters()).await.unwrap();
    peer.write_all(&record(&[Frame::ApplicationClose { code: 0, reason: b"" }])).await.unwrap();
    timeout(GENEROUS, connection.closed()).await.unwrap();
    let begun = tokio::time::Instant::now();
    let flood = tokio::spawn(async move {
        while peer.write_all(&[0; 1_000]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    connection.drained().await;
    assert!(begun.elapsed() <= foctet_mux::CLOSE_TIMEOUT + Duration::from_millis(10));
    timeout(GENEROUS, flood).await.unwrap().unwrap();
}

/// Passes one byte at a time, and pauses after each.
struct Trickle<T> {
    inner: T,
    paused: [bool; 2],
}

impl<T> Trickle<T> {
    fn pause(&mut self, direction: usize, cx: &Context<'_>) -> bool {
        let pause = !self.paused[direction];
        self.paused[direction] = pause;
        if pause {
            cx.waker().wake_by_ref();
        }
        pause
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Trickle<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.pause(0, cx) {
            return Poll::Pending;
        }
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        match Pin::new(&mut self.inner).poll_read(cx, &mut one) {
            Poll::Ready(Ok(())) => {
                buf.put_slice(one.filled());
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Trickle<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.pause(1, cx) {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_write(cx, &data[..data.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_carrier_of_single_bytes_carries_everything() {
    let (a, b) = duplex(16);
    let a = Connection::new(Trickle { inner: a, paused: [false; 2] }, Role::Client, Config::default());
    let b = Connection::new(Trickle { inner: b, paused: [false; 2] }, Role::Server, Config::default());
    let data: Vec<u8> = (0..20_000_u32).map(|i| (i % 253) as u8).collect();
    let echo = tokio::spawn({
        let b = b.clone();
        async move {
            let (mut send, mut recv) = b.accept_bi().await.unwrap();
            let got = recv.read_to_end(100_000).await.unwrap();
            send.write_all(&got).await.unwrap();
            send.finish().unwrap();
            send.delivered().await.unwrap();
        }
    });
    let (mut send, mut recv) = timeout(GENEROUS, a.open_bi()).await.unwrap().unwrap();
    send.write_all(&data).await.unwrap();
    send.finish().unwrap();
    assert!(timeout(GENEROUS, recv.read_to_end(100_000)).await.unwrap().unwrap() == data);
    timeout(GENEROUS, echo).await.unwrap().unwrap();
    a.close(0, b"").unwrap();
    timeout(GENEROUS, async { tokio::join!(a.drained(), b.drained()) }).await.unwrap();
}
