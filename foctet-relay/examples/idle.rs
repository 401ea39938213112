//! What idle clients cost a relay: resident memory and CPU, for so many of them over one transport.
//!
//! ```text
//! cargo run --release -p foctet-relay --example idle -- 2000 tcp
//! ```
//! The relay is a process of its own, so that nothing of the clients is counted. Linux only, as it reads /proc.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // what cannot be measured ends it

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use foctet_core::relay::{ALPN, Control, LegRole};
use foctet_core::{NodeAddr, RelayAddr, RelayHost, SecretKey, TransportAddr};
use foctet_net::{Endpoint, Transport, Transports};
use foctet_relay::{Config, Relay};

/// Dials at once: about what two cores keep up with.
const AT_ONCE: usize = 32;

/// How long the CPU is watched.
const WATCHED: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve"] => serve().await,
        [count, "tcp"] => measure(count.parse().unwrap(), Transport::Tcp).await,
        [count, "quic"] => measure(count.parse().unwrap(), Transport::Quic).await,
        _ => panic!("usage: idle COUNT tcp|quic"),
    }
}

async fn serve() {
    let mut config = Config { bind: vec![SocketAddr::from(([127, 0, 0, 1], 0))], ..Config::default() };
    config.limits.connections_per_address = config.limits.connections;
    let relay = Relay::start(SecretKey::from_bytes([1; 32]), config).await.unwrap();
    println!("{}", relay.addr());
    // Until the parent is gone.
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
}

async fn measure(count: u64, transport: Transport) {
    let mut relay = Command::new(std::env::current_exe().unwrap())
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(relay.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let address: RelayAddr = address.parse().unwrap();
    let empty = resident(relay.id());
    let began = Instant::now();
    let mut clients = Vec::new();
    let numbers: Vec<u64> = (0..count).collect();
    for some in numbers.chunks(AT_ONCE) {
        let dials: Vec<_> =
            some.iter().map(|number| tokio::spawn(join(address.clone(), *number, transport))).collect();
        for dial in dials {
            clients.push(dial.await.unwrap());
        }
    }
    println!("{count} clients over {transport} came in {:.1} s", began.elapsed().as_secs_f64());
    tokio::time::sleep(Duration::from_secs(3)).await;
    let full = resident(relay.id());
    let each = (full - empty) as f64 / count as f64 / 1024.0;
    println!("resident: {} KiB empty, {} KiB full: {each:.1} KiB a client", empty / 1024, full / 1024);
    let before = cpu_ticks(relay.id());
    tokio::time::sleep(WATCHED).await;
    let share = (cpu_ticks(relay.id()) - before) as f64 / WATCHED.as_secs_f64();
    // A tick is a hundredth of a second.
    println!("CPU while idle: {share:.2} % of a core");
    relay.kill().unwrap();
    relay.wait().unwrap();
}

async fn join(address: RelayAddr, number: u64, transport: Transport) -> impl Sized {
    let mut key = [2; 32];
    key[..8].copy_from_slice(&number.to_be_bytes());
    let endpoint = Endpoint::builder()
        .secret_key(SecretKey::from_bytes(key))
        .transports(Transports::Only(transport))
        .bind(([127, 0, 0, 1], 0).into())
        .build()
        .await
        .unwrap();
    let RelayHost::Ip(ip) = address.host() else { panic!("a relay on loopback") };
    let place = SocketAddr::new(*ip, address.port());
    let to = NodeAddr::new(address.id()).with_addrs([TransportAddr::udp(place), TransportAddr::tcp(place)]);
    let connection = endpoint.connect(to, ALPN).await.unwrap();
    let (mut send, mut recv) = connection.open_bi().await.unwrap();
    send.write_all(&Control::Hello { role: LegRole::Traffic, token: None }.encode()).await.unwrap();
    recv.read_chunk(4096).await.unwrap().unwrap();
    (endpoint, connection, send, recv)
}

fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // User and system time are the 12th and 13th behind the name, which ends with the last parenthesis.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}
