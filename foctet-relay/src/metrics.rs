use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use foctet_core::relay::Limit;

/// What a relay counts: how much, never whose.
#[derive(Debug, Default)]
pub struct Metrics {
    pub(crate) legs: AtomicU64,
    pub(crate) observers: AtomicU64,
    pub(crate) joined: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) stalled: AtomicU64,
    pub(crate) violations: AtomicU64,
    pub(crate) packets: AtomicU64,
    pub(crate) packet_bytes: AtomicU64,
    pub(crate) unroutable: AtomicU64,
    pub(crate) signals: AtomicU64,
    pub(crate) splices: AtomicU64,
    pub(crate) splices_open: AtomicU64,
    pub(crate) splice_bytes: AtomicU64,
    pub(crate) limited: [AtomicU64; LIMITS.len()],
}

const LIMITS: [(Limit, &str); 8] = [
    (Limit::Bytes, "bytes"),
    (Limit::Packets, "packets"),
    (Limit::Pair, "pair"),
    (Limit::Total, "total"),
    (Limit::Queue, "queue"),
    (Limit::Signals, "signals"),
    (Limit::Splices, "splices"),
    (Limit::Channels, "channels"),
];

impl Metrics {
    pub(crate) fn add(counter: &AtomicU64, units: u64) {
        counter.fetch_add(units, Ordering::Relaxed);
    }

    pub(crate) fn subtract(counter: &AtomicU64, units: u64) {
        counter.fetch_sub(units, Ordering::Relaxed);
    }

    pub(crate) fn hit(&self, limit: Limit) {
        let of = LIMITS.iter().zip(&self.limited).find(|((known, _), _)| *known == limit);
        if let Some((_, counter)) = of {
            Self::add(counter, 1);
        }
    }

    /// In the text format of Prometheus (version 0.0.4).
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (name, kind, help, counter) in [
            ("legs", "gauge", "Legs that carry traffic now.", &self.legs),
            ("observers", "gauge", "Legs now that only learn their address.", &self.observers),
            ("joined_total", "counter", "Legs that were admitted.", &self.joined),
            ("refused_total", "counter", "Legs that were refused.", &self.refused),
            ("stalled_total", "counter", "Legs closed because they took nothing.", &self.stalled),
            ("violations_total", "counter", "Legs closed for breaking the protocol.", &self.violations),
            ("packets_total", "counter", "Packets carried.", &self.packets),
            ("packet_bytes_total", "counter", "Bytes of packets carried.", &self.packet_bytes),
            ("unroutable_total", "counter", "Packets for nobody who is here.", &self.unroutable),
            ("signals_total", "counter", "Signals carried.", &self.signals),
            ("splices_total", "counter", "Streams spliced.", &self.splices),
            ("splices", "gauge", "Streams that are spliced now.", &self.splices_open),
            ("splice_bytes_total", "counter", "Bytes of spliced streams.", &self.splice_bytes),
        ] {
            let value = counter.load(Ordering::Relaxed);
            // Writing to a string does not fail.
            let _ = writeln!(
                text,
                "# HELP foctet_relay_{name} {help}\n# TYPE foctet_relay_{name} {kind}\nfoctet_relay_{name} {value}"
            );
        }
        text.push_str(
            "# HELP foctet_relay_limited_total What was dropped or refused, by the limit that was hit.\n",
        );
        text.push_str("# TYPE foctet_relay_limited_total counter\n");
        for ((_, name), counter) in LIMITS.iter().zip(&self.limited) {
            let value = counter.load(Ordering::Relaxed);
            let _ = writeln!(text, "foctet_relay_limited_total{{limit=\"{name}\"}} {value}");
        }
        text
    }
}
