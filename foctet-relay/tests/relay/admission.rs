//! Who is let in, and as what.

use std::time::Duration;

use foctet_core::relay::{CloseCode, LegRole};
use foctet_relay::Config;

use crate::client::{BOTH, Client, dial, end, id, key, relay, soon};

#[tokio::test]
async fn tokens_make_members_and_wrong_ones_do_not() {
    for transport in BOTH {
        let relay = relay("[access]\ntokens = [\"right\"]\n").await;
        let addr = relay.addr();
        let with = |n, token| Client::hello(&addr, key(n), transport, LegRole::Traffic, token);
        assert!(!with(1, Some("right")).await.unwrap().welcome.unwrap().guest);
        assert!(with(2, None).await.unwrap().welcome.unwrap().guest);
        assert_eq!(with(3, Some("wrong")).await.err(), Some(CloseCode::Refused));
        let relay = self::relay("[access]\ntokens = [\"right\"]\nguests = false\n").await;
        let refused = Client::hello(&relay.addr(), key(2), transport, LegRole::Traffic, None).await;
        assert_eq!(refused.err(), Some(CloseCode::Refused));
    }
}

#[tokio::test]
async fn a_reload_changes_who_is_let_in() {
    let deny = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&deny, format!("{}\n", id(1))).unwrap();
    let relay = relay("").await;
    drop(Client::join(&relay, 1, BOTH[0]).await);
    let mut config = Config::default();
    config.access.deny = Some(deny.path().to_owned());
    relay.reload(&config).unwrap();
    let refused = Client::hello(&relay.addr(), key(1), BOTH[0], LegRole::Traffic, None).await;
    assert_eq!(refused.err(), Some(CloseCode::Refused));
    config.limits.queue_packets = 0;
    relay.reload(&config).unwrap_err();
}

#[tokio::test]
async fn of_two_legs_of_a_key_the_newer_stays_but_not_at_once() {
    for transport in BOTH {
        let relay = relay("").await;
        let first = Client::join(&relay, 1, transport).await;
        let hasty = Client::hello(&relay.addr(), key(1), transport, LegRole::Traffic, None).await;
        assert_eq!(hasty.err(), Some(CloseCode::InUse));
        // An observer disturbs nobody.
        let observer = Client::hello(&relay.addr(), key(1), transport, LegRole::Observe, None).await.unwrap();
        let seen = observer.welcome.unwrap().observed.addr();
        assert!(seen.ip().is_loopback() && seen.port() != 0);
        assert!(first.connection.close_reason().is_none());
        let second = soon(async {
            loop {
                // The second is that of the relay's clock, which no test can move.
                if let Ok(second) =
                    Client::hello(&relay.addr(), key(1), transport, LegRole::Traffic, None).await
                {
                    break second;
                }
            }
        })
        .await;
        assert_eq!(end(&first.connection).await, CloseCode::Replaced);
        assert!(second.connection.close_reason().is_none());
    }
}

#[tokio::test]
async fn whoever_says_no_hello_is_closed_after_ten_seconds() {
    for transport in BOTH {
        let relay = relay("").await;
        let (_endpoint, connection) = dial(&relay.addr(), key(1), transport).await;
        // So that the leg is accepted before time flies.
        soon(async {
            while !relay.metrics().to_text().contains("foctet_relay_waiting 1") {
                tokio::task::yield_now().await;
            }
        })
        .await;
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        let error = connection.closed().await;
        let foctet_net::ConnectionError::ApplicationClosed { code, .. } = error else { panic!("{error}") };
        assert_eq!(CloseCode::from_code(code), Some(CloseCode::NoHello));
        let took = began.elapsed();
        assert!(took > Duration::from_secs(9) && took < Duration::from_secs(12), "{took:?}");
        tokio::time::resume();
    }
}
