//! How soon the peer is told: the same attacks on a whole connection with its driver.

use std::fmt;
use std::time::Duration;

use foctet_mux::{Config, Connection, ConnectionError, Frame, Role, TransportErrorCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::{Instant, timeout};

use crate::ledger::measured;
use crate::raw::{encode, params, read_varint, record};

/// The longest that a connection may live under attack, from the first hostile byte on to the CONNECTION_CLOSE at its peer.
const CLOSED_WITHIN: Duration = Duration::from_millis(100);

const GENEROUS: Duration = Duration::from_secs(60);

/// How long it took.
pub(crate) struct Closed(Duration);

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "closed in {:.1} ms", self.0.as_secs_f64() * 1e3)
    }
}

/// Sends the records of an attack over a carrier until it ends, which must be with `code`, at both ends.
pub(crate) fn closes(
    config: &Config,
    code: TransportErrorCode,
    mut hostile: impl FnMut(u64, &mut Vec<u8>),
) -> Closed {
    // Of one thread, so that the connection, too, counts as this thread's work.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let closed = runtime.block_on(async {
        timeout(GENEROUS, async {
            let (ours, theirs) = duplex(1 << 16);
            let connection = Connection::new(theirs, Role::Server, config.clone());
            let (mut reads, mut writes) = tokio::io::split(ours);
            let first = record(&encode(&[Frame::TransportParameters { encoded: &params() }]));
            writes.write_all(&first).await.unwrap();
            connection.established().await.unwrap();
            let begun = Instant::now();
            let attack = async {
                let mut wire = Vec::new();
                for n in 0.. {
                    hostile(n, &mut wire);
                    if writes.write_all(&wire).await.is_err() {
                        break;
                    }
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = attack => {}
                told = told(&mut reads) => assert_eq!(told, code.as_u64()),
            }
            let closed = begun.elapsed();
            match connection.closed().await {
                ConnectionError::TransportError { code: found, .. } => assert_eq!(found, code),
                other => panic!("{other:?}"),
            }
            closed
        })
        .await
    });
    let closed = closed.expect("a connection under attack ends");
    if measured() {
        assert!(closed <= CLOSED_WITHIN, "{closed:?}");
    }
    Closed(closed)
}

/// Reads records until one closes the connection, and says with which code.
async fn told(reads: &mut (impl AsyncReadExt + Unpin)) -> u64 {
    let mut wire = Vec::new();
    loop {
        assert!(reads.read_buf(&mut wire).await.unwrap() > 0, "the end without a word");
        while let Some(len) = first_record(&wire) {
            let mut rest = &wire[..len];
            read_varint(&mut rest);
            while !rest.is_empty() {
                if let Frame::ConnectionClose { code, .. } = Frame::decode(&mut rest).unwrap() {
                    return code;
                }
            }
            wire.drain(..len);
        }
    }
}

/// How long the first record is with its size, if it is there.
fn first_record(wire: &[u8]) -> Option<usize> {
    let prefix = 1 << (wire.first()? >> 6);
    let mut rest = wire;
    let len = prefix + if wire.len() < prefix { return None } else { read_varint(&mut rest) as usize };
    (wire.len() >= len).then_some(len)
}
