//! The simulated network is what the one of namespaces is, where both can be it.

use super::*;
use crate::sim::{Filtering, Mapping};

const SECOND: Duration = Duration::from_secs(1);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A host behind a NAT, and two hosts on the internet, the first with two ports.
struct Home {
    network: Network,
    nat: NodeId,
    host: NodeId,
    first: NodeId,
    second: NodeId,
}

const INSIDE: &str = "192.168.1.10:5000";
const FIRST: &str = "198.18.0.2:1000";
const FIRST_OTHER: &str = "198.18.0.2:1001";
const SECOND_HOST: &str = "198.18.0.3:1000";

impl Home {
    fn new(options: NatOptions) -> Self {
        let mut network = Network::new(1);
        let first = network.host(&[ip("198.18.0.2")]);
        let second = network.host(&[ip("198.18.0.3")]);
        let nat = network.nat(ip("198.18.1.1"), options);
        let host = network.host_behind(nat, &[ip("192.168.1.10")]);
        Self { network, nat, host, first, second }
    }

    /// Where a packet to `to` is seen to come from, if it arrives.
    fn seen(&mut self, to: &str) -> Option<SocketAddr> {
        self.network.send(self.host, at(INSIDE), at(to), b"out");
        let deadline = self.network.now() + SECOND;
        self.network.next_delivery(deadline).map(|delivery| delivery.from)
    }

    /// Whether a packet from a host on the internet to the outside endpoint comes in.
    fn comes_in(&mut self, host: NodeId, from: &str, outside: SocketAddr) -> bool {
        self.network.send(host, at(from), outside, b"in");
        let deadline = self.network.now() + SECOND;
        let delivery = self.network.next_delivery(deadline);
        delivery.is_some_and(|delivery| delivery.host == self.host && delivery.to == at(INSIDE))
    }
}

#[test]
fn each_nat_maps_and_filters_as_its_options_say() {
    for mapping in [Mapping::EndpointIndependent, Mapping::AddressAndPortDependent] {
        for filtering in
            [Filtering::EndpointIndependent, Filtering::AddressDependent, Filtering::AddressAndPortDependent]
        {
            for keeps_port in [false, true] {
                let options = NatOptions { mapping, filtering, keeps_port, ..NatOptions::full_cone() };
                let mut home = Home::new(options);
                let outside = home.seen(FIRST).unwrap();
                assert_eq!(outside.ip(), ip("198.18.1.1"));

                let (first, second) = (home.first, home.second);
                assert!(home.comes_in(first, FIRST, outside), "{options:?}");
                let same_address = filtering != Filtering::AddressAndPortDependent;
                assert_eq!(home.comes_in(first, FIRST_OTHER, outside), same_address, "{options:?}");
                let anybody = filtering == Filtering::EndpointIndependent;
                assert_eq!(home.comes_in(second, SECOND_HOST, outside), anybody, "{options:?}");

                let independent = mapping == Mapping::EndpointIndependent;
                assert_eq!(home.seen(FIRST_OTHER) == Some(outside), independent, "{options:?}");
                assert_eq!(home.seen(SECOND_HOST) == Some(outside), independent, "{options:?}");
                assert_eq!(home.seen(FIRST), Some(outside), "{options:?}");
                if independent {
                    assert_eq!(outside.port() == 5000, keeps_port, "{options:?}");
                }
            }
        }
    }
}

#[test]
fn a_mapping_is_gone_after_its_lifetime_without_packets_outwards() {
    let mut home = Home::new(NatOptions { lifetime: 8 * SECOND, ..NatOptions::port_restricted() });
    let (first, second) = (home.first, home.second);
    let outside = home.seen(FIRST).unwrap();
    for _ in 0..3 {
        home.network.next_delivery(home.network.now() + 6 * SECOND);
        assert_eq!(home.seen(FIRST), Some(outside));
    }
    home.network.next_delivery(home.network.now() + 6 * SECOND);
    assert!(home.comes_in(first, FIRST, outside));
    home.network.next_delivery(home.network.now() + 2 * SECOND);
    assert!(!home.comes_in(first, FIRST, outside));
    assert!(!home.comes_in(second, SECOND_HOST, outside));
}

#[test]
fn a_rebinding_and_another_address_make_the_old_mapping_void() {
    let mut home = Home::new(NatOptions::full_cone());
    let (nat, first) = (home.nat, home.first);
    let before = home.seen(FIRST).unwrap();
    home.network.rebind(nat);
    let after = home.seen(FIRST).unwrap();
    assert_eq!(before.ip(), after.ip());
    assert_ne!(before, after);
    assert!(!home.comes_in(first, FIRST, before));
    home.network.readdress(nat, ip("198.18.2.1"));
    assert!(!home.comes_in(first, FIRST, after));
    assert_eq!(home.seen(FIRST).unwrap().ip(), ip("198.18.2.1"));
}

#[test]
fn what_is_cut_or_in_a_blackhole_or_blocked_is_lost_until_it_is_not() {
    let mut home = Home::new(NatOptions::port_restricted());
    let (nat, host) = (home.nat, home.host);
    let outside = home.seen(FIRST).unwrap();
    for node in [nat, host, home.first] {
        home.network.cut(node, true);
        assert_eq!(home.seen(FIRST), None);
        home.network.cut(node, false);
        assert_eq!(home.seen(FIRST), Some(outside));
    }
    for (one, other) in
        [("198.18.1.1", Some("198.18.0.2")), ("198.18.0.2", Some("198.18.1.1")), ("198.18.0.2", None)]
    {
        home.network.blackhole(ip(one), other.map(ip), true);
        assert_eq!(home.seen(FIRST), None);
        assert!(home.seen(SECOND_HOST).is_some());
        home.network.blackhole(ip(one), other.map(ip), false);
        assert_eq!(home.seen(FIRST), Some(outside));
    }
    home.network.change_nat(nat, NatOptions { blocks_udp: true, ..NatOptions::port_restricted() });
    assert_eq!(home.seen(FIRST), None);
    assert_eq!(home.network.sent(host, at(FIRST)), 1 + 6 + 6 + 1);
}

#[test]
fn two_hosts_behind_one_nat_meet_directly_and_at_their_outside_endpoints_if_it_hairpins() {
    for hairpin in [false, true] {
        let mut home = Home::new(NatOptions { hairpin, ..NatOptions::port_restricted() });
        let (nat, host) = (home.nat, home.host);
        let other = home.network.host_behind(nat, &[ip("192.168.1.11")]);
        home.network.send(other, at("192.168.1.11:6000"), at(INSIDE), b"direct");
        let delivery = home.network.next_delivery(SECOND).unwrap();
        assert_eq!((delivery.host, delivery.from), (host, at("192.168.1.11:6000")));

        // Each sends to the outside endpoint of the other, which the port-restricted NAT wants.
        let outside = home.seen(FIRST).unwrap();
        home.network.send(other, at("192.168.1.11:6000"), at(FIRST), b"x");
        let other_outside = home.network.next_delivery(10 * SECOND).unwrap().from;
        home.network.send(host, at(INSIDE), other_outside, b"x");
        home.network.send(other, at("192.168.1.11:6000"), outside, b"hairpin");
        let delivery = home.network.next_delivery(20 * SECOND);
        assert_eq!(
            delivery.map(|delivery| (delivery.host, delivery.from)),
            hairpin.then_some((host, other_outside))
        );
    }
}

#[test]
fn a_host_behind_two_nats_is_seen_at_the_address_of_the_outer_one_and_punches_through_both() {
    let mut home = Home::new(NatOptions::port_restricted());
    let inner = home.network.nat_behind(home.nat, ip("100.64.1.10"), NatOptions::port_restricted());
    let deep = home.network.host_behind(inner, &[ip("192.168.1.10")]);
    home.network.send(deep, at("192.168.1.10:7000"), at(FIRST), b"x");
    let seen = home.network.next_delivery(SECOND).unwrap().from;
    assert_eq!(seen, at("198.18.1.1:7000"));

    let other_nat = home.network.nat(ip("198.18.1.2"), NatOptions::port_restricted());
    let other = home.network.host_behind(other_nat, &[ip("10.0.0.2")]);
    home.network.send(other, at("10.0.0.2:8000"), seen, b"is lost");
    assert_eq!(home.network.next_delivery(2 * SECOND), None);
    home.network.send(deep, at("192.168.1.10:7000"), at("198.18.1.2:8000"), b"arrives");
    assert_eq!(home.network.next_delivery(3 * SECOND).unwrap().host, other);
    home.network.send(other, at("10.0.0.2:8000"), seen, b"arrives too");
    assert_eq!(home.network.next_delivery(4 * SECOND).unwrap().host, deep);
}

#[test]
fn ipv6_behind_a_nat_is_not_translated_and_comes_in_by_invitation() {
    let mut home = Home::new(NatOptions::full_cone());
    let outer = home.network.host(&[ip("2001:2::2")]);
    let inner = home.network.nat_behind(home.nat, ip("100.64.1.10"), NatOptions::full_cone());
    let deep = home.network.host_behind(inner, &[ip("192.168.1.10"), ip("2001:2::10")]);
    let (outside, inside) = (at("[2001:2::2]:1"), at("[2001:2::10]:2"));
    home.network.send(outer, outside, inside, b"uninvited");
    assert_eq!(home.network.next_delivery(SECOND), None);
    home.network.send(deep, inside, outside, b"x");
    assert_eq!(home.network.next_delivery(2 * SECOND).unwrap().from, inside);
    home.network.send(outer, outside, inside, b"invited");
    assert_eq!(home.network.next_delivery(3 * SECOND).unwrap().host, deep);
}

#[test]
fn a_host_that_went_elsewhere_is_reached_there_and_no_longer_here() {
    let mut home = Home::new(NatOptions::full_cone());
    let (first, host) = (home.first, home.host);
    let outside = home.seen(FIRST).unwrap();
    home.network.relocate(host, None, &[ip("198.18.0.9")]);
    assert!(!home.comes_in(first, FIRST, outside));
    home.network.send(first, at(FIRST), at("198.18.0.9:5000"), b"x");
    let deadline = home.network.now() + SECOND;
    assert_eq!(home.network.next_delivery(deadline).unwrap().host, host);
}

#[test]
fn links_add_up_and_the_same_seed_has_the_same_losses() {
    let run = |seed| {
        let mut network = Network::new(seed);
        let one = network.host(&[ip("198.18.0.2")]);
        let other = network.host(&[ip("198.18.0.3")]);
        let delay = Duration::from_millis(10);
        network.shape(one, Shape { delay, loss: 0.1, ..Shape::default() });
        network.shape(other, Shape { delay, loss: 0.1, jitter: delay, ..Shape::default() });
        for number in 0..1000_u32 {
            network.send(one, at(FIRST), at(SECOND_HOST), &number.to_be_bytes());
        }
        let mut deliveries = Vec::new();
        while let Some(delivery) = network.next_delivery(SECOND) {
            assert!((2 * delay..=3 * delay).contains(&delivery.at));
            assert_eq!(delivery.at, network.now());
            deliveries.push(delivery);
        }
        assert_eq!(network.now(), SECOND);
        deliveries
    };
    let deliveries = run(1);
    // 810 are expected; the standard deviation is 12.
    assert!((750..870).contains(&deliveries.len()), "{}", deliveries.len());
    assert_eq!(deliveries, run(1));
    assert_ne!(deliveries, run(2));
}
