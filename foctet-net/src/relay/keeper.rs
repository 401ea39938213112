use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foctet_core::NodeId;
use foctet_core::relay::{CloseCode, Control, LegRole};
use futures_core::Stream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::backoff::Backoff;
use super::error::LegError;
use super::leg::{ControlStream, Leg};
use super::relays::Shared;
use super::table::Signals;
use super::watchdog::{Traffic, Verdict, Watchdog};
use super::{packets, splice};
use crate::connection::{Carrier, Connection};
use crate::path::{Progress, Transport};

/// How long a leg is kept after its last use.
const LINGER: Duration = Duration::from_secs(30);

/// A leg that was up for so long was a success, after which waits are short again.
const STABLE: Duration = Duration::from_secs(10);

/// The shortest wait after which even somebody in a hurry dials again.
const AT_LEAST: Duration = Duration::from_millis(200);

/// The shortest wait after another process with our key has taken over: two of them must not chase each other.
const AFTER_REPLACED: Duration = Duration::from_secs(10);

/// As that where it was most likely a second leg of our own, given up when the first was heard again: within a second of
/// one replacement a relay accepts no other.
const AFTER_OUR_OWN: Duration = Duration::from_millis(1100);

/// How often a leg is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long one attempt at another connection beside a doubtful leg may take. Each asks anew, which the kernel of a network
/// that is gone for long would do ever more seldom.
const RENEWAL: Duration = Duration::from_secs(3);

/// The longest rest between two such attempts.
const RENEWAL_REST: Duration = Duration::from_secs(1);

/// How soon after a failure the address is asked for over UDP again, and at most how late: where UDP does not get
/// through it seldom changes.
const OBSERVE_AGAIN: Duration = Duration::from_secs(30);
const OBSERVE_AT_LATEST: Duration = Duration::from_secs(300);

/// Keeps a leg up for as long as somebody uses it.
pub(super) async fn keep(shared: Arc<Shared>, relay: NodeId, signals: Arc<Signals>) {
    let mut hold = pin!(hold(&shared, relay, &signals));
    loop {
        tokio::select! {
            never = &mut hold => match never {},
            () = unused(&shared, relay, &signals) => {
                // Somebody may have come in this moment.
                if shared.remove_unused(relay) {
                    return;
                }
            }
        }
    }
}

/// Until nobody has used the leg for a while.
async fn unused(shared: &Shared, relay: NodeId, signals: &Signals) {
    loop {
        if shared.is_used(relay) {
            signals.users.notified().await;
            continue;
        }
        let before = shared.traffic(relay);
        tokio::select! {
            () = sleep(LINGER) => {
                if shared.traffic(relay) == before && !shared.has_splices(relay) {
                    return;
                }
            }
            () = signals.users.notified() => {}
        }
    }
}

async fn hold(shared: &Arc<Shared>, relay: NodeId, signals: &Signals) -> Infallible {
    let mut backoff = Backoff::default();
    let mut renewed = None;
    loop {
        let tried = AtomicBool::new(false);
        let opened = match renewed.take() {
            Some(renewed) => Ok(renewed),
            None => connect(shared, relay).await,
        };
        let error = match opened {
            Ok((leg, control)) => {
                let leg = Arc::new(leg);
                let since = Instant::now();
                let (doubt, doubted) = watch::channel(false);
                let error = {
                    let _up = shared.up(relay, &leg);
                    tokio::select! {
                        error = session(shared, relay, &leg, control, doubt) => error,
                        another = renew(shared, relay, doubted, &tried) => {
                            tracing::debug!(relay = %relay.fmt_short(), "a leg is renewed, because the relay was silent");
                            leg.connection.close(0, b"");
                            renewed = Some(another);
                            continue;
                        }
                    }
                };
                tracing::debug!(relay = %relay.fmt_short(), %error, dropped = leg.dropped(), "a leg is over");
                if since.elapsed() >= STABLE {
                    backoff.reset();
                }
                error
            }
            Err(error) => {
                tracing::debug!(relay = %relay.fmt_short(), %error, "no leg to a relay");
                error
            }
        };
        let replaced = matches!(error, LegError::Closed(CloseCode::Replaced | CloseCode::InUse));
        let at_least = match (replaced, tried.into_inner()) {
            (true, false) => AFTER_REPLACED,
            (true, true) => AFTER_OUR_OWN,
            (false, _) => AT_LEAST,
        };
        shared.failed(relay, error);
        sleep(at_least).await;
        let rest = backoff.next(random()).saturating_sub(at_least);
        tokio::select! {
            () = sleep(rest) => {}
            () = signals.hurry.notified() => {}
        }
    }
}

async fn connect(shared: &Shared, relay: NodeId) -> Result<(Leg, ControlStream), LegError> {
    let dialler = shared.dialler()?;
    let addrs = shared.addrs(relay);
    let token = addrs.iter().find_map(|addr| addr.token()).cloned();
    let connection = dialler.dial(&addrs, None).await?;
    Leg::open(connection, LegRole::Traffic, token).await
}

/// Whenever a leg is doubted, tries for another until it is doubted no more. Where the network was gone, a new connection
/// comes up as soon as it is back, while the old one waits for its timers, which are far apart by then, and those of the
/// relay. `tried` becomes true with the first attempt. Cancel safe: an attempt is given up.
async fn renew(
    shared: &Shared,
    relay: NodeId,
    mut doubted: watch::Receiver<bool>,
    tried: &AtomicBool,
) -> (Leg, ControlStream) {
    loop {
        if doubted.wait_for(|doubted| *doubted).await.is_err() {
            return std::future::pending().await;
        }
        tried.store(true, Ordering::Relaxed);
        let attempts = async {
            loop {
                match timeout(RENEWAL, connect(shared, relay)).await {
                    Ok(Ok(another)) => return another,
                    Ok(Err(error)) => {
                        tracing::debug!(relay = %relay.fmt_short(), %error, "no leg instead of a silent one");
                    }
                    Err(_) => {}
                }
                sleep(RENEWAL_REST.mul_f64(f64::from(random()) / f64::from(u32::MAX))).await;
            }
        };
        let mut answers = doubted.clone();
        tokio::select! {
            another = attempts => return another,
            _ = answers.wait_for(|doubted| !doubted) => {}
        }
    }
}

/// All that happens on a leg, until it is over. `doubt` is told whether the relay fails to answer.
async fn session(
    shared: &Arc<Shared>,
    relay: NodeId,
    leg: &Arc<Leg>,
    control: ControlStream,
    doubt: watch::Sender<bool>,
) -> LegError {
    let mut tasks = JoinSet::new();
    tasks.spawn({
        let (shared, leg) = (Arc::clone(shared), Arc::clone(leg));
        async move { packets::receive(&leg, |peer, packet| shared.arrived(relay, peer, packet)).await }
    });
    tasks.spawn({
        let (shared, leg) = (Arc::clone(shared), Arc::clone(leg));
        async move { control.run(|frame| heard(&shared, relay, &leg, &frame)).await }
    });
    tasks.spawn({
        let (shared, leg) = (Arc::clone(shared), Arc::clone(leg));
        async move { splice::accept(&leg, relay, shared.spliced()).await }
    });
    tasks.spawn({
        let (shared, leg) = (Arc::clone(shared), Arc::clone(leg));
        async move {
            let doubted = |doubted| {
                if doubt.send_if_modified(|before| std::mem::replace(before, doubted) != doubted) {
                    shared.doubted(relay, doubted);
                }
            };
            tokio::select! {
                error = watch(&shared, &leg.connection, doubted) => error,
                never = observe(&shared, relay, &leg.connection) => match never {},
            }
        }
    });
    let error = match tasks.join_next().await {
        Some(Ok(error)) => error,
        _ => LegError::NoLeg,
    };
    if let LegError::Protocol(_) = error {
        leg.connection.close(CloseCode::Protocol.code(), b"");
        return error;
    }
    // What the relay said is more than what one of its streams gave.
    let error = leg.connection.close_reason().map_or(error, LegError::from);
    leg.connection.close(0, b"");
    error
}

fn heard(shared: &Shared, relay: NodeId, leg: &Leg, frame: &Control) -> Result<(), LegError> {
    match *frame {
        Control::Bound { channel } => leg.confirm(channel),
        Control::Limited { limit, dropped } => {
            tracing::debug!(relay = %relay.fmt_short(), ?limit, dropped, "hit a limit of a relay");
            shared.limited(relay, limit, dropped);
        }
        Control::Draining { seconds } => {
            tracing::debug!(relay = %relay.fmt_short(), seconds, "a relay is about to shut down");
            shared.draining(relay);
        }
        // Nothing that this version says to a peer goes that way.
        Control::Signal { .. } => {}
        Control::Hello { .. } | Control::Welcome(_) | Control::Splice { .. } | Control::Spliced { .. } => {
            return Err(LegError::Protocol("a frame where it has no place".into()));
        }
        // Of a later version.
        _ => {}
    }
    Ok(())
}

/// Until the relay has been silent for too long, or the leg is over. Tells all the time whether an answer is overdue.
async fn watch(shared: &Shared, connection: &Connection, doubted: impl Fn(bool)) -> LegError {
    let mut network = shared.watch_network();
    let traffic = || {
        let Progress { sent, received } = connection.inner.carrier.progress();
        Traffic { sent, received }
    };
    let mut watchdog = Watchdog::new(Instant::now().into_std(), traffic());
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            error = connection.closed() => return error.into(),
            Ok(()) = network.changed() => {
                watchdog.asked(Instant::now().into_std(), traffic());
                ask(connection);
            }
            _ = ticks.tick() => {
                let verdict = watchdog.look(Instant::now().into_std(), traffic());
                doubted(verdict == Verdict::Doubtful);
                match verdict {
                    Verdict::Alive | Verdict::Doubtful => {}
                    Verdict::Ask => ask(connection),
                    Verdict::Dead => return LegError::Silent,
                }
            }
        }
    }
}

fn ask(connection: &Connection) {
    match &connection.inner.carrier {
        Carrier::Quic { connection: quic, .. } => {
            if let Some(path) = quic.path(noq::PathId::ZERO) {
                path.ping().ok();
            }
        }
        Carrier::Tcp { .. } => connection.inner.carrier.ask(),
    }
}

/// Learns where our UDP packets are seen to come from: on the leg itself, or on one beside it. Over IPv4 if that can be had,
/// whichever way the leg has taken: an address of IPv6 is an interface's own and known, while one of IPv4 is mostly that of
/// a NAT, and a peer without IPv6 has no other way in.
async fn observe(shared: &Arc<Shared>, relay: NodeId, leg: &Connection) -> Infallible {
    if !shared.dialler().is_ok_and(|dialler| dialler.has(Transport::Quic)) {
        return std::future::pending().await;
    }
    let leg_observes = leg.transport() == Transport::Quic;
    if leg_observes && is_ipv4(&leg.remote_address()) {
        listen(shared, relay, leg).await;
        return std::future::pending().await;
    }
    let mut wait = OBSERVE_AGAIN;
    loop {
        match observer(shared, relay, !leg_observes).await {
            Ok((leg, _control)) => {
                wait = OBSERVE_AGAIN;
                tokio::select! {
                    error = watch(shared, &leg.connection, |_| {}) => {
                        tracing::debug!(relay = %relay.fmt_short(), %error, "an observing leg is over");
                    }
                    () = listen(shared, relay, &leg.connection) => {}
                }
                shared.observed(relay, None);
            }
            Err(error) => {
                tracing::debug!(relay = %relay.fmt_short(), %error, "no observing leg to a relay");
            }
        }
        if leg_observes {
            // Better than nothing.
            timeout(wait, listen(shared, relay, leg)).await.ok();
        } else {
            sleep(wait).await;
        }
        wait = OBSERVE_AT_LATEST.min(wait * 2);
    }
}

/// A leg beside the one with the traffic: over IPv4, or if that fails and it may be of `any` kind, over whatever can be had.
async fn observer(shared: &Shared, relay: NodeId, any: bool) -> Result<(Leg, ControlStream), LegError> {
    let dialler = shared.dialler()?;
    let addrs = shared.addrs(relay);
    let token = addrs.iter().find_map(|addr| addr.token()).cloned();
    let quic = Some(Transport::Quic);
    let connection = match dialler.dial_where(&addrs, quic, is_ipv4).await {
        Err(_) if any => dialler.dial(&addrs, quic).await,
        dialled => dialled,
    };
    Leg::open(connection?, LegRole::Observe, token).await
}

fn is_ipv4(addr: &SocketAddr) -> bool {
    addr.ip().to_canonical().is_ipv4()
}

/// Passes on what the relay observes, until the connection is over.
async fn listen(shared: &Shared, relay: NodeId, connection: &Connection) {
    let Carrier::Quic { connection: quic, .. } = &connection.inner.carrier else { return };
    let mut observed = quic.observed_external_addr();
    while let Some(addr) = poll_fn(|cx| Pin::new(&mut observed).poll_next(cx)).await {
        shared.observed(relay, Some(SocketAddr::new(addr.ip().to_canonical(), addr.port())));
    }
}

fn random() -> u32 {
    let mut random = [0; 4];
    // Without randomness the waits are the shortest, which is no harm on one machine.
    getrandom::fill(&mut random).ok();
    u32::from_ne_bytes(random)
}
