//! Clients of a relay that never read: what they cost it.
#![cfg(target_os = "linux")]

use std::fs;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use foctet_core::relay::packet::{Address, split};
use foctet_core::relay::{ALPN, Control, ControlReader, LegRole, Limit};
use foctet_core::{NodeAddr, NodeId, RelayAddr, RelayHost, SecretKey, TransportAddr};
use foctet_net::{
    ConnectOptions, Connection, Endpoint, Prefer, RecvStream, SendStream, Transport, Transports,
};
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

use crate::process::{PATIENCE, Process};
use crate::relay::start;

/// Clients that never read.
const CLIENTS: usize = 4;

/// Bytes that are sent to them, all together: the kernel's own buffers take several megabytes for each over TCP.
const FLOOD: usize = 48 << 20;

/// What one of them may cost: 64 packets of 1,600 bytes in its queue, as much again where that is being sent, and what an
/// idle client costs. Beyond it, what the allocator keeps of the traffic of the one who floods.
const EACH: u64 = 256 << 10;
const BESIDE: u64 = 4 << 20;

/// How long a flood may take on a busy machine.
const LONG: Duration = Duration::from_secs(100);

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A figure of a process, in bytes.
fn memory(process: &Process, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Clients of a relay that join it and then stand still until `over`.
fn stand_still(
    relay: &RelayAddr,
    transport: Transport,
    tell: &mpsc::Sender<Vec<NodeId>>,
    over: &mpsc::Receiver<()>,
) {
    runtime().block_on(async {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let client = Endpoint::builder().bind(([127, 0, 0, 1], 0).into()).alpns([b"test/1"]);
            let client = client.relays([relay.clone()]).relay_transports(Transports::Only(transport));
            let client = client.build().await.unwrap();
            timeout(PATIENCE, client.online()).await.unwrap();
            clients.push(client);
        }
        tell.send(clients.iter().map(Endpoint::id).collect()).unwrap();
        // Not a task of this runtime runs meanwhile.
        over.recv().ok();
    });
}

/// A leg of a client that says what no honest one would.
async fn leg(relay: &RelayAddr, transport: Transport) -> (Endpoint, Connection, SendStream, RecvStream) {
    let RelayHost::Ip(ip) = relay.host() else { panic!("a relay on loopback") };
    let place = SocketAddr::new(*ip, relay.port());
    let to = NodeAddr::new(relay.id()).with_addrs([TransportAddr::udp(place), TransportAddr::tcp(place)]);
    let endpoint = Endpoint::builder().bind(([127, 0, 0, 1], 0).into()).build().await.unwrap();
    let options = ConnectOptions::default().prefer(Prefer::Only(transport));
    let connection = timeout(PATIENCE, endpoint.connect_with(to, ALPN, options)).await.unwrap().unwrap();
    let (mut send, recv) = connection.open_bi().await.unwrap();
    send.write_all(&Control::Hello { role: LegRole::Traffic, token: None }.encode()).await.unwrap();
    (endpoint, connection, send, recv)
}

/// Reads what the relay says until it tells that the queue of somebody is full.
async fn until_queue_is_told(recv: &mut RecvStream) {
    let mut reader = ControlReader::default();
    loop {
        match reader.next().unwrap() {
            Some(Control::Limited { limit: Limit::Queue, .. }) => return,
            Some(_) => {}
            None => reader.push(&recv.read_chunk(4096).await.unwrap().unwrap()),
        }
    }
}

/// Bytes that are sent at once, before a pause of a millisecond: no more than a relay hears without a backlog, whose cost is
/// that of whoever floods.
const BURST: usize = 32 << 10;

/// Sends so many bytes, to each in turn.
async fn flood(connection: &Connection, to: &[NodeId], bytes: usize) {
    let max = connection.max_datagram_size().unwrap();
    let packet = vec![7; 1000];
    for _ in 0..bytes / BURST {
        for peer in to.iter().cycle().take(BURST / packet.len()) {
            let (datagram, _) = split(&Address::Peer(*peer), &packet, 0, max).unwrap();
            connection.send_datagram(datagram.into()).unwrap();
        }
        sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn clients_that_never_read_cost_a_relay_no_more_than_their_queues() {
    for transport in [Transport::Quic, Transport::Tcp] {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("config");
        fs::write(&config, "[limits]\nbytes_per_second = 0\npackets_per_second = 0\n").unwrap();
        let (relay, address) = start(dir.path(), &["--config", config.to_str().unwrap()]);
        let address: RelayAddr = address.parse().unwrap();
        let (tell, told) = mpsc::channel();
        let (over, until_over) = mpsc::channel();
        let still = std::thread::spawn({
            let address = address.clone();
            move || stand_still(&address, transport, &tell, &until_over)
        });
        let clients = told.recv_timeout(PATIENCE).unwrap();
        runtime().block_on(async {
            let (_endpoint, connection, _send, mut recv) = leg(&address, transport).await;
            // What it costs to hear so much at all is none of theirs.
            let nobody = [SecretKey::from_bytes([99; 32]).node_id()];
            timeout(LONG, flood(&connection, &nobody, FLOOD / 8)).await.unwrap();
            let before = memory(&relay, "VmHWM");
            let started = Instant::now();
            timeout(LONG, flood(&connection, &clients, FLOOD)).await.unwrap();
            timeout(LONG, until_queue_is_told(&mut recv)).await.expect("a queue is full");
            let grown = memory(&relay, "VmHWM").saturating_sub(before);
            println!(
                "{transport}: {CLIENTS} clients that never read, {} MiB for them in {:?}: {} KiB more",
                FLOOD >> 20,
                started.elapsed(),
                grown >> 10
            );
            assert!(grown <= CLIENTS as u64 * EACH + BESIDE, "{grown}");
            assert!(connection.close_reason().is_none(), "who sends to them is not to blame");
        });
        drop(over);
        still.join().unwrap();
    }
}
