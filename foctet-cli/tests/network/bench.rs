//! `foctet bench` between two homes: what bounds a transfer there is the path, and it says so.

use std::time::Duration;

use serde_json::Value;
use testbed::topology::Topology;
use testbed::{Nat, RouterOptions, Uplink};

use crate::needs_namespaces;
use crate::party::Party;
use crate::stage::Stage;

/// What each home's line carries, in bits a second, and its delay one way.
const RATE: u64 = 20_000_000;
const DELAY: Duration = Duration::from_millis(10);

fn named<'a>(events: &'a [(Duration, Value)], name: &str) -> impl Iterator<Item = &'a Value> {
    events.iter().map(|(_, event)| event).filter(move |event| event["event"] == name)
}

#[test]
fn a_slow_line_is_found_to_be_the_bound_whether_the_path_is_direct_or_relayed() {
    needs_namespaces!();
    for (nat, transport, kind) in [
        (Nat::PortRestricted, "quic", "direct"),
        (Nat::Symmetric, "quic", "relay"),
        (Nat::Symmetric, "tcp", "relay"),
    ] {
        let uplink = Uplink::default().delay(DELAY).rates(RATE, RATE);
        let router = RouterOptions::nat(nat).uplink(uplink);
        let stage = Stage::new(Topology::Homes, &router, &router, 1);
        let relay = &stage.relays[0].address;
        let mut server =
            Party::start(&stage.alice(), ["bench", "--serve", "--once", "--no-disk", "--relay", relay], "");
        let (_, listening) = server.event("listening");
        let ticket = listening["ticket"].as_str().unwrap();
        let args = ["bench", "-", "--no-disk", "--rounds", "1", "--time", "2s", "--transport", transport];
        let mut client = Party::start(&stage.bob(), args, &format!("{ticket}\n"));
        let events = client.ends(0);
        server.ends(0);

        let trip = named(&events, "figure").find(|figure| figure["scenario"] == "round-trip-1").unwrap();
        // Two lines, there and back.
        let least = (4 * DELAY).as_micros() as f64;
        assert!(trip["min"].as_f64().unwrap() >= least, "{trip}");
        let bottlenecks: Vec<_> = named(&events, "bottleneck").collect();
        assert_eq!(bottlenecks.len(), 2);
        for bottleneck in bottlenecks {
            println!("{nat:?} {transport}: {bottleneck}");
            assert_eq!(bottleneck["path"]["kind"], kind, "{bottleneck}");
            assert_eq!(bottleneck["bound"], "path", "{bottleneck}");
            let rate = bottleneck["rate"].as_u64().unwrap();
            // The kernel lets a burst through before it holds to the rate.
            assert!(0 < rate && rate <= RATE / 8 * 11 / 10, "{bottleneck}");
        }
    }
}
