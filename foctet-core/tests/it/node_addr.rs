use foctet_core::{MAX_ADDRS, NodeAddr, TransportAddr};

use crate::node_id;

fn udp(port: u16) -> TransportAddr {
    TransportAddr::udp(([192, 0, 2, 1], port).into())
}

#[test]
fn the_best_address_stays_first() {
    let addr = NodeAddr::new(node_id()).with_addr(udp(3)).with_addr(udp(1)).with_addr(udp(2));
    assert_eq!(addr.id(), node_id());
    assert_eq!(addr.addrs().collect::<Vec<_>>(), [udp(3), udp(1), udp(2)]);
}

#[test]
fn an_address_is_listed_once_however_it_was_spelled() {
    let mapped = TransportAddr::Udp("[::ffff:192.0.2.1]:7".parse().unwrap());
    let addr = NodeAddr::new(node_id()).with_addrs([udp(7), udp(8), udp(7), mapped]);
    assert_eq!(addr.addrs().collect::<Vec<_>>(), [udp(7), udp(8)]);
}

#[test]
fn no_more_addresses_are_held_than_the_bound() {
    let addr = NodeAddr::new(node_id()).with_addrs((1..1000).map(udp));
    assert_eq!(addr.addrs().len(), MAX_ADDRS);
    assert_eq!(addr.addrs().next_back(), Some(udp(MAX_ADDRS as u16)));
}

#[test]
fn the_addresses_of_each_transport_come_in_order() {
    let tcp = |port| TransportAddr::tcp(([192, 0, 2, 1], port).into());
    let addr = NodeAddr::new(node_id()).with_addrs([udp(2), tcp(5), udp(1), tcp(4)]);
    assert_eq!(addr.udp().map(|addr| addr.port()).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(addr.tcp().map(|addr| addr.port()).collect::<Vec<_>>(), [5, 4]);
}

#[test]
fn a_node_without_addresses_is_an_address_too() {
    assert!(NodeAddr::from(node_id()).is_empty());
    let addr = NodeAddr::new(node_id()).with_addrs([udp(1), udp(2)]);
    assert!(!addr.is_empty());
    assert_eq!(addr.retaining(|addr| *addr == udp(2)), NodeAddr::new(node_id()).with_addr(udp(2)));
}
