//! Machines that sleep, that go over to another network, and that are behind a router with a short memory (CASES.md, D 28).

use std::time::{Duration, Instant};

use testbed::topology::Topology;
use testbed::{Nat, RouterOptions, Uplink};

use crate::figures::{median_and_worst, runs};
use crate::needs_namespaces;
use crate::party::Party;
use crate::stage::{Stage, Transfer};

/// Longer than a silent leg is trusted, and shorter than a connection lives without a sign of life.
const SLEEP: Duration = Duration::from_secs(20);

/// How soon a direct path is there where there can be one.
const DIRECT_WITHIN: Duration = Duration::from_secs(10);

/// Which side something happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Sender,
    Receiver,
}

/// Waits until a transfer is well under way, and gives the time since its receiver's start.
fn under_way(transfer: &mut Transfer, bytes: u64) -> Duration {
    transfer.receiver.wait("progress", |event| {
        // The manifest, too, tells of bytes.
        event["event"] == "progress" && event["bytes"].as_u64().is_some_and(|done| done >= bytes)
    });
    transfer.receiver.started().elapsed()
}

#[test]
fn a_machine_that_slept_goes_on_with_its_transfer() {
    needs_namespaces!();
    let home = RouterOptions::nat(Nat::PortRestricted);
    let mut stage = Stage::new(Topology::Homes, &home, &home, 1);
    // All at once, so that it takes one sleep.
    let cases = [
        (Side::Sender, "quic", true),
        (Side::Receiver, "quic", true),
        (Side::Sender, "tcp", false),
        (Side::Receiver, "tcp", false),
    ];
    let mut transfers: Vec<_> = cases
        .iter()
        .map(|&(side, transport, direct)| {
            let mut transfer = stage.transfer_files(160, &["--transport", transport], &["--limit", "3MB"]);
            if direct {
                assert!(transfer.receiver.direct(DIRECT_WITHIN).is_some(), "{side:?}, {transport}");
            }
            under_way(&mut transfer, 1);
            let sleeper = if side == Side::Sender { &mut transfer.sender } else { &mut transfer.receiver };
            sleeper.process().pause().unwrap();
            (side, transport, transfer, Instant::now())
        })
        .collect();
    for (side, _, transfer, since) in &mut transfers {
        let (sleeper, other) = match side {
            Side::Sender => (&mut transfer.sender, &mut transfer.receiver),
            Side::Receiver => (&mut transfer.receiver, &mut transfer.sender),
        };
        // What the other one tells meanwhile is kept.
        let until = *since + SLEEP;
        other.try_wait(until.saturating_duration_since(Instant::now()), |_| Instant::now() >= until);
        sleeper.process().resume().unwrap();
    }
    for (side, transport, transfer, since) in transfers {
        let at = since.duration_since(transfer.receiver.started());
        let events = transfer.finish();
        println!(
            "{side:?} sleeps {SLEEP:?}, {transport}: longest stall {:.2} s",
            Party::longest_stall(&events, at).as_secs_f64()
        );
    }
}

/// One side's machine leaves the network that it is in for another one: from Wi-Fi to mobile.
#[track_caller]
fn moves(side: Side, transport: &str) {
    let mut stalls = Vec::new();
    for _ in 0..runs() {
        let uplink = Uplink::default().delay(Duration::from_millis(5));
        let home = RouterOptions::nat(Nat::PortRestricted).uplink(uplink);
        let mut stage = Stage::new(Topology::Homes, &home, &home, 1);
        let mobile = RouterOptions::nat(Nat::PortRestrictedRemapped).uplink(uplink).carrier();
        let mobile = stage.bed.router("mobile", &mobile).unwrap();
        let host = if side == Side::Sender { stage.alice() } else { stage.bob() };
        stage.bed.add_uplink(&host, &mobile).unwrap();
        let mut transfer = stage.transfer_files(320, &["--transport", transport], &["--limit", "10MB"]);
        if transport == "quic" {
            assert!(transfer.receiver.direct(DIRECT_WITHIN).is_some(), "there is no direct path to lose");
        }
        let at = under_way(&mut transfer, 5_000_000);
        host.use_uplink(1).unwrap();
        let events = transfer.finish();
        stalls.push(Party::longest_stall(&events, at));
    }
    println!(
        "{side:?} moves to another network, {transport}: longest stall {} s (median/worst of {})",
        median_and_worst(&stalls),
        runs()
    );
}

#[test]
fn a_sender_that_moves_to_another_network_goes_on() {
    needs_namespaces!();
    moves(Side::Sender, "quic");
}

#[test]
fn a_receiver_that_moves_to_another_network_goes_on() {
    needs_namespaces!();
    moves(Side::Receiver, "quic");
}

#[test]
fn over_tcp_a_sender_that_moves_to_another_network_goes_on() {
    needs_namespaces!();
    moves(Side::Sender, "tcp");
}

#[test]
fn over_tcp_a_receiver_that_moves_to_another_network_goes_on() {
    needs_namespaces!();
    moves(Side::Receiver, "tcp");
}
