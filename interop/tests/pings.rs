//! QX_PING, asked and answered by either side.
#![forbid(unsafe_code)]

use std::time::Duration;

use foctet_interop::{Peer, Settings, Way, every_way, when_nothing_moves};

every_way! {
    tokio::test(start_paused = true):
    a_ping_is_answered,
    an_idle_connection_is_kept_alive_by_pings,
}

async fn a_ping_is_answered(way: Way) {
    let (opener, _other, _wire) = way.over_memory(&Settings::default()).await;
    match &opener {
        Peer::Foctet(connection) => {
            for _ in 0..100 {
                connection.ping().await.expect("the other library answers");
            }
            assert!(connection.rtt().is_some());
        }
        // It asks by itself, once a second.
        Peer::Qmux(_) => {
            tokio::time::sleep(Duration::from_secs(5)).await;
            assert!(opener.rtt().is_some(), "we answer");
        }
    }
}

async fn an_idle_connection_is_kept_alive_by_pings(way: Way) {
    let settings = Settings { idle: Duration::from_secs(3), ..Settings::default() };
    let (opener, other, _wire) = way.over_memory(&settings).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut send = opener.open_uni().await.expect("the connection is still up");
    send.write_all(b"still here").await.unwrap();
    send.finish();
    assert_eq!(other.accept_uni().await.unwrap().read_to_end().await.unwrap(), b"still here");
    when_nothing_moves().await;
}
