use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use noq::congestion::{Controller, ControllerFactory, ControllerMetrics, CubicConfig};
use noq_proto::RttEstimator;

/// Datagrams that a path may carry unanswered after an outage (RFC 9002, section 7.2: the minimum window).
const MINIMUM_WINDOW: u64 = 2;

/// CUBIC, for which an outage is the end of what it knew.
///
/// After persistent congestion (RFC 9002, section 7.6) the window is at its minimum, and grows by slow start up to what was
/// the threshold then. But where the network was gone for a while, the threshold says nothing: a standby that had carried nothing
/// but probes had a low one, and took half a minute to regain its rate. So slow start goes on until something is lost.
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
        Box::new(RestartingCubic {
            cubic: cubic(now, current_mtu, self.initial_window),
            initial_window: self.initial_window,
            mtu: current_mtu,
            restarted_at: None,
        })
    }
}

fn cubic(now: Instant, mtu: u16, window: u64) -> Box<dyn Controller> {
    let mut config = CubicConfig::default();
    config.initial_window(window);
    Arc::new(config).build(now, mtu)
}

#[derive(Debug)]
struct RestartingCubic {
    cubic: Box<dyn Controller>,
    initial_window: u64,
    mtu: u16,
    restarted_at: Option<Instant>,
}

impl RestartingCubic {
    /// Whether a packet belongs to the time before the last restart, which has been paid for.
    fn is_past(&self, sent: Instant) -> bool {
        self.restarted_at.is_some_and(|at| sent <= at)
    }
}

impl Controller for RestartingCubic {
    fn on_sent(&mut self, now: Instant, bytes: u64, largest_pn: u64) {
        self.cubic.on_sent(now, bytes, largest_pn);
    }

    fn on_packet_sent(&mut self, now: Instant, bytes: u16, pn: u64) {
        self.cubic.on_packet_sent(now, bytes, pn);
    }

    fn on_cwnd_limited(&mut self) {
        self.cubic.on_cwnd_limited();
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        pn: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        if !self.is_past(sent) {
            self.cubic.on_ack(now, sent, bytes, pn, app_limited, rtt);
        }
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, largest_acked: Option<u64>) {
        self.cubic.on_end_acks(now, in_flight, app_limited, largest_acked);
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        is_ecn: bool,
        lost_bytes: u64,
        largest_lost_pn: u64,
    ) {
        if self.is_past(sent) {
            return;
        }
        if is_persistent_congestion {
            self.cubic = cubic(now, self.mtu, MINIMUM_WINDOW * u64::from(self.mtu));
            self.restarted_at = Some(now);
            return;
        }
        self.cubic.on_congestion_event(now, sent, false, is_ecn, lost_bytes, largest_lost_pn);
    }

    fn on_packet_lost(&mut self, lost_bytes: u16, pn: u64, now: Instant) {
        self.cubic.on_packet_lost(lost_bytes, pn, now);
    }

    fn on_spurious_congestion_event(&mut self) {
        self.cubic.on_spurious_congestion_event();
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.mtu = new_mtu;
        self.cubic.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.cubic.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        self.cubic.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self { cubic: self.cubic.clone_box(), ..*self })
    }

    fn initial_window(&self) -> u64 {
        self.initial_window
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn after_an_outage_slow_start_has_no_threshold_until_something_is_lost() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut controller = Arc::new(Restarting::new(38_400)).build(start, 1200);
        let threshold = |controller: &dyn Controller| controller.metrics().ssthresh.unwrap();
        controller.on_congestion_event(at(200), at(100), false, false, 1200, 1);
        assert!(threshold(&*controller) < 38_400);
        controller.on_congestion_event(at(10_000), at(9_000), true, false, 1200, 90);
        assert_eq!((controller.window(), threshold(&*controller)), (2400, u64::MAX));
        controller.on_congestion_event(at(10_100), at(9_900), false, false, 1200, 95);
        assert_eq!(
            (controller.window(), threshold(&*controller)),
            (2400, u64::MAX),
            "that has been paid for"
        );
        controller.on_congestion_event(at(10_400), at(10_300), false, false, 1200, 300);
        assert!(threshold(&*controller) < 38_400, "a loss ends it");
        assert_eq!(controller.clone_box().window(), controller.window());
    }
}
