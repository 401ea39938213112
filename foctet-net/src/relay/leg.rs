use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use foctet_core::relay::packet::{MAX_PACKET, Outgoing, split};
use foctet_core::relay::{CloseCode, Control, ControlReader, LegRole, Welcome};
use foctet_core::{NodeId, RelayToken};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::error::LegError;
use crate::connection::Connection;
use crate::hello;
use crate::stream::{RecvStream, SendStream};

/// How long the relay has for its welcome: it takes a round trip.
const WELCOME: Duration = Duration::from_secs(10);

/// Control frames that wait to be written: as many as there are channels to confirm, and some signals.
const MAX_FRAMES: usize = 320;

/// The longest piece of the control stream that is read at once, in bytes.
const PIECE: usize = 4096;

/// Bytes that a datagram costs in a queue beside its own.
const PER_DATAGRAM: usize = 64;

/// How often to look whether a leg has sent what it had.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A leg that is up: the relay has welcomed us.
pub(super) struct Leg {
    pub(super) connection: Connection,
    pub(super) welcome: Welcome,
    /// The space in the queue of packets when none waits, in bytes.
    empty_queue: usize,
    sending: Mutex<Sending>,
    frames: mpsc::Sender<Control>,
    dropped: AtomicU64,
    carried: AtomicU64,
    /// A clone is in every spliced stream.
    splices: Arc<()>,
}

struct Sending {
    channels: Outgoing,
    next_half: u16,
}

impl Sending {
    /// Makes one or two datagrams of a packet, and takes what they need off the space that is left in the queue. Whether
    /// there was room.
    fn put(
        &mut self,
        peer: NodeId,
        packet: &[u8],
        max: usize,
        space: &mut usize,
        datagrams: &mut Vec<Bytes>,
    ) -> bool {
        if packet.is_empty() || packet.len() > MAX_PACKET {
            return false;
        }
        self.next_half = self.next_half.wrapping_add(1);
        let address = self.channels.address(peer);
        let Some((first, second)) = split(&address, packet, self.next_half, max) else { return false };
        // The newest is dropped, not the oldest: half a packet would be worse than none.
        let needed =
            PER_DATAGRAM + first.len() + second.as_ref().map_or(0, |second| PER_DATAGRAM + second.len());
        match space.checked_sub(needed) {
            Some(left) => *space = left,
            None => return false,
        }
        datagrams.push(first.into());
        datagrams.extend(second.map(Bytes::from));
        true
    }
}

/// The two halves of the control stream, for the leg's own tasks.
pub(super) struct ControlStream {
    send: SendStream,
    recv: RecvStream,
    reader: ControlReader,
    frames: mpsc::Receiver<Control>,
}

impl Leg {
    /// Says hello on a connection to a relay, and waits for the welcome.
    pub(super) async fn open(
        connection: Connection,
        role: LegRole,
        token: Option<RelayToken>,
    ) -> Result<(Self, ControlStream), LegError> {
        let welcomed = timeout(WELCOME, Self::greet(connection.clone(), role, token));
        match welcomed.await.unwrap_or(Err(LegError::TimedOut)) {
            // The relay's word says more than that the stream is gone.
            Err(LegError::Lost(error)) => Err(connection.close_reason().unwrap_or(error).into()),
            opened => opened,
        }
    }

    async fn greet(
        connection: Connection,
        role: LegRole,
        token: Option<RelayToken>,
    ) -> Result<(Self, ControlStream), LegError> {
        hello::say(&connection, hello::Hello::default()).await?;
        let (mut send, recv) = connection.open_bi().await?;
        send.set_priority(i32::MAX).ok();
        send.write_all(&Control::Hello { role, token }.encode()).await?;
        let (frames_tx, frames) = mpsc::channel(MAX_FRAMES);
        let mut stream = ControlStream { send, recv, reader: ControlReader::default(), frames };
        let Control::Welcome(welcome) = stream.next().await? else {
            connection.close(CloseCode::Protocol.code(), b"");
            return Err(LegError::Protocol("it began with something else than a welcome".into()));
        };
        let sending = Sending { channels: Outgoing::new(welcome.max_channels), next_half: 0 };
        let leg = Self {
            empty_queue: connection.datagram_send_space(),
            connection,
            welcome,
            sending: Mutex::new(sending),
            frames: frames_tx,
            dropped: AtomicU64::new(0),
            carried: AtomicU64::new(0),
            splices: Arc::default(),
        };
        Ok((leg, stream))
    }

    /// Sends packets to a peer. What there is no room for is dropped.
    pub(super) fn send<'a>(&self, peer: NodeId, packets: impl Iterator<Item = &'a [u8]>) {
        let Some(max) = self.connection.max_datagram_size() else {
            self.count_dropped(packets.count());
            return;
        };
        self.count_carried(1);
        let mut space = self.connection.datagram_send_space();
        let mut datagrams = Vec::with_capacity(packets.size_hint().0);
        // The lock is held until all are sent: a packet that is only named by its channel must not overtake another.
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut asked, mut queued) = (0, 0);
        for packet in packets {
            asked += 1;
            queued += usize::from(sending.put(peer, packet, max, &mut space, &mut datagrams));
        }
        let sent = datagrams.is_empty() || self.connection.send_datagrams(&mut datagrams).is_ok();
        drop(sending);
        self.count_dropped(if sent { asked - queued } else { asked });
    }

    /// Notes packets that were sent or have arrived.
    pub(super) fn count_carried(&self, packets: u64) {
        self.carried.fetch_add(packets, Ordering::Relaxed);
    }

    pub(super) fn traffic(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }

    /// What a spliced stream holds on to.
    pub(super) fn splice_mark(&self) -> Arc<()> {
        Arc::clone(&self.splices)
    }

    pub(super) fn has_splices(&self) -> bool {
        Arc::strong_count(&self.splices) > 1
    }

    fn count_dropped(&self, packets: usize) {
        self.dropped.fetch_add(u64::try_from(packets).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Waits until the queue of packets is empty, or the leg is over.
    pub(super) async fn flushed(&self) {
        while self.connection.datagram_send_space() < self.empty_queue
            && self.connection.close_reason().is_none()
        {
            sleep(LOOK_AGAIN).await;
        }
    }

    /// How many packets were dropped here for want of room, or because they fit no leg.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The relay knows a channel of ours.
    pub(super) fn confirm(&self, channel: u16) {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner).channels.confirm(channel);
    }

    /// Tells the relay that we know a channel of its. If there is no room the channel stays unconfirmed, which costs some
    /// bytes in each packet.
    pub(super) fn bound(&self, channel: u16) {
        self.frames.try_send(Control::Bound { channel }).ok();
    }
}

impl ControlStream {
    /// The next frame.
    pub(super) async fn next(&mut self) -> Result<Control, LegError> {
        next(&mut self.recv, &mut self.reader).await
    }

    /// Writes what the leg has to say, and hands over what the relay says, until either fails.
    pub(super) async fn run(self, mut heard: impl FnMut(Control) -> Result<(), LegError>) -> LegError {
        let Self { mut send, mut recv, mut reader, mut frames } = self;
        let write = async {
            while let Some(frame) = frames.recv().await {
                if let Err(error) = send.write_all(&frame.encode()).await {
                    return LegError::from(error);
                }
            }
            LegError::NoLeg
        };
        let read = async {
            loop {
                match next(&mut recv, &mut reader).await.and_then(&mut heard) {
                    Ok(()) => {}
                    Err(error) => return error,
                }
            }
        };
        tokio::select! {
            error = write => error,
            error = read => error,
        }
    }
}

async fn next(recv: &mut RecvStream, reader: &mut ControlReader) -> Result<Control, LegError> {
    loop {
        if let Some(frame) = reader.next().map_err(|error| LegError::Protocol(error.to_string().into()))? {
            return Ok(frame);
        }
        match recv.read_chunk(PIECE).await? {
            Some(piece) => reader.push(&piece),
            None => return Err(LegError::Protocol("it ended the control stream".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_path_of_quic_carries_is_cut_in_two() {
        let peer = foctet_core::SecretKey::from_bytes([1; 32]).node_id();
        let mut sending = Sending { channels: Outgoing::new(4), next_half: 0 };
        let mut space = 1 << 20;
        let mut datagrams = Vec::new();
        for (length, max, expected) in [
            (1200, 1400, 1),
            (1350, 1400, 1),
            (1200, 1150, 2),
            (1201, 1150, 0),
            (1400, 1400, 0),
            (0, 1400, 0),
        ] {
            let fits = sending.put(peer, &vec![0; length], max, &mut space, &mut datagrams);
            assert_eq!((fits, datagrams.drain(..).count()), (expected > 0, expected), "{length} {max}");
        }
        space = 1000;
        assert!(!sending.put(peer, &[0; 1200], 1400, &mut space, &mut datagrams), "there is no room");
        assert_eq!((space, datagrams.len()), (1000, 0));
    }
}
