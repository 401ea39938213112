//! Networks with IPv6, without it, with nothing else, and with one of the two that leads nowhere (CASES.md, D 27).

use std::time::Duration;

use testbed::topology::Topology;
use testbed::{Ipv6, Nat, RouterOptions, Traffic, Uplink};

use crate::figures::{median_and_worst, runs};
use crate::needs_namespaces;
use crate::stage::Stage;

/// How soon two nodes are connected, whatever of their networks leads nowhere.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

/// How soon a direct path is there where there can be one.
const DIRECT_WITHIN: Duration = Duration::from_secs(10);

/// The relay, which has addresses of both kinds.
const RELAY: &str = "relay1.test";

/// What path there must be in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    DirectIpv6,
    DirectIpv4,
    /// The two have no kind of address in common.
    Relayed,
}

/// A home with a firewall against whoever was not asked, as IPv6 has it, and a NAT for IPv4.
fn home(uplink: Uplink) -> RouterOptions {
    RouterOptions::nat(Nat::PortRestricted).uplink(uplink)
}

fn dual() -> RouterOptions {
    home(Uplink::default().ipv6(Ipv6::On))
}

fn only_ipv6() -> RouterOptions {
    home(Uplink::default().ipv6_only())
}

fn only_ipv4() -> RouterOptions {
    home(Uplink::default())
}

fn broken_ipv6() -> RouterOptions {
    home(Uplink::default().ipv6(Ipv6::Broken))
}

/// A transfer between these homes, in both directions if they differ. `prepare` is done to the network before anything is
/// sent.
#[track_caller]
fn connects(left: &RouterOptions, right: &RouterOptions, expected: Expected, prepare: impl Fn(&mut Stage)) {
    let directions = if left == right { 1 } else { 2 };
    for (sender, receiver) in [(left, right), (right, left)].into_iter().take(directions) {
        let mut connected = Vec::new();
        let mut became_direct = Vec::new();
        for _ in 0..runs() {
            let mut stage = Stage::with_dual_relay(Topology::Homes, sender, receiver, RELAY);
            prepare(&mut stage);
            let mut transfer = stage.transfer(2, &[], &["--limit", "2MB"]);
            connected.push(transfer.receiver.event("connected").0);
            if expected != Expected::Relayed {
                became_direct.extend(transfer.receiver.direct(DIRECT_WITHIN));
            }
            let events = transfer.finish();
            let (_, done) = events.iter().find(|(_, event)| event["event"] == "done").unwrap();
            let remote = done["path"]["remote"].as_str().unwrap();
            match expected {
                Expected::DirectIpv6 => assert!(remote.starts_with('['), "{done}"),
                Expected::DirectIpv4 => assert!(!remote.starts_with('['), "{done}"),
                Expected::Relayed => assert_eq!(done["path"]["kind"], "relay", "{done}"),
            }
        }
        println!(
            "{:?} IPv4, {:?} IPv6 / {:?} IPv4, {:?} IPv6: connected in {} s, direct {}/{} in {} s (median/worst)",
            sender.uplink.ipv4,
            sender.uplink.ipv6,
            receiver.uplink.ipv4,
            receiver.uplink.ipv6,
            median_and_worst(&connected),
            became_direct.len(),
            runs(),
            median_and_worst(&became_direct),
        );
        assert!(connected.iter().all(|after| *after < CONNECTED_WITHIN), "{connected:?}");
        if expected != Expected::Relayed {
            assert_eq!(became_direct.len(), runs(), "no direct path");
        }
    }
}

#[test]
fn two_homes_with_ipv6_alone_go_direct() {
    needs_namespaces!();
    connects(&only_ipv6(), &only_ipv6(), Expected::DirectIpv6, |_| ());
}

#[test]
fn ipv6_alone_meets_both_directly() {
    needs_namespaces!();
    connects(&only_ipv6(), &dual(), Expected::DirectIpv6, |_| ());
}

#[test]
fn ipv6_alone_meets_ipv4_alone_through_a_relay_that_has_both() {
    needs_namespaces!();
    connects(&only_ipv6(), &only_ipv4(), Expected::Relayed, |_| ());
}

#[test]
fn ipv6_that_leads_nowhere_on_one_side_delays_nobody() {
    needs_namespaces!();
    connects(&broken_ipv6(), &dual(), Expected::DirectIpv4, |_| ());
}

#[test]
fn ipv6_that_leads_nowhere_on_both_sides_delays_nobody() {
    needs_namespaces!();
    connects(&broken_ipv6(), &broken_ipv6(), Expected::DirectIpv4, |_| ());
}

#[test]
fn ipv4_that_leads_nowhere_on_one_side_delays_nobody() {
    needs_namespaces!();
    for side in ["left", "right"] {
        connects(&dual(), &dual(), Expected::DirectIpv6, |stage| {
            let broken = stage.node(side).ipv4().unwrap();
            let _stays = stage.bed.blackhole(Traffic::of(broken)).unwrap();
        });
    }
}

#[test]
fn a_machine_without_ipv6_meets_one_with_both() {
    needs_namespaces!();
    connects(&only_ipv4(), &dual(), Expected::DirectIpv4, |stage| {
        for host in ["alice", "bob"] {
            let host = stage.node(host);
            if host.ipv6().is_none() {
                // Not even on loopback.
                let off = || std::fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
                host.within(off).unwrap().unwrap();
            }
        }
    });
}
