//! What a client may not do.

use std::time::Duration;

use foctet_core::Ticket;
use foctet_core::bench::{ALPN, FailCode, Frame, Welcome};
use foctet_net::{
    ConnectOptions, Connection, ConnectionError, Endpoint, Prefer, ReadError, RecvStream, SendStream,
    Transport,
};
use tempfile::tempdir;
use tokio::time::timeout;

use super::{is_empty, serve};
use crate::process::PATIENCE;

/// A client that has been let in.
struct Visitor {
    connection: Connection,
    send: SendStream,
    recv: RecvStream,
    welcome: Welcome,
    _endpoint: Endpoint,
}

impl Visitor {
    async fn enter(ticket: &Ticket, transport: Transport) -> Self {
        let endpoint = Endpoint::builder().bind("127.0.0.1:0".parse().unwrap()).build().await.unwrap();
        let options = ConnectOptions::default().prefer(Prefer::Only(transport));
        let connection = endpoint.connect_with(ticket.addr().clone(), ALPN, options).await.unwrap();
        let (mut send, mut recv) = connection.open_bi().await.unwrap();
        let hello = Frame::Hello { secret: ticket.secret().clone(), features: u64::MAX };
        send.write_all(&hello.encode()).await.unwrap();
        let Frame::Welcome(welcome) = read(&mut recv).await else { panic!("no welcome") };
        Self { connection, send, recv, welcome, _endpoint: endpoint }
    }

    async fn ask(&mut self, question: &[u8]) -> Frame {
        self.send.write_all(question).await.unwrap();
        read(&mut self.recv).await
    }

    /// What a test stream that begins so is reset with.
    async fn reset_of(&self, first: &[u8]) -> u64 {
        let (mut send, mut recv) = self.connection.open_bi().await.unwrap();
        send.write_all(first).await.unwrap();
        send.finish().unwrap();
        match recv.read_chunk(1000).await {
            Err(ReadError::Reset(code)) => code,
            other => panic!("{other:?}"),
        }
    }
}

async fn read(recv: &mut RecvStream) -> Frame {
    let mut kind = [0];
    recv.read_exact(&mut kind).await.unwrap();
    let mut body = vec![0; Frame::body_len(kind[0]).unwrap()];
    recv.read_exact(&mut body).await.unwrap();
    Frame::decode(kind[0], &body).unwrap()
}

fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(PATIENCE, test).await.expect("it ends in time") });
}

#[test]
fn the_disk_is_written_no_more_than_allowed_and_all_else_goes_on() {
    let dir = tempdir().unwrap();
    for transport in [Transport::Quic, Transport::Tcp] {
        let (_server, ticket) = serve(&["--disk-limit", "1MB", "--dir", dir.path().to_str().unwrap()]);
        let ticket: Ticket = ticket.parse().unwrap();
        block_on(async {
            let mut visitor = Visitor::enter(&ticket, transport).await;
            assert_eq!(visitor.welcome.disk, 1_000_000);
            let refused = Frame::Fail { code: FailCode::DiskLimit, detail: 0 };
            for bytes in [1_000_001, u64::MAX] {
                assert_eq!(visitor.ask(&Frame::Disk { bytes }.encode()).await, refused);
            }
            let written = visitor.ask(&Frame::Disk { bytes: 600_000 }.encode()).await;
            assert!(matches!(written, Frame::DiskDone { bytes: 600_000, .. }), "{written:?}");
            assert_eq!(visitor.ask(&Frame::Disk { bytes: 400_001 }.encode()).await, refused);
            assert!(matches!(visitor.ask(&Frame::Usage.encode()).await, Frame::Used { .. }));
        });
    }
    assert!(is_empty(dir.path()));
}

#[test]
fn nonsense_costs_its_stream_and_on_the_control_stream_the_connection() {
    for transport in [Transport::Quic, Transport::Tcp] {
        let (_server, ticket) = serve(&["--no-disk"]);
        let ticket: Ticket = ticket.parse().unwrap();
        block_on(async {
            let mut visitor = Visitor::enter(&ticket, transport).await;
            // Unknown, out of bounds, cut, a question, a hello.
            let hello = Frame::Hello { secret: ticket.secret().clone(), features: 0 }.encode();
            for first in [&[0x7f][..], &[0x10, 0, 1, 0, 0], &[0x13, 0], &[0x04], &hello] {
                assert_eq!(visitor.reset_of(first).await, 3, "{first:?}");
            }
            assert!(matches!(visitor.ask(&Frame::Usage.encode()).await, Frame::Used { .. }));
            let answer = visitor.ask(&[0x7f]).await;
            assert_eq!(answer, Frame::Fail { code: FailCode::Protocol, detail: 0 });
            let closed = visitor.connection.closed().await;
            assert!(matches!(closed, ConnectionError::ApplicationClosed { code: 3, .. }), "{closed:?}");
        });
    }
}

#[test]
fn a_source_ends_when_it_is_stopped_and_a_sink_counts_what_it_took() {
    for transport in [Transport::Quic, Transport::Tcp] {
        let (_server, ticket) = serve(&["--no-disk"]);
        let ticket: Ticket = ticket.parse().unwrap();
        block_on(async {
            let visitor = Visitor::enter(&ticket, transport).await;
            let (mut send, mut recv) = visitor.connection.open_bi().await.unwrap();
            send.write_all(&Frame::Source { millis: 60_000 }.encode()).await.unwrap();
            assert!(recv.read_chunk(10).await.unwrap().is_some());
            recv.stop(0).unwrap();
            // Its other half ends too, or is reset: either way soon.
            send.finish().unwrap();
            timeout(Duration::from_secs(20), send.stopped()).await.unwrap().ok();

            let (mut send, mut recv) = visitor.connection.open_bi().await.unwrap();
            send.write_all(&Frame::Sink { warm_up_millis: 60_000 }.encode()).await.unwrap();
            send.write_all(&[7; 100_000]).await.unwrap();
            send.finish().unwrap();
            let taken = read(&mut recv).await;
            assert!(matches!(taken, Frame::Taken { bytes: 100_000, total: 100_000, .. }), "{taken:?}");
        });
    }
}
