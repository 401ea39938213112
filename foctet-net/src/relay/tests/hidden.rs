use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use foctet_core::{NodeAddr, TransportAddr};
use tokio::time::{sleep, timeout};

use super::fake::{Fake, loopback};
use super::{SOON, client, wait_for};
use crate::{ConnectOptions, Endpoint, Prefer, RelaysState, Transport, Transports};

fn udp(endpoint: &Endpoint) -> SocketAddr {
    match endpoint.local_addrs()[0] {
        TransportAddr::Udp(addr) => addr,
        other => panic!("not UDP: {other}"),
    }
}

/// Whether a stranger gets anything back for a packet of a version of QUIC that nobody knows (RFC 9000, section 6).
async fn answers(endpoint: &Endpoint) -> bool {
    let stranger = UdpSocket::bind(loopback()).unwrap();
    stranger.set_nonblocking(true).unwrap();
    let mut packet = vec![0; 1200];
    packet[..7].copy_from_slice(&[0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8, 1]);
    stranger.send_to(&packet, udp(endpoint)).unwrap();
    sleep(Duration::from_secs(1)).await;
    stranger.recv_from(&mut [0; 1500]).is_ok()
}

#[tokio::test(start_paused = true)]
async fn with_relays_only_strangers_hear_nothing_from_us() {
    let relay = Fake::start(Transports::Only(Transport::Quic)).await;
    let open = client().relays([relay.addr()]).build().await.unwrap();
    let hidden = client().relays([relay.addr()]).relay_only(true).build().await.unwrap();
    for endpoint in [&open, &hidden] {
        wait_for(endpoint, RelaysState::is_online).await;
    }
    assert!(answers(&open).await, "else this test shows nothing");
    assert!(!answers(&hidden).await);

    let carol = client().build().await.unwrap();
    let options = ConnectOptions::default().prefer(Prefer::Only(Transport::Quic));
    let dial = async |to: &Endpoint| {
        let addr = NodeAddr::new(to.id()).with_addrs([TransportAddr::udp(udp(to))]);
        timeout(SOON, carol.connect_with(addr, b"test/1", options)).await.expect("in time")
    };
    assert!(dial(&open).await.is_ok());
    assert!(dial(&hidden).await.is_err());
    // The relay is still heard.
    assert!(hidden.relays()[0].is_up());
}
