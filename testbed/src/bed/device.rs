//! What is done to an interface.

use crate::Error;
use crate::namespace::Namespace;

/// Loses a share of what comes in by a device, and keeps the kernel from merging what goes out by it into larger packets:
/// where that comes in, a lost packet is to be one.
pub(super) fn lose(space: &Namespace, device: &str, loss: f64) -> Result<(), Error> {
    let millionths = (loss.min(1.0) * 1e6).round();
    space.ip(&format!("link set {device} gso_max_segs 1"))?;
    space.nft(&format!(
        "table netdev loss_{device} {{
  chain in {{
    type filter hook ingress device \"{device}\" priority -10; policy accept;
    numgen random mod 1000000 < {millionths} counter drop
  }}
}}
"
    ))
}

/// Limits the rate of what leaves by a device.
pub(super) fn shape(space: &Namespace, device: &str, rate: Option<u64>) -> Result<(), Error> {
    let Some(rate) = rate else { return Ok(()) };
    // The bucket holds what the line carries in 2 ms, at least 32 KB: it is filled by the kernel's timer.
    let burst = (rate / 8 / 500).max(32 * 1024);
    space.tc(&format!("qdisc add dev {device} root tbf rate {rate}bit burst {burst} latency 50ms"))
}
