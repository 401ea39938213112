//! Networks that let little out, and two nodes in one place (CASES.md, D 26 and 27).

use std::time::Duration;

use testbed::topology::Topology;
use testbed::{Nat, Out, RouterOptions};

use crate::figures::{median_and_worst, runs};
use crate::needs_namespaces;
use crate::stage::Stage;

/// How soon two nodes are connected through a relay over TCP where UDP does not get out.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

fn home(nat: Nat) -> RouterOptions {
    RouterOptions::nat(nat)
}

/// A transfer in this network, and how soon it was connected. `direct`: whether it must become so.
#[track_caller]
fn connects(
    name: &str,
    topology: Topology,
    left: &RouterOptions,
    right: &RouterOptions,
    relay: &[&str],
    direct: bool,
) {
    let mut connected = Vec::new();
    let mut became_direct = Vec::new();
    for _ in 0..runs() {
        let mut stage = Stage::with_relay_args(topology, left, right, 1, relay);
        let mut transfer = stage.transfer(8, &[], &["--limit", "5MB"]);
        connected.push(transfer.receiver.event("connected").0);
        if direct {
            became_direct.extend(transfer.receiver.direct(Duration::from_secs(10)));
        }
        transfer.finish();
    }
    println!(
        "{name}: connected in {} s, direct {}/{} in {} s (median/worst)",
        median_and_worst(&connected),
        became_direct.len(),
        runs(),
        median_and_worst(&became_direct)
    );
    assert!(connected.iter().all(|after| *after < CONNECTED_WITHIN), "{name}: {connected:?}");
    if direct {
        assert_eq!(became_direct.len(), runs(), "{name}: no direct path");
    }
}

#[test]
fn udp_blocked_on_one_side_goes_through_the_relay() {
    needs_namespaces!();
    let blocked = home(Nat::PortRestricted).out(Out::NoUdp);
    connects("UDP blocked at the sender", Topology::Homes, &blocked, &home(Nat::PortRestricted), &[], false);
    connects(
        "UDP blocked at the receiver",
        Topology::Homes,
        &home(Nat::PortRestricted),
        &blocked,
        &[],
        false,
    );
}

#[test]
fn udp_blocked_on_both_sides_goes_through_the_relay() {
    needs_namespaces!();
    let blocked = home(Nat::PortRestricted).out(Out::NoUdp);
    connects("UDP blocked on both sides", Topology::Homes, &blocked, &blocked, &[], false);
}

#[test]
fn where_only_https_gets_out_a_relay_on_its_port_serves() {
    needs_namespaces!();
    let strict = home(Nat::Symmetric).out(Out::OnlyTcp443);
    let relay = ["--bind", "0.0.0.0:443"];
    connects("only TCP 443 out on both sides", Topology::Homes, &strict, &strict, &relay, false);
}

#[test]
fn a_carrier_nat_over_a_home_nat_is_passed() {
    needs_namespaces!();
    let (left, right) = (home(Nat::PortRestricted), home(Nat::PortRestricted));
    connects("a carrier's NAT over a home NAT", Topology::Carrier, &left, &right, &[], true);
}

#[test]
fn two_nodes_behind_one_router_find_each_other_inside() {
    needs_namespaces!();
    let (left, right) = (home(Nat::PortRestricted), home(Nat::PortRestricted));
    connects("two in one home", Topology::SameHome, &left, &right, &[], true);
}

#[test]
fn two_networks_behind_one_router_are_joined_inside_or_by_its_reflection() {
    needs_namespaces!();
    for nat in [Nat::PortRestricted, Nat::Hairpin] {
        connects(&format!("two subnets, {nat}"), Topology::TwoSubnets, &home(nat), &home(nat), &[], true);
    }
}

#[test]
fn a_peer_on_the_internet_is_reached_directly() {
    needs_namespaces!();
    let (left, right) = (home(Nat::Symmetric), home(Nat::FullCone));
    connects("a public peer", Topology::Public, &left, &right, &[], true);
}
