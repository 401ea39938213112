//! Routers that forget a UDP mapping after eight seconds (CASES.md, D 28).

use std::sync::mpsc;
use std::time::Duration;

use foctet_core::{NodeAddr, RelayAddr};
use foctet_net::{ConnectOptions, Connection, Endpoint, PathEvent, PathEvents, PathKind, Prefer, Transport};
use testbed::topology::Topology;
use testbed::{Nat, RouterOptions};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::needs_namespaces;
use crate::party::PATIENCE;
use crate::stage::Stage;

const ALPN: &[u8] = b"test/idle/1";

/// How long nothing is sent: twice what the routers remember, and a bit.
const IDLE: Duration = Duration::from_secs(18);

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn endpoint(relay: &RelayAddr) -> Endpoint {
    let endpoint = Endpoint::builder().alpns([ALPN]).relays([relay.clone()]).build().await.unwrap();
    timeout(PATIENCE, endpoint.online()).await.unwrap();
    endpoint
}

/// Tells where it is, and answers whoever connects with what that one says until it is `over`.
async fn answer(relay: &RelayAddr, tell: mpsc::Sender<NodeAddr>, over: oneshot::Receiver<()>) {
    let endpoint = endpoint(relay).await;
    tell.send(endpoint.addr()).unwrap();
    let serving = async {
        while let Some(connection) = endpoint.accept().await {
            tokio::spawn(async move {
                while let Ok((mut send, mut recv)) = connection.accept_bi().await {
                    let said = recv.read_to_end(100).await.unwrap();
                    send.write_all(&said).await.unwrap();
                    send.finish().unwrap();
                }
            });
        }
    };
    tokio::select! {
        () = serving => {}
        _ = over => {}
    }
}

/// A connection that has moved to its direct path, with the relayed one behind it, and what happens to them from then on.
async fn connect(endpoint: &Endpoint, to: &NodeAddr) -> (Connection, PathEvents) {
    let options = ConnectOptions::default().prefer(Prefer::Only(Transport::Quic));
    let connection =
        timeout(PATIENCE, endpoint.connect_with(to.clone(), ALPN, options)).await.unwrap().unwrap();
    let mut events = connection.path_events();
    let settled = async {
        // It may be direct by now, and the event of that is still to come, or was before.
        let mut moved = is_direct(&connection);
        while !(moved && is_direct(&connection) && has_relayed(&connection)) {
            let event = events.next().await.expect("the connection lives");
            if let PathEvent::Selected { path, .. } = event {
                moved = path.kind == PathKind::Direct;
            }
        }
    };
    timeout(PATIENCE, settled).await.expect("a direct path and a relayed one");
    (connection, events)
}

fn has_relayed(connection: &Connection) -> bool {
    connection.paths().iter().any(|path| path.kind == PathKind::Relay)
}

fn is_direct(connection: &Connection) -> bool {
    connection.paths().iter().any(|path| path.in_use && path.kind == PathKind::Direct)
}

async fn exchange(connection: &Connection) {
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(b"still there?").await.unwrap();
    send.finish().unwrap();
    let answer = timeout(PATIENCE, recv.read_to_end(100)).await.expect("an answer").unwrap();
    assert_eq!(answer, b"still there?");
}

/// What happened to the paths of a connection since it was last asked.
async fn news(events: &mut PathEvents) -> Vec<PathEvent> {
    let mut news = Vec::new();
    while let Ok(Some(event)) = timeout(Duration::from_millis(1), events.next()).await {
        news.push(event);
    }
    news
}

#[test]
fn an_idle_connection_and_an_idle_listener_outlive_what_their_routers_remember() {
    needs_namespaces!();
    let home = RouterOptions::nat(Nat::PortRestricted).short_lifetimes();
    let stage = Stage::new(Topology::Homes, &home, &home, 1);
    let relay: RelayAddr = stage.relays[0].address.parse().unwrap();
    let (tell, told) = mpsc::channel();
    let (over_tx, over) = oneshot::channel();
    let (alice, bob) = (stage.alice(), stage.bob());
    let relay = &relay;
    std::thread::scope(|scope| {
        scope.spawn(move || bob.within(move || runtime().block_on(answer(relay, tell, over))).unwrap());
        let to = told.recv_timeout(PATIENCE).unwrap();
        let dialling = alice.within(move || {
            // Ends the other side, whatever becomes of this one.
            let _over: oneshot::Sender<()> = over_tx;
            runtime().block_on(async {
                let endpoint = endpoint(relay).await;
                let (connection, mut events) = connect(&endpoint, &to).await;
                exchange(&connection).await;
                sleep(IDLE).await;
                assert!(is_direct(&connection));
                // That the direct path was selected may be told late.
                let bad = |event: &PathEvent| match event {
                    PathEvent::Opened(_) => false,
                    PathEvent::Selected { path, .. } => path.kind != PathKind::Direct,
                    _ => true,
                };
                let happened: Vec<_> = news(&mut events).await.into_iter().filter(bad).collect();
                assert!(happened.is_empty(), "{happened:?}");
                exchange(&connection).await;
                assert!(is_direct(&connection));
                // Where it was told to be before all that.
                let another = self::endpoint(relay).await;
                exchange(&connect(&another, &to).await.0).await;
            });
        });
        dialling.unwrap();
    });
}
