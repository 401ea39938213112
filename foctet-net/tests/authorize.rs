//! Who is let in, asked inside the handshake.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, helpers included"
)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use foctet_core::NodeId;
use foctet_net::{
    Builder, ConnectError, ConnectOptions, Endpoint, HandshakeError, IdentityError, Prefer, TlsError,
    Transport,
};
use tokio::time::timeout;

const ALPN: &[u8] = b"authorize/1";
const PATIENCE: Duration = Duration::from_secs(30);

fn builder() -> Builder {
    Endpoint::builder().alpns([ALPN]).bind(SocketAddr::from(([127, 0, 0, 1], 0)))
}

#[tokio::test]
async fn the_refused_learn_it_from_connect_and_the_others_get_in() {
    let (friend, stranger) = (builder().build().await.unwrap(), builder().build().await.unwrap());
    let asked = Arc::new(Mutex::new(Vec::<NodeId>::new()));
    let accepting = {
        let (friend, asked) = (friend.id(), Arc::clone(&asked));
        let authorize = move |id| {
            asked.lock().unwrap().push(id);
            id == friend
        };
        builder().authorize(authorize).build().await.unwrap()
    };
    let mut failures = accepting.handshake_failures();
    for transport in [Transport::Quic, Transport::Tcp] {
        let options = ConnectOptions::default().prefer(Prefer::Only(transport));
        let refused =
            timeout(PATIENCE, stranger.connect_with(accepting.addr(), ALPN, options)).await.unwrap();
        assert_eq!(refused.map(|_| ()), Err(ConnectError::Refused));
        let failure = timeout(PATIENCE, failures.recv()).await.unwrap().unwrap();
        assert_eq!(failure.transport, transport);
        assert!(failure.remote.ip().is_loopback());
        assert_eq!(failure.error, HandshakeError::Tls(TlsError::Identity(IdentityError::NotAuthorized)));

        let (dialler, acceptor) =
            tokio::join!(friend.connect_with(accepting.addr(), ALPN, options), accepting.accept());
        assert_eq!(dialler.unwrap().remote_id(), accepting.id());
        assert_eq!(acceptor.unwrap().remote_id(), friend.id());
    }
    let mut asked = asked.lock().unwrap().clone();
    asked.dedup();
    assert_eq!(asked, [stranger.id(), friend.id(), stranger.id(), friend.id()]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_the_race_at_once() {
    let stranger = builder().build().await.unwrap();
    let accepting = builder().authorize(|_| false).build().await.unwrap();
    for prefer in [Prefer::Latency, Prefer::Throughput] {
        let options = ConnectOptions::default().prefer(prefer);
        // Well under the handshake timeout.
        let refused =
            timeout(Duration::from_secs(5), stranger.connect_with(accepting.addr(), ALPN, options)).await;
        assert_eq!(refused.unwrap().map(|_| ()), Err(ConnectError::Refused));
    }
    assert!(timeout(Duration::from_millis(200), accepting.accept()).await.is_err(), "a stranger got in");
}
