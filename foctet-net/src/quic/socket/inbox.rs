use std::collections::VecDeque;
use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use noq::udp::RecvMeta;

/// Packets from relays that wait for noq, which takes them at once; what a busy machine lets pile up in some 10 ms at 1
/// Gbit/s. Beyond it the newest are dropped, as by a socket.
const MAX_WAITING: usize = 1024;

/// Bytes of them, which counts where packets are as long as a leg over TCP lets them be: as many as 1,024 that fit an Ethernet frame.
const MAX_WAITING_BYTES: usize = 1_536 * 1024;

/// Bytes that share a buffer at most: as many as the kernel would put together. noq's buffers have room for more, and
/// memory that is never touched is never taken.
const MAX_SHARED: usize = 65_536;

/// Packets that came through relays, on their way to noq.
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    packets: VecDeque<(SocketAddr, Bytes)>,
    /// Bytes of all of them.
    bytes: usize,
    waker: Option<Waker>,
}

impl State {
    fn pop(&mut self) -> Option<(SocketAddr, Bytes)> {
        let next = self.packets.pop_front();
        self.bytes -= next.as_ref().map_or(0, |(_, packet)| packet.len());
        next
    }
}

impl Inbox {
    /// Takes a packet that came from the peer for which `from` stands; drops it if too many wait.
    pub(super) fn push(&self, from: SocketAddr, packet: Bytes) {
        let waker = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.packets.len() >= MAX_WAITING || state.bytes + packet.len() > MAX_WAITING_BYTES {
                return;
            }
            state.bytes += packet.len();
            state.packets.push_back((from, packet));
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Fills buffers as a socket does: successive packets of one peer and one length share a buffer.
    pub(super) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<usize> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.packets.is_empty() {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut filled = 0;
        for (buffer, meta) in buffers.iter_mut().zip(meta) {
            let Some((from, first)) = state.pop() else { break };
            let stride = first.len();
            let Some(place) = buffer.get_mut(..stride) else {
                // Longer than anything that noq announced to take.
                continue;
            };
            place.copy_from_slice(&first);
            let mut len = stride;
            while let Some((_, next)) = state.packets.front().filter(|(addr, next)| {
                *addr == from && next.len() <= stride && len + next.len() <= MAX_SHARED
            }) && let Some(place) = buffer.get_mut(len..len + next.len())
            {
                place.copy_from_slice(next);
                len += next.len();
                let ends = next.len() < stride;
                state.pop();
                if ends {
                    break;
                }
            }
            let mut filled_meta = RecvMeta::default();
            filled_meta.addr = from;
            filled_meta.len = len;
            filled_meta.stride = stride;
            *meta = filled_meta;
            filled += 1;
        }
        if filled == 0 {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(n: u16) -> SocketAddr {
        SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], n))
    }

    fn take(inbox: &Inbox, buffers: usize, room: usize) -> Vec<(u16, Vec<usize>)> {
        let mut memory = vec![vec![0; room]; buffers];
        let mut slices: Vec<_> = memory.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let mut meta = vec![RecvMeta::default(); buffers];
        match inbox.poll_recv(&mut Context::from_waker(Waker::noop()), &mut slices, &mut meta) {
            Poll::Pending => Vec::new(),
            Poll::Ready(filled) => meta
                .iter()
                .take(filled)
                .map(|meta| {
                    let mut lengths = vec![meta.stride; meta.len / meta.stride];
                    if meta.len % meta.stride > 0 {
                        lengths.push(meta.len % meta.stride);
                    }
                    (meta.addr.port(), lengths)
                })
                .collect(),
        }
    }

    #[test]
    fn packets_of_one_peer_and_length_share_a_buffer() {
        let inbox = Inbox::default();
        for (from, len) in [(1, 30), (1, 30), (1, 10), (1, 30), (2, 30), (2, 40)] {
            inbox.push(addr(from), Bytes::from(vec![0; len]));
        }
        assert_eq!(take(&inbox, 3, 100), [(1, vec![30, 30, 10]), (1, vec![30]), (2, vec![30])]);
        assert_eq!(take(&inbox, 3, 100), [(2, vec![40])]);
        assert!(take(&inbox, 3, 100).is_empty());
    }

    #[test]
    fn nothing_grows_without_bound_and_nothing_overflows_a_buffer() {
        let inbox = Inbox::default();
        for _ in 0..2 * MAX_WAITING {
            inbox.push(addr(1), Bytes::from_static(&[0; 60]));
        }
        let taken: usize =
            std::iter::from_fn(|| Some(take(&inbox, 8, 100)).filter(|taken| !taken.is_empty()))
                .flatten()
                .map(|(_, lengths)| lengths.len())
                .sum();
        assert_eq!(taken, MAX_WAITING);
        inbox.push(addr(1), Bytes::from_static(&[0; 101]));
        assert!(take(&inbox, 8, 100).is_empty());
        for _ in 0..MAX_WAITING {
            inbox.push(addr(1), Bytes::from_static(&[0; 8000]));
        }
        let taken = take(&inbox, 1024, 200_000);
        assert_eq!(taken.iter().map(|(_, lengths)| lengths.len()).sum::<usize>(), MAX_WAITING_BYTES / 8000);
        assert!(taken.iter().all(|(_, lengths)| lengths.len() * 8000 <= MAX_SHARED));
    }
}
