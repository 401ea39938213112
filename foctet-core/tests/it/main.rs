//! foctet-core as its users see it: known vectors made by other implementations, and round trips.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on stops there")]

mod key_and_signature;
mod node_addr;
mod node_id;
mod path_agent;
#[path = "../../../fuzz/bodies/path_agent.rs"]
mod path_agent_body;
mod relay_addr;
mod round_trips;
mod ticket;
mod transport_addr;

use data_encoding::HEXLOWER;
use foctet_core::{NodeId, SecretKey};

/// The seed of RFC 8032, section 7.1, test 1.
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
/// Its public key, there.
const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
/// The same by the base32 of Python's standard library.
const PUBLIC_TEXT: &str = "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkena";

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
}

fn secret_key() -> SecretKey {
    SecretKey::from_bytes(bytes(SEED))
}

fn node_id() -> NodeId {
    NodeId::from_bytes(&bytes(PUBLIC)).unwrap()
}
