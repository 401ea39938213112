//! A network in one process and in virtual time: hosts, NATs and links, and packets of UDP between them. Nothing in it
//! reads a clock, does I/O or has chance that is not seeded, so the same calls always have the same results.
//!
//! ```
//! use std::net::SocketAddr;
//! use std::time::Duration;
//! use testbed::link::Shape;
//! use testbed::sim::{NatOptions, Network};
//!
//! let mut network = Network::new(1);
//! let server = network.host(&["198.18.0.2".parse()?]);
//! let nat = network.nat("198.18.1.1".parse()?, NatOptions::port_restricted());
//! let alice = network.host_behind(nat, &["192.168.1.10".parse()?]);
//! network.shape(nat, Shape { delay: Duration::from_millis(10), ..Shape::default() });
//!
//! let (from, to): (SocketAddr, SocketAddr) = ("192.168.1.10:5000".parse()?, "198.18.0.2:443".parse()?);
//! network.send(alice, from, to, b"hello");
//! let delivery = network.next_delivery(Duration::from_secs(1)).ok_or("it was lost")?;
//! assert_eq!((delivery.host, &*delivery.payload), (server, &b"hello"[..]));
//! assert_eq!(delivery.from, "198.18.1.1:5000".parse()?);
//! assert_eq!(network.now(), Duration::from_millis(10));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod nat;
pub use nat::{Filtering, Mapping, NatOptions};

mod network;
pub use network::{Delivery, Network, NodeId};
