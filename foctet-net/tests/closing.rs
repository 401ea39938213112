//! The end of an endpoint whose process ends with it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that cannot go on says so

use std::sync::mpsc;
use std::time::Duration;

use foctet_core::NodeAddr;
use foctet_net::{ConnectOptions, ConnectionError, Endpoint, Prefer, Transport};
use tokio::runtime::Runtime;
use tokio::time::timeout;

const ALPN: &[u8] = b"test/closing/1";

/// Far more than anything here takes, so that only what never comes is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends what runs in it as the end of a process does.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn endpoint() -> Endpoint {
    Endpoint::builder().bind(([127, 0, 0, 1], 0).into()).alpns([ALPN]).build().await.unwrap()
}

#[test]
fn the_peer_hears_of_a_connection_that_was_dropped_just_before_its_endpoint_was_closed() {
    for transport in [Transport::Quic, Transport::Tcp] {
        let (tell, told) = mpsc::channel::<NodeAddr>();
        let accepting = std::thread::spawn(move || {
            runtime().block_on(async {
                let bob = endpoint().await;
                tell.send(bob.addr()).unwrap();
                let connection = timeout(PATIENCE, bob.accept()).await.unwrap().unwrap();
                let mut send = connection.open_uni().await.unwrap();
                // More than anybody reads: what is unread when a socket is closed destroys what was sent before.
                tokio::spawn(async move { while send.write_all(&[7; 50_000]).await.is_ok() {} });
                timeout(PATIENCE, connection.closed()).await.unwrap()
            })
        });
        let to = told.recv_timeout(PATIENCE).unwrap();
        runtime().block_on(async {
            let alice = endpoint().await;
            let options = ConnectOptions::default().prefer(Prefer::Only(transport));
            let connection = timeout(PATIENCE, alice.connect_with(to, ALPN, options)).await.unwrap().unwrap();
            // A close may overtake what makes an acceptor take the connection at all.
            let mut recv = timeout(PATIENCE, connection.accept_uni()).await.unwrap().unwrap();
            recv.read_exact(&mut [0; 10]).await.unwrap();
            drop((recv, connection));
            alice.close().await;
        });
        let error = accepting.join().unwrap();
        assert!(
            matches!(error, ConnectionError::ApplicationClosed { code: 0, .. }),
            "{transport}: {error:?}"
        );
    }
}
