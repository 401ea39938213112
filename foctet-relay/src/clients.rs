use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use bytes::Bytes;
use foctet_core::NodeId;
use foctet_core::relay::packet::{self, Address, Outgoing};
use foctet_core::relay::router::{Allowance, Bucket, JoinError, Joined, Roster, Standing};
use foctet_core::relay::{CloseCode, Control, Limit};
use foctet_net::{Connection, Transport};
use tokio::sync::{mpsc, watch};

use crate::access::Access;
use crate::config::LimitsConfig;
use crate::metrics::Metrics;
use crate::unsent::Unsent;

/// What a datagram takes of the queue of a connection over TCP beside its bytes; over QUIC it is told without that.
const TCP_OVERHEAD: usize = 64;

/// For how long nothing may fit into a client's queue: it takes nothing, then.
const STALLED_AFTER: std::time::Duration = std::time::Duration::from_secs(2);

/// What all legs of a relay share.
pub(crate) struct Shared {
    roster: RwLock<Roster<Arc<Client>>>,
    /// Changes with every coming and going, so that a leg can keep what it looked up.
    generation: AtomicU64,
    settings: RwLock<Arc<Settings>>,
    total: Mutex<Bucket>,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    pub(crate) metrics: Metrics,
    pub(crate) draining: watch::Sender<Option<u16>>,
}

/// What a reload changes.
pub(crate) struct Settings {
    pub(crate) access: Access,
    pub(crate) limits: LimitsConfig,
}

/// One traffic leg, as seen by those who send to it.
pub(crate) struct Client {
    pub(crate) id: NodeId,
    pub(crate) standing: Standing,
    pub(crate) connection: Connection,
    pub(crate) allowance: Mutex<Allowance>,
    control: mpsc::Sender<Control>,
    out: Mutex<Out>,
}

/// A packet on its way: the part of a datagram behind `header` bytes, which are those of the leg that it came on.
pub(crate) struct Packet {
    pub(crate) datagram: Bytes,
    pub(crate) header: usize,
}

impl Packet {
    fn payload(&self) -> &[u8] {
        self.datagram.get(self.header..).unwrap_or_default()
    }
}

/// What fitted into a client's queue.
#[derive(Default)]
pub(crate) struct Delivered {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

/// The packets towards a client.
struct Out {
    channels: Outgoing,
    unsent: Unsent,
    next_half: u16,
    /// Since when the queue is full and the client takes nothing, and what it had sent by then.
    full_since: Option<(Instant, u64)>,
}

/// A place among the connections of one address, given back when dropped.
pub(crate) struct Place {
    shared: Arc<Shared>,
    source: IpAddr,
}

impl Shared {
    pub(crate) fn new(settings: Settings) -> Self {
        let now = Instant::now();
        Self {
            roster: RwLock::new(Roster::new(settings.limits.legs())),
            generation: AtomicU64::new(0),
            total: Mutex::new(Bucket::new(now, settings.limits.total())),
            settings: RwLock::new(Arc::new(settings)),
            by_address: Mutex::default(),
            metrics: Metrics::default(),
            draining: watch::Sender::new(None),
        }
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts new settings in force: for everybody who is here at once, but that nobody is thrown out who is no longer
    /// admitted.
    pub(crate) fn reload(&self, settings: Settings) {
        let now = Instant::now();
        self.total.lock().unwrap_or_else(PoisonError::into_inner).set_rate(now, settings.limits.total());
        let mut roster = self.roster.write().unwrap_or_else(PoisonError::into_inner);
        roster.set_max(settings.limits.legs());
        for (_, standing, client) in roster.iter() {
            let limits = match standing {
                Standing::Member => settings.limits.member(),
                Standing::Guest => settings.limits.guest(),
            };
            client.allowance.lock().unwrap_or_else(PoisonError::into_inner).set_limits(now, limits);
        }
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// A place for a connection from this address, if there is one.
    pub(crate) fn place(self: &Arc<Self>, ip: IpAddr) -> Option<Place> {
        // An IPv6 /64 is the least that one customer gets.
        let source = match ip.to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        };
        let max = self.settings().limits.connections_per_address;
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(source).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Place { shared: Arc::clone(self), source })
    }

    pub(crate) fn join(&self, client: Arc<Client>) -> Result<Joined<Arc<Client>>, JoinError> {
        let (id, standing) = (client.id, client.standing);
        let mut roster = self.roster.write().unwrap_or_else(PoisonError::into_inner);
        let joined = roster.join(Instant::now(), id, standing, client);
        self.generation.fetch_add(1, Ordering::Release);
        joined
    }

    pub(crate) fn leave(&self, id: NodeId, serial: u64) {
        self.roster.write().unwrap_or_else(PoisonError::into_inner).leave(id, serial);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Who has this key, if `from` may talk to it.
    pub(crate) fn route(&self, from: Standing, to: NodeId) -> Option<Arc<Client>> {
        self.roster.read().unwrap_or_else(PoisonError::into_inner).route(from, to).cloned()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn everybody(&self) -> Vec<Arc<Client>> {
        let roster = self.roster.read().unwrap_or_else(PoisonError::into_inner);
        roster.iter().map(|(_, _, client)| Arc::clone(client)).collect()
    }

    /// Whether the relay as a whole may carry so many bytes more.
    pub(crate) fn may_carry(&self, now: Instant, bytes: u64) -> bool {
        self.total.lock().unwrap_or_else(PoisonError::into_inner).take(now, bytes)
    }

    /// How long the next bytes of a stream have to wait for the relay's total; if not at all, they are taken.
    pub(crate) fn total_wait(&self, now: Instant, bytes: u64) -> std::time::Duration {
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = total.wait(now, bytes);
        if wait.is_zero() {
            total.take(now, bytes);
        }
        wait
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.shared.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(&self.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                by_address.remove(&self.source);
            }
        }
    }
}

impl Client {
    pub(crate) fn new(
        id: NodeId,
        standing: Standing,
        connection: Connection,
        limits: &LimitsConfig,
        max_channels: u16,
        control: mpsc::Sender<Control>,
    ) -> Self {
        let allowed = match standing {
            Standing::Member => limits.member(),
            Standing::Guest => limits.guest(),
        };
        let overhead = if connection.transport() == Transport::Tcp { TCP_OVERHEAD } else { 0 };
        let unsent = Unsent::new(connection.datagram_send_space(), overhead, limits.queue_packets);
        let out = Out { channels: Outgoing::new(max_channels), unsent, next_half: 0, full_since: None };
        Self {
            id,
            standing,
            connection,
            allowance: Mutex::new(Allowance::new(Instant::now(), allowed)),
            control,
            out: Mutex::new(out),
        }
    }

    /// Tells the client something, unless it has left too much untaken already.
    pub(crate) fn tell(&self, control: Control) {
        self.control.try_send(control).ok();
    }

    /// Notes that something of this client's was dropped, and tells it when it is time.
    pub(crate) fn hit(&self, now: Instant, limit: Limit, metrics: &Metrics) {
        metrics.hit(limit);
        let told = self.allowance.lock().unwrap_or_else(PoisonError::into_inner).dropped(now, limit);
        if let Some(dropped) = told {
            self.tell(Control::Limited { limit, dropped });
        }
    }

    /// The client has confirmed a channel of ours.
    pub(crate) fn confirm(&self, channel: u16) {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).channels.confirm(channel);
    }

    /// Puts packets into the queue towards this client, and leaves `packets` empty. How much fitted in.
    pub(crate) fn deliver(
        &self,
        now: Instant,
        from: NodeId,
        packets: &mut Vec<Packet>,
        metrics: &Metrics,
    ) -> Delivered {
        let mut delivered = Delivered::default();
        let Some(max) = self.connection.max_datagram_size() else {
            packets.clear();
            return delivered;
        };
        // The lock is held until the packets are in, so that the order is that of the count.
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let mut room = self.connection.datagram_send_space();
        let mut datagrams = Vec::with_capacity(packets.len());
        let mut full = false;
        for packet in packets.drain(..) {
            let before = datagrams.len();
            let length = packet.payload().len() as u64;
            if out.put(from, packet, max, &mut room, &mut datagrams) {
                delivered.packets += 1;
                delivered.bytes += length;
            } else {
                datagrams.truncate(before);
                full = true;
            }
        }
        if !datagrams.is_empty() && self.connection.send_datagrams(&mut datagrams).is_err() {
            return Delivered::default();
        }
        if !full {
            if self.connection.transport() == Transport::Tcp || self.takes_something(&out) {
                out.full_since = None;
            }
            return delivered;
        }
        if (delivered.packets > 0 && self.connection.transport() == Transport::Tcp)
            || self.takes_something(&out)
        {
            out.full_since = None;
        }
        let (since, _) = *out.full_since.get_or_insert_with(|| (now, self.connection.stats().bytes_received));
        drop(out);
        if now.saturating_duration_since(since) >= STALLED_AFTER {
            Metrics::add(&metrics.stalled, 1);
            self.close(CloseCode::Stalled);
        }
        delivered
    }

    /// Whether a client whose queue was full has acknowledged anything since. What leaves the queue over QUIC may be no
    /// more than probes into the void.
    fn takes_something(&self, out: &Out) -> bool {
        let received = || self.connection.stats().bytes_received;
        self.connection.transport() == Transport::Quic
            && out.full_since.is_some_and(|(_, before)| received() != before)
    }

    pub(crate) fn close(&self, code: CloseCode) {
        self.connection.close(code.code(), code.to_string().as_bytes());
    }
}

impl Out {
    /// Makes one or two datagrams of a packet, and takes what they need off the room that is left. Whether there was any.
    fn put(
        &mut self,
        from: NodeId,
        packet: Packet,
        max: usize,
        room: &mut usize,
        datagrams: &mut Vec<Bytes>,
    ) -> bool {
        let address = self.channels.address(from);
        let length = packet.payload().len() + address.header_len();
        if *room < length || !self.unsent.has_place(*room) {
            return false;
        }
        if length <= max {
            self.add(readdress(packet, address), room, datagrams);
            return true;
        }
        self.next_half = self.next_half.wrapping_add(1);
        let Some((first, second)) = packet::split(&address, packet.payload(), self.next_half, max) else {
            return false;
        };
        self.add(first.into(), room, datagrams);
        if let Some(second) = second {
            self.add(second.into(), room, datagrams);
        }
        true
    }

    fn add(&mut self, datagram: Bytes, room: &mut usize, datagrams: &mut Vec<Bytes>) {
        *room = room.saturating_sub(self.unsent.add(datagram.len()));
        datagrams.push(datagram);
    }
}

/// A packet with another address in front: in place where nobody else holds it and the addresses are of one kind.
fn readdress(packet: Packet, address: Address) -> Bytes {
    let Packet { datagram, header } = packet;
    let datagram = match address {
        Address::Channel(channel) if header == address.header_len() => match datagram.try_into_mut() {
            Ok(mut unique) => {
                if let Some(place) = unique.get_mut(1..3) {
                    place.copy_from_slice(&channel.to_be_bytes());
                }
                return unique.freeze();
            }
            Err(shared) => shared,
        },
        _ => datagram,
    };
    let mut packet = Vec::new();
    packet::write(&address, datagram.get(header..).unwrap_or_default(), &mut packet);
    packet.into()
}
