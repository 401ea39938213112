//! Attacks that only a transport over datagrams knows: answers larger than questions, and data with gaps.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use foctet_net::{Connection, ConnectionError, HandshakeError, Transport};
use noq::crypto::rustls::QuicClientConfig;
use tokio::net::UdpSocket;

use crate::hostile::Peer;
use crate::ours::*;

/// How many times what came from an address may be sent to it before it has shown that it hears us: RFC 9000,
/// section 8.1.
const AMPLIFICATION: usize = 3;

/// And so much more, in bytes: noq sends a whole datagram as long as any of that is left, here its CONNECTION_CLOSE.
const LAST_DATAGRAM: usize = 1_200;

/// More pieces than noq keeps of one stream, each beside a gap: it puts up with 1,024, and looks at twice as many.
const PIECES: usize = 2_100;

async fn socket() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

fn config(transport: noq::TransportConfig) -> noq::ClientConfig {
    let tls = Peer::honest(&peer()).silent().client_config(Transport::Quic);
    let mut config = noq::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    config.transport_config(Arc::new(transport));
    config
}

/// Passes on up to `datagrams` of a dialler and none of the answers, which go to an address that never asked for
/// them. How many bytes went there and came back until the handshake was given up.
async fn reflected(datagrams: usize) -> (usize, usize) {
    let mut ours = Ours::new().await;
    let addr = ours.addr(Transport::Quic);
    let middle = socket().await;
    let dialler = noq::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let name = "foctet";
    let _connecting = dialler
        .connect_with(config(noq::TransportConfig::default()), middle.local_addr().unwrap(), name)
        .unwrap();
    let (mut passed, mut asked, mut answered) = (0, 0, 0);
    let mut buffer = [0; 2048];
    // From here on nothing waits for a clock.
    tokio::time::pause();
    loop {
        tokio::select! {
            biased;
            received = middle.recv_from(&mut buffer) => {
                let (length, from) = received.unwrap();
                if from == addr {
                    answered += length;
                } else if passed < datagrams {
                    middle.send_to(&buffer[..length], addr).await.unwrap();
                    passed += 1;
                    asked += length;
                }
            }
            failure = ours.failures.recv() => {
                assert_eq!(failure.unwrap().error, HandshakeError::TimedOut);
                break;
            }
        }
    }
    while let Ok((length, from)) = middle.try_recv_from(&mut buffer) {
        answered += if from == addr { length } else { 0 };
    }
    (asked, answered)
}

#[tokio::test]
async fn an_address_that_never_answers_gets_three_times_what_was_sent_in_its_name_and_a_datagram_at_most() {
    for datagrams in 1..=3 {
        let (asked, answered) = reflected(datagrams).await;
        println!("{asked} bytes asked, {answered} answered, {:.2} times", answered as f64 / asked as f64);
        assert!(answered > 0, "the handshake never began");
        assert!(answered < AMPLIFICATION * asked + LAST_DATAGRAM, "{answered} bytes for {asked}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_version_that_nobody_speaks_is_answered_with_less_than_was_sent() {
    let ours = Ours::new().await;
    let socket = socket().await;
    let mut asked = 0;
    for length in [21, 100, 1_199, 1_200, 1_400] {
        let mut bytes = vec![0; length];
        // A long header of version 0x0a0a0a0a, with connection IDs of 8 bytes each.
        bytes[..6].copy_from_slice(&[0xc0, 10, 10, 10, 10, 8]);
        bytes[14] = 8;
        socket.send_to(&bytes, ours.addr(Transport::Quic)).await.unwrap();
        asked += if length >= 1_200 { length } else { 0 };
    }
    let (mut answered, mut answers) = (0, 0);
    let mut buffer = [0; 2048];
    // Only those that are as long as an Initial are worth an answer.
    while answers < 2 {
        answered += soon("an answer", socket.recv_from(&mut buffer)).await.unwrap().0;
        answers += 1;
    }
    assert!(answered < asked, "{answered} bytes for {asked}");
    drop(ours);
}

/// Passes datagrams on between a dialler and `addr`, one for one.
struct Middle {
    front: UdpSocket,
    back: UdpSocket,
    dialler: Option<SocketAddr>,
}

impl Middle {
    async fn new(addr: SocketAddr) -> Self {
        let back = socket().await;
        back.connect(addr).await.unwrap();
        Self { front: socket().await, back, dialler: None }
    }

    /// Passes on everything, for ever.
    async fn pass(&mut self) {
        let (mut there, mut here) = ([0; 2048], [0; 2048]);
        loop {
            tokio::select! {
                received = self.front.recv_from(&mut there) => {
                    let (length, from) = received.unwrap();
                    self.dialler = Some(from);
                    self.back.send(&there[..length]).await.unwrap();
                }
                received = self.back.recv(&mut here) => {
                    let length = received.unwrap();
                    self.front.send_to(&here[..length], self.dialler.unwrap()).await.unwrap();
                }
            }
        }
    }

    /// Takes the dialler's next datagram and passes it on, or not.
    async fn one(&self, pass: bool) {
        let mut there = [0; 2048];
        let (length, _) = soon("a datagram", self.front.recv_from(&mut there)).await.unwrap();
        if pass {
            self.back.send(&there[..length]).await.unwrap();
        }
    }
}

/// Connects through `middle`, as a dialler that says hello and takes no notices.
async fn connect(
    dialler: &noq::Endpoint,
    transport: noq::TransportConfig,
    middle: &mut Middle,
    ours: &Ours,
) -> (noq::Connection, Connection) {
    let front = middle.front.local_addr().unwrap();
    let connecting = dialler.connect_with(config(transport), front, "foctet").unwrap();
    let dialling = async {
        let connection = connecting.await.unwrap();
        let mut hello = connection.open_uni().await.unwrap();
        hello.write_all(&[1, 1, 0]).await.unwrap();
        hello.finish().unwrap();
        connection
    };
    tokio::select! {
        (theirs, accepted) = soon("a connection", async { tokio::join!(dialling, ours.endpoint.accept()) }) => {
            (theirs, accepted.unwrap())
        }
        () = middle.pass() => unreachable!(),
    }
}

#[tokio::test]
async fn a_stream_of_nothing_but_gaps_ends_the_connection() {
    let ours = Ours::new().await;
    let mut middle = Middle::new(ours.addr(Transport::Quic)).await;
    // A dialler that knows no congestion, so that it sends on whatever is lost.
    let mut reckless = noq::congestion::CubicConfig::default();
    reckless.initial_window(1 << 26);
    let mut transport = noq::TransportConfig::default();
    transport.congestion_controller_factory(Arc::new(reckless));
    transport.mtu_discovery_config(None);
    let dialler = noq::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let (theirs, accepted) = connect(&dialler, transport, &mut middle, &ours).await;
    let mut send = theirs.open_uni().await.unwrap();
    let closed = accepted.closed();
    tokio::pin!(closed);
    // A byte a datagram, of which every other arrives, and no word of it comes back.
    for n in 0..2 * PIECES {
        send.write_all(&[n as u8]).await.unwrap();
        tokio::select! {
            () = middle.one(n % 2 == 1) => {}
            _ = &mut closed => break,
        }
    }
    let error = soon("the end", accepted.closed()).await;
    let ConnectionError::TransportError { reason, .. } = &error else { panic!("{error:?}") };
    assert!(reason.contains("gaps"), "{reason}");
}

/// A network that loses every tenth datagram makes gaps too, and heals them.
#[tokio::test]
async fn the_honest_twin_loses_every_tenth_datagram_and_arrives() {
    const BYTES: usize = 1 << 20;
    let ours = Ours::new().await;
    let mut middle = Middle::new(ours.addr(Transport::Quic)).await;
    let dialler = noq::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let (theirs, accepted) = connect(&dialler, noq::TransportConfig::default(), &mut middle, &ours).await;
    let mut send = theirs.open_uni().await.unwrap();
    let writing = async {
        send.write_all(&vec![7; BYTES]).await.unwrap();
        send.finish().unwrap();
        std::future::pending::<()>().await;
    };
    let losing = async {
        let (mut there, mut here) = ([0; 2048], [0; 2048]);
        let mut count = 0_u32;
        loop {
            tokio::select! {
                received = middle.front.recv_from(&mut there) => {
                    let (length, _) = received.unwrap();
                    count += 1;
                    if !count.is_multiple_of(10) {
                        middle.back.send(&there[..length]).await.unwrap();
                    }
                }
                received = middle.back.recv(&mut here) => {
                    let length = received.unwrap();
                    middle.front.send_to(&here[..length], middle.dialler.unwrap()).await.unwrap();
                }
            }
        }
    };
    let reading = async {
        let mut recv = accepted.accept_uni().await.unwrap();
        recv.read_to_end(BYTES).await.unwrap().len()
    };
    tokio::select! {
        read = soon("all of it", reading) => assert_eq!(read, BYTES),
        () = writing => unreachable!(),
        () = losing => unreachable!(),
    }
}
