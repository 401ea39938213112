//! Attempts to appear as another node: by forged packets, and by saying again what that node has said.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use foctet_core::relay::packet::Address;
use foctet_core::relay::{Control, LegRole};
use foctet_core::{RelayAddr, RelayHost};
use foctet_net::Transport;
use foctet_relay::Relay;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::{BOTH, Client, id, key, relay, soon};

/// Forged packets on each transport.
const FORGED: u32 = 10_000;

/// Packets on the way at once: well below what a relay queues for a client.
const AT_ONCE: u32 = 16;

/// How long an answer over UDP is waited for, which may not come.
const A_MOMENT: Duration = Duration::from_millis(1);

/// How often a recorded connection is said again while it lives and once it is over, on each transport.
const REPLAYS: usize = 1_000;

const MALLORY: u8 = 1;
const BOB: u8 = 2;
const ALICE: u8 = 3;

#[tokio::test]
async fn no_packet_of_ten_thousand_appears_as_another_node_s() {
    for transport in BOTH {
        let relay =
            relay("[limits]\npackets_per_second = 0\nbytes_per_second = 0\nqueue_packets = 1024\n").await;
        let alice = Client::join(&relay, ALICE, transport).await;
        let mut bob = Client::join(&relay, BOB, transport).await;
        let mallory = Client::join(&relay, MALLORY, transport).await;
        // From here on what Bob hears on channel 0 without a name is from Alice.
        alice.packet(Address::Bind(0, id(BOB)), b"it is me");
        assert_eq!(bob.heard().await.0, Address::Bind(0, id(ALICE)));
        bob.say(&Control::Bound { channel: 0 }).await;
        // Mallory's own channels.
        mallory.packet(Address::Bind(1, id(BOB)), b"x");
        mallory.packet(Address::Bind(2, id(ALICE)), b"x");
        assert_eq!(bob.heard().await.0, Address::Bind(1, id(MALLORY)));
        assert_eq!(alice.heard().await.0, Address::Bind(0, id(MALLORY)));

        let (mut at_bob, mut at_alice) = (0, 0);
        for batch in 0..FORGED / AT_ONCE {
            let (mut for_bob, mut for_alice) = (0, 0);
            for n in batch * AT_ONCE..(batch + 1) * AT_ONCE {
                let (address, counts) = match n % 8 {
                    // Whomever a packet names, it names whom it is for.
                    0 => (Address::Peer(id(BOB)), (1, 0)),
                    1 => (Address::Peer(id(ALICE)), (0, 1)),
                    2 => (Address::Peer(id(MALLORY)), (0, 0)),
                    3 => (Address::Channel(1), (1, 0)),
                    4 => (Address::Channel(2), (0, 1)),
                    // Alice's channel, which is none of this leg's, and others that nobody has.
                    5 => (Address::Channel(0), (0, 0)),
                    6 => (Address::Channel(3 + (n % 200) as u16), (0, 0)),
                    _ => (Address::Bind(1, id(BOB)), (1, 0)),
                };
                mallory.packet(address, &n.to_be_bytes());
                for_bob += counts.0;
                for_alice += counts.1;
            }
            for _ in 0..for_bob {
                assert_eq!(bob.heard().await.0, Address::Bind(1, id(MALLORY)));
            }
            for _ in 0..for_alice {
                assert_eq!(alice.heard().await.0, Address::Bind(0, id(MALLORY)));
            }
            at_bob += for_bob;
            at_alice += for_alice;
        }
        println!(
            "{transport}: {FORGED} forged, {at_bob} heard by Bob, {at_alice} by Alice, all as Mallory's"
        );
        alice.packet(Address::Channel(0), b"still me");
        assert_eq!(bob.heard().await, (Address::Channel(0), b"still me".to_vec()));
        assert!(mallory.connection.close_reason().is_none());
    }
}

/// What a client has sent to the relay over one transport: to be said again.
#[derive(Default)]
struct Recording {
    /// Over TCP, all in one; over UDP, one for each packet.
    pieces: Mutex<Vec<Vec<u8>>>,
}

impl Recording {
    fn add(&self, piece: &[u8]) {
        self.pieces.lock().unwrap().push(piece.to_vec());
    }

    fn pieces(&self) -> Vec<Vec<u8>> {
        self.pieces.lock().unwrap().clone()
    }
}

/// Somebody on the way who passes on everything and keeps what the client says.
struct Tap {
    addr: SocketAddr,
    recording: Arc<Recording>,
    /// From where the relay hears the client over UDP.
    back: Option<Arc<UdpSocket>>,
    _tasks: JoinSet<()>,
}

impl Tap {
    async fn new(transport: Transport, to: SocketAddr) -> Self {
        let recording = Arc::<Recording>::default();
        let mut tasks = JoinSet::new();
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        if transport == Transport::Tcp {
            let listener = TcpListener::bind(here).await.unwrap();
            let addr = listener.local_addr().unwrap();
            tasks.spawn(tap_tcp(listener, to, Arc::clone(&recording)));
            return Self { addr, recording, back: None, _tasks: tasks };
        }
        let front = Arc::new(UdpSocket::bind(here).await.unwrap());
        let back = Arc::new(UdpSocket::bind(here).await.unwrap());
        back.connect(to).await.unwrap();
        let addr = front.local_addr().unwrap();
        tasks.spawn(tap_udp(front, Arc::clone(&back), Arc::clone(&recording)));
        Self { addr, recording, back: Some(back), _tasks: tasks }
    }
}

async fn tap_tcp(listener: TcpListener, to: SocketAddr, recording: Arc<Recording>) {
    let (client, _) = listener.accept().await.unwrap();
    let relay = TcpStream::connect(to).await.unwrap();
    let ((mut from_client, mut to_client), (mut from_relay, mut to_relay)) =
        (client.into_split(), relay.into_split());
    let forth = async {
        let mut buffer = vec![0; 65_536];
        while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
            recording.add(&buffer[..length]);
            to_relay.write_all(&buffer[..length]).await.unwrap();
        }
    };
    tokio::join!(forth, async { tokio::io::copy(&mut from_relay, &mut to_client).await.ok() });
}

async fn tap_udp(front: Arc<UdpSocket>, back: Arc<UdpSocket>, recording: Arc<Recording>) {
    let (mut there, mut here) = (vec![0; 65_536], vec![0; 65_536]);
    let mut client = None;
    loop {
        tokio::select! {
            Ok((length, from)) = front.recv_from(&mut there) => {
                client = Some(from);
                recording.add(&there[..length]);
                back.send(&there[..length]).await.ok();
            }
            Ok(length) = back.recv(&mut here) => {
                if let Some(client) = client {
                    front.send_to(&here[..length], client).await.ok();
                }
            }
        }
    }
}

/// Says all of it again, on a connection of its own, and waits for the relay's answer; over TCP until it hangs up. Whether
/// it answered at all.
async fn say_again(transport: Transport, to: SocketAddr, pieces: &[Vec<u8>]) -> bool {
    if transport == Transport::Tcp {
        let mut stream = TcpStream::connect(to).await.unwrap();
        // The relay may have hung up in the middle.
        stream.write_all(&pieces.concat()).await.ok();
        let mut answer = Vec::new();
        soon(stream.read_to_end(&mut answer)).await.ok();
        return !answer.is_empty();
    }
    let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    for piece in pieces {
        socket.send_to(piece, to).await.unwrap();
    }
    timeout(A_MOMENT, socket.recv(&mut [0; 1500])).await.is_ok()
}

fn counted(relay: &Relay, name: &str) -> u64 {
    let text = relay.metrics().to_text();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("foctet_relay_{name} ")));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn whatever_is_said_again_is_not_taken_for_the_one_who_said_it() {
    for transport in BOTH {
        let relay = relay("[access]\ntokens = [\"secret\"]\n").await;
        let RelayHost::Ip(ip) = *relay.addr().host() else { panic!("a relay on loopback") };
        let to = SocketAddr::new(ip, relay.addr().port());
        let tap = Tap::new(transport, to).await;
        let through = RelayAddr::new(relay.id(), RelayHost::Ip(tap.addr.ip()), tap.addr.port());
        let join = |addr, n| async move {
            Client::hello(&addr, key(n), transport, LegRole::Traffic, Some("secret")).await.unwrap()
        };
        let alice = join(through, ALICE).await;
        let bob = join(relay.addr(), BOB).await;
        alice.packet(Address::Peer(id(BOB)), b"once");
        assert_eq!(bob.heard().await.1, b"once");
        let recorded = tap.recording.pieces();
        assert!(recorded.concat().len() > 1000, "a handshake, a hello and a packet");
        let before = ["legs", "joined_total", "packets_total"].map(|name| counted(&relay, name));
        assert_eq!(before, [2, 2, 1]);

        let mut answered = 0;
        for _ in 0..REPLAYS {
            answered += usize::from(say_again(transport, to, &recorded).await);
            if let Some(back) = &tap.back {
                // From where Alice is, too.
                for piece in &recorded {
                    back.send(piece).await.unwrap();
                }
            }
        }
        // Behind all that: the relay takes them in order.
        alice.packet(Address::Peer(id(BOB)), b"twice");
        assert_eq!(bob.heard().await.1, b"twice", "what was heard once is not heard again");
        let after = ["legs", "joined_total", "packets_total"].map(|name| counted(&relay, name));
        assert_eq!(after, [2, 2, 2]);
        for client in [&alice, &bob] {
            assert!(client.connection.close_reason().is_none());
        }

        // And once Alice is gone: over QUIC that is when the relay takes it for something new at all.
        alice.connection.close(0, b"");
        soon(async {
            while !say_again(transport, to, &recorded).await || counted(&relay, "legs") > 1 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        for _ in 0..REPLAYS {
            answered += usize::from(say_again(transport, to, &recorded).await);
        }
        println!("{transport}: said again {} times, of which {answered} had an answer", 2 * REPLAYS);
        assert!(answered > 0, "it is not even listened to");
        alice_is_not_there(&bob, &relay).await;
    }
}

/// Nobody has joined as Alice, and what is for her goes to nobody.
async fn alice_is_not_there(bob: &Client, relay: &Relay) {
    assert_eq!(["legs", "joined_total"].map(|name| counted(relay, name)), [1, 2]);
    let before = counted(relay, "unroutable_total");
    bob.packet(Address::Peer(id(ALICE)), b"x");
    soon(async {
        while counted(relay, "unroutable_total") == before {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_hello_makes_nobody_another_node_on_whichever_connection_it_is_said() {
    for transport in BOTH {
        let relay = relay("[access]\ntokens = [\"secret\"]\n").await;
        // The very bytes of Alice's, token included: had somebody read them, they would make a member and nothing else.
        let addr = relay.addr();
        let join = |n| Client::hello(&addr, key(n), transport, LegRole::Traffic, Some("secret"));
        let alice = join(ALICE).await.unwrap();
        for n in 100..150 {
            let mallory = join(n).await.unwrap();
            mallory.packet(Address::Peer(id(ALICE)), b"x");
            assert!(matches!(alice.heard().await.0, Address::Bind(_, from) if from == id(n)));
        }
        assert!(alice.connection.close_reason().is_none(), "nobody has taken its place");
    }
}
