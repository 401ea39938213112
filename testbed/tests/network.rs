//! Networks of namespaces are what they say. Skipped where there can be none.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use testbed::Testbed;

#[path = "network/changes.rs"]
mod changes;
#[path = "network/links.rs"]
mod links;
#[path = "network/nats.rs"]
mod nats;
#[path = "network/networks.rs"]
mod networks;

/// A network, or `None` after a line that says why not.
fn network(label: &str) -> Option<Testbed> {
    if let Err(reason) = Testbed::available() {
        println!("SKIPPED: networks of namespaces: {reason}");
        return None;
    }
    Some(Testbed::new(label).unwrap())
}
