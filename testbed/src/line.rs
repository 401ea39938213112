//! The line between a host or router and the next one towards the internet.

use crate::namespace::Namespace;
use crate::{Error, Node, Uplink};

/// How many packets the kernel merges to one, where nobody minds: its own default.
const MAX_SEGMENTS: u32 = 65_535;

/// What asks for the link layer's addresses is let through. Without them a sender is told that nobody is there, which is
/// not what a loss further on looks like, and one lost request holds up a second's packets.
const NEIGHBOURS: &str = "meta protocol arp accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept";

impl Node {
    /// Takes the network away without a sign: nothing comes in and nothing gets out, over any uplink, but the
    /// interfaces stay as they are. [`restore`](Self::restore) gives it back.
    pub fn cut(&self) -> Result<(), Error> {
        for port in self.ports() {
            cut_device(self.space(), &port.device)?;
            cut_device(&port.far, &port.far_device)?;
        }
        Ok(())
    }

    /// Gives back what [`cut`](Self::cut) took away.
    pub fn restore(&self) -> Result<(), Error> {
        for port in self.ports() {
            restore_device(self.space(), &port.device)?;
            restore_device(&port.far, &port.far_device)?;
        }
        Ok(())
    }

    /// Takes the interface of the uplink in use down, as a pulled cable or a lost Wi-Fi does. The node sees it.
    pub fn unplug(&self) -> Result<(), Error> {
        let port = self.port()?;
        self.space().ip(&format!("link set {} down", port.device))
    }

    /// Brings the interface of the uplink in use back up, with its addresses and routes.
    pub fn plug(&self) -> Result<(), Error> {
        self.port()?.bring_up(self.space(), true)
    }

    /// What an uplink has of the kernel's doing.
    pub(crate) fn set_line(&self, uplink: &Uplink) -> Result<(), Error> {
        if uplink.rate_up.is_some() || uplink.rate_down.is_some() {
            self.limit(uplink.rate_up, uplink.rate_down)?;
        }
        if uplink.loss > 0.0 {
            self.lose(uplink.loss)?;
        }
        Ok(())
    }

    /// Limits the rate of the uplink in use from now on, in bits a second: towards the internet, and from it; by a token
    /// bucket of the kernel with a queue of 50 ms. `None` is without limit.
    pub fn limit(&self, up: Option<u64>, down: Option<u64>) -> Result<(), Error> {
        let port = self.port()?;
        limit_device(self.space(), &port.device, up)?;
        limit_device(&port.far, &port.far_device, down)
    }

    /// Loses a share of the packets (0 to 1) on the uplink in use from now on, each for itself, in each direction.
    pub fn lose(&self, share: f64) -> Result<(), Error> {
        let port = self.port()?;
        lose_at(self.space(), &port.device, share)?;
        lose_at(&port.far, &port.far_device, share)
    }
}

fn cut_device(space: &Namespace, device: &str) -> Result<(), Error> {
    space.nft(&format!(
        "table netdev cut_{device} {{
  chain in {{
    type filter hook ingress device \"{device}\" priority 0; policy accept;
    {NEIGHBOURS}
    drop
  }}
}}
"
    ))
}

fn restore_device(space: &Namespace, device: &str) -> Result<(), Error> {
    space.nft(&format!("table netdev cut_{device}\ndelete table netdev cut_{device}\n"))
}

/// Loses a share of what comes in by a device, and keeps the kernel from merging what goes out by it into larger packets:
/// where that comes in, a lost packet is to be one.
fn lose_at(space: &Namespace, device: &str, share: f64) -> Result<(), Error> {
    let table = format!("table netdev loss_{device}");
    let mut rules = format!("{table}\ndelete {table}\n");
    let segments = if share > 0.0 { 1 } else { MAX_SEGMENTS };
    if share > 0.0 {
        let chance = match (share * 1e6).round().max(1.0) {
            millionths if millionths < 1e6 => format!("numgen random mod 1000000 < {millionths}"),
            _ => String::new(),
        };
        rules += &format!(
            "{table} {{
  chain in {{
    type filter hook ingress device \"{device}\" priority -10; policy accept;
    {NEIGHBOURS}
    {chance} counter drop
  }}
}}
"
        );
    }
    space.ip(&format!("link set {device} gso_max_segs {segments}"))?;
    space.nft(&rules)
}

/// Limits the rate of what leaves by a device.
fn limit_device(space: &Namespace, device: &str, rate: Option<u64>) -> Result<(), Error> {
    let Some(rate) = rate else {
        // It fails where there is no limit.
        let _ = space.tc(&format!("qdisc del dev {device} root"));
        return Ok(());
    };
    // The bucket holds what the line carries in 2 ms, at least 32 KB: it is filled by the kernel's timer.
    let burst = (rate / 8 / 500).max(32 * 1024);
    space.tc(&format!("qdisc replace dev {device} root tbf rate {rate}bit burst {burst} latency 50ms"))
}
