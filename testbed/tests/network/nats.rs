//! The NATs behave as their names say.

use testbed::probe::{self, Behaviour, Filtering, Mapping};
use testbed::{Nat, RouterOptions, Uplink};

use crate::network;

/// The behaviour of a NAT, from a host behind a router of its own.
fn probe_alone(nat: Nat) -> Option<Behaviour> {
    let mut bed = network("nat")?;
    let first = bed.public_host("first", &Uplink::default()).unwrap();
    let second = bed.public_host("second", &Uplink::default()).unwrap();
    let router = bed.router("router", &RouterOptions::nat(nat)).unwrap();
    let host = bed.host("host", &router).unwrap();
    Some(probe::behaviour(&host, [&first, &second]).unwrap())
}

fn shows(nat: Nat, mapping: Mapping, filtering: Filtering, keeps_port: bool) {
    if let Some(behaviour) = probe_alone(nat) {
        assert_eq!(behaviour, Behaviour { mapping, filtering, keeps_port });
    }
}

#[test]
fn a_full_cone_takes_packets_from_everybody() {
    shows(Nat::FullCone, Mapping::EndpointIndependent, Filtering::EndpointIndependent, true);
}

#[test]
fn an_address_restricted_nat_takes_packets_from_addresses_sent_to() {
    shows(Nat::AddressRestricted, Mapping::EndpointIndependent, Filtering::AddressDependent, true);
}

#[test]
fn a_port_restricted_nat_takes_packets_from_endpoints_sent_to() {
    shows(Nat::PortRestricted, Mapping::EndpointIndependent, Filtering::AddressAndPortDependent, true);
}

#[test]
fn a_remapping_nat_has_one_port_for_all_but_another_one() {
    shows(
        Nat::PortRestrictedRemapped,
        Mapping::EndpointIndependent,
        Filtering::AddressAndPortDependent,
        false,
    );
}

#[test]
fn a_symmetric_nat_has_a_port_for_everybody() {
    shows(Nat::Symmetric, Mapping::AddressAndPortDependent, Filtering::AddressAndPortDependent, false);
}

#[test]
fn a_hairpin_nat_is_a_full_cone() {
    shows(Nat::Hairpin, Mapping::EndpointIndependent, Filtering::EndpointIndependent, true);
}
