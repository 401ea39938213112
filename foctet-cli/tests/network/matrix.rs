//! Every NAT behaviour against every other: who gets a direct path (RFC 4787; CASES.md, D 25).

use std::time::Duration;

use testbed::topology::Topology;
use testbed::{Nat, RouterOptions};

use crate::figures::{measured, median_and_worst, runs};
use crate::needs_namespaces;
use crate::stage::Stage;

/// How soon a direct path is there where there can be one.
const DIRECT_WITHIN: Duration = Duration::from_secs(10);

/// Whether two behaviours let hole punching through: not where one side's port cannot be known in advance and the other
/// lets in only the port that it sent to.
fn punchable(left: Nat, right: Nat) -> bool {
    !matches!(
        (left, right),
        (Nat::Symmetric, Nat::Symmetric | Nat::PortRestricted) | (Nat::PortRestricted, Nat::Symmetric)
    )
}

/// One cell: connected always, direct where it can be.
#[track_caller]
fn cell(left: Nat, right: Nat) {
    let mut connected = Vec::new();
    let mut direct = Vec::new();
    let mib = if measured() { 64 } else { 16 };
    for _ in 0..runs() {
        // Fresh namespaces, so that no mapping of an earlier run helps.
        let mut stage = Stage::new(Topology::Homes, &RouterOptions::nat(left), &RouterOptions::nat(right), 1);
        let mut transfer = stage.transfer(mib, &["--transport", "quic"], &["--limit", "5MB"]);
        connected.push(transfer.receiver.event("connected").0);
        direct.extend(transfer.receiver.direct(DIRECT_WITHIN));
        transfer.finish();
    }
    println!(
        "{left} / {right}: connected {}/{} in {} s, direct {}/{} in {} s (median/worst)",
        connected.len(),
        runs(),
        median_and_worst(&connected),
        direct.len(),
        runs(),
        median_and_worst(&direct),
    );
    if punchable(left, right) {
        assert_eq!(direct.len(), runs(), "{left} / {right}: no direct path");
    }
}

macro_rules! cells {
    ($($name:ident: $left:ident, $right:ident;)*) => { $(
        #[test]
        fn $name() {
            needs_namespaces!();
            cell(Nat::$left, Nat::$right);
        }
    )* };
}

cells! {
    full_cone_meets_full_cone: FullCone, FullCone;
    full_cone_meets_address_restricted: FullCone, AddressRestricted;
    full_cone_meets_port_restricted: FullCone, PortRestricted;
    full_cone_meets_symmetric: FullCone, Symmetric;
    address_restricted_meets_full_cone: AddressRestricted, FullCone;
    address_restricted_meets_address_restricted: AddressRestricted, AddressRestricted;
    address_restricted_meets_port_restricted: AddressRestricted, PortRestricted;
    address_restricted_meets_symmetric: AddressRestricted, Symmetric;
    port_restricted_meets_full_cone: PortRestricted, FullCone;
    port_restricted_meets_address_restricted: PortRestricted, AddressRestricted;
    port_restricted_meets_port_restricted: PortRestricted, PortRestricted;
    port_restricted_meets_symmetric: PortRestricted, Symmetric;
    symmetric_meets_full_cone: Symmetric, FullCone;
    symmetric_meets_address_restricted: Symmetric, AddressRestricted;
    symmetric_meets_port_restricted: Symmetric, PortRestricted;
    symmetric_meets_symmetric: Symmetric, Symmetric;
}
