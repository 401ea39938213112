//! Nodes that name addresses of others as their own (CASES.md, D 29).

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use testbed::topology::Topology;
use testbed::{Nat, RouterOptions, Traffic, Uplink};

use crate::needs_namespaces;
use crate::party::PATIENCE;
use crate::stage::Stage;

/// Who does not answer, and is named.
const VICTIM: Ipv4Addr = Ipv4Addr::new(198, 18, 99, 99);
const PORT: u16 = 7777;

/// What it gets from one endpoint in a minute at most.
const MOST_PACKETS: u64 = 40;

/// How many name it. Without the limit, each of them would have two rounds of nine packets sent there.
const HOSTILE: usize = 5;

/// How long the packets are counted: less than a minute, in which there may be as many as that.
const COUNTED_FOR: Duration = Duration::from_secs(6);

#[test]
fn somebody_whom_many_name_as_themselves_gets_few_packets() {
    needs_namespaces!();
    let home = RouterOptions::nat(Nat::PortRestricted);
    let mut stage = Stage::new(Topology::Homes, &home, &home, 1);
    let source = stage.directory().join("content");
    std::fs::write(&source, b"content").unwrap();
    let args = ["send", source.to_str().unwrap(), "--keep", "--relay", &stage.relays[0].address];
    let mut alice = stage.start(&stage.alice(), &args, "");
    let (_, listening) = alice.event("listening");
    let ticket = format!("{}\n", listening["ticket"].as_str().unwrap());
    let to_victim = stage.bed.watch(Traffic::to(VICTIM).udp_only().to_port(PORT)).unwrap();

    let mut hostile = Vec::new();
    for number in 0..HOSTILE {
        let mallory = stage.bed.public_host(&format!("mallory{number}"), &Uplink::default()).unwrap();
        // So it tells that address with its own ones, as any node does.
        mallory.run("ip", ["addr", "add", &format!("{VICTIM}/32"), "dev", "eth0"]).unwrap();
        let bind = format!("0.0.0.0:{PORT}");
        let args = ["ping", "-", "--bind", &bind, "--transport", "quic"];
        hostile.push(stage.start(&mallory, &args, &ticket));
    }
    for party in &mut hostile {
        party.event("ping");
    }
    let started = Instant::now();
    while to_victim.packets().unwrap() == 0 {
        assert!(started.elapsed() < PATIENCE, "it is not even tried");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(COUNTED_FOR.saturating_sub(started.elapsed()));
    let packets = to_victim.packets().unwrap();
    println!("{HOSTILE} nodes name an address of another: {packets} packets in {:?}", started.elapsed());
    assert!(packets <= MOST_PACKETS, "{packets}");
    // Nor does it keep honest paths from being found.
    for party in &mut hostile {
        party.wait("direct path", |event| event["event"] == "ping" && event["path"]["kind"] == "direct");
    }
}
