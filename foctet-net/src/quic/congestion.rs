use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use noq::congestion::{Controller, ControllerFactory, ControllerMetrics};
use noq_proto::RttEstimator;

mod deliveries;
mod model;
mod recent_max;

use model::Model;

/// Datagrams that a path may carry unanswered after an outage (RFC 9002, section 7.2: the minimum window).
const MINIMUM_WINDOW: u64 = 2;

/// Bytes that go to the kernel at once at most: it cuts segments from what one IP packet could hold.
const MAX_BURST: u64 = 65_000;

/// Makes the congestion controller of each path: the window follows what the path is measured to hold, see [`Model`], and an outage is the
/// end of what was known.
///
/// Persistent congestion (RFC 9002, section 7.6) begins the measurement anew. Where the network was gone for a while, what it
/// carried before says nothing: a standby that had carried nothing but probes took half a minute to regain its rate. So the window
/// doubles until it is measured.
#[derive(Debug)]
pub(super) struct Restarting {
    initial_window: u64,
}

impl Restarting {
    /// With so many bytes as the window of a new path.
    pub(super) fn new(initial_window: u64) -> Self {
        Self { initial_window }
    }
}

impl ControllerFactory for Restarting {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Measuring {
            model: Model::new(now, current_mtu, self.initial_window),
            initial_window: self.initial_window,
            mtu: current_mtu,
            restarted_at: None,
        })
    }
}

#[derive(Debug, Clone)]
struct Measuring {
    model: Model,
    initial_window: u64,
    mtu: u16,
    restarted_at: Option<Instant>,
}

impl Measuring {
    /// Whether a packet belongs to the time before the last restart, which has been paid for.
    fn is_past(&self, sent: Instant) -> bool {
        self.restarted_at.is_some_and(|at| sent <= at)
    }
}

impl Controller for Measuring {
    fn on_packet_sent(&mut self, now: Instant, bytes: u16, pn: u64) {
        self.model.sent(now, bytes.into(), pn);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        pn: u64,
        _app_limited: bool,
        _rtt: &RttEstimator,
    ) {
        if !self.is_past(sent) {
            self.model.acked(now, sent, bytes, pn);
        }
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, _largest_acked: Option<u64>) {
        self.model.taken(now, in_flight, app_limited);
    }

    fn on_packet_lost(&mut self, lost_bytes: u16, pn: u64, _now: Instant) {
        self.model.lost(lost_bytes.into(), pn);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        is_ecn: bool,
        _lost_bytes: u64,
        _largest_lost_pn: u64,
    ) {
        if self.is_past(sent) {
            return;
        }
        if is_persistent_congestion {
            self.model = Model::new(now, self.mtu, MINIMUM_WINDOW * u64::from(self.mtu));
            self.restarted_at = Some(now);
        } else if is_ecn {
            self.model.congested();
        }
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.mtu = new_mtu;
        self.model.set_mtu(new_mtu);
    }

    fn window(&self) -> u64 {
        self.model.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = ControllerMetrics::default();
        metrics.congestion_window = self.window();
        metrics.pacing_rate = self.model.pace();
        metrics.send_quantum = Some(MAX_BURST);
        metrics.bandwidth_estimate = self.model.bandwidth().map(|rate| (rate * 8.0) as u64);
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.initial_window
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests;
