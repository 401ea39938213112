use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Address, Datagram, FIRST_HALF, MAX_SPLIT, SECOND_HALF, write};

/// Halves that wait for the other one at most, on one leg: two for each of a few packets in flight at once. More means
/// that halves get lost, and then the oldest is the least likely to be completed.
pub const MAX_HALVES: usize = 16;

/// How long a half waits: its other half was sent in the same moment.
pub const REJOIN_WITHIN: Duration = Duration::from_millis(100);

/// The one or two datagrams of a packet, none longer than `max` bytes; `id` tells the halves of successive packets apart.
/// `None` if it does not fit two either, or is longer than what is split.
pub fn split(address: &Address, payload: &[u8], id: u16, max: usize) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let mut first = Vec::new();
    if address.header_len() + payload.len() <= max {
        write(address, payload, &mut first);
        return Some((first, None));
    }
    if payload.len() > MAX_SPLIT {
        return None;
    }
    let room = max.checked_sub(address.header_len() + 2)?;
    let (front, back) = payload.split_at_checked(room).filter(|(front, _)| !front.is_empty())?;
    if 1 + 2 + back.len() > max {
        return None;
    }
    first.reserve(max);
    address.write(FIRST_HALF, Some(id), &mut first);
    first.extend_from_slice(front);
    let mut second = Vec::with_capacity(1 + 2 + back.len());
    second.push(SECOND_HALF);
    second.extend_from_slice(&id.to_be_bytes());
    second.extend_from_slice(back);
    Some((first, Some(second)))
}

/// Brings halves together.
#[derive(Debug, Default)]
pub struct Rejoin {
    waiting: VecDeque<Half>,
}

#[derive(Debug)]
struct Half {
    id: u16,
    until: Instant,
    /// None in a second half.
    address: Option<Address>,
    payload: Box<[u8]>,
}

impl Rejoin {
    /// Takes a half that arrived; gives the packet if that completes one. A whole packet is given back as it is.
    pub fn push(&mut self, now: Instant, datagram: Datagram<'_>) -> Option<(Address, Vec<u8>)> {
        let (id, address, payload) = match datagram {
            Datagram::Whole(address, payload) => return Some((address, payload.to_vec())),
            Datagram::First(id, address, payload) => (id, Some(address), payload),
            Datagram::Second(id, payload) => (id, None, payload),
        };
        self.waiting.retain(|half| half.until > now);
        let other =
            self.waiting.iter().position(|half| half.id == id && half.address.is_some() != address.is_some());
        let Some(other) = other.and_then(|index| self.waiting.remove(index)) else {
            if self.waiting.len() >= MAX_HALVES {
                self.waiting.pop_front();
            }
            let until = now + REJOIN_WITHIN;
            self.waiting.push_back(Half { id, until, address, payload: payload.into() });
            return None;
        };
        let (address, front, back) = match (address, other.address) {
            (Some(address), None) => (address, payload, &*other.payload),
            (None, Some(address)) => (address, &*other.payload, payload),
            _ => return None,
        };
        let whole = [front, back].concat();
        (whole.len() <= MAX_SPLIT).then_some((address, whole))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test begins some time")]
mod tests {
    use super::super::{MAX_PACKET_HEADER, read};
    use super::*;
    use crate::SecretKey;

    fn addresses() -> [Address; 3] {
        let peer = SecretKey::from_bytes([7; 32]).node_id();
        [Address::Channel(5), Address::Bind(6, peer), Address::Peer(peer)]
    }

    #[test]
    fn a_packet_that_fits_travels_whole_and_another_in_two_halves() {
        let now = Instant::now();
        let payload: Vec<u8> = (0..1200_u32).map(|n| n as u8).collect();
        for address in addresses() {
            // A QUIC datagram on a path whose IP MTU is 1280 has room for some 1,150 bytes.
            for max in [1150, 1200 + MAX_PACKET_HEADER, 16_000] {
                let (first, second) = split(&address, &payload, 9, max).unwrap();
                assert_eq!(second.is_some(), max == 1150);
                let mut rejoin = Rejoin::default();
                let mut pieces = vec![&first];
                pieces.extend(&second);
                for order in 0..2 {
                    if order == 1 {
                        pieces.reverse();
                    }
                    let mut whole = None;
                    for piece in &pieces {
                        assert!(piece.len() <= max);
                        assert_eq!(whole, None);
                        whole = rejoin.push(now, read(piece).unwrap());
                    }
                    assert_eq!(whole, Some((address, payload.clone())));
                }
            }
        }
        assert_eq!(split(&addresses()[1], &payload, 0, 600), None, "not even in two");
        assert_eq!(split(&addresses()[1], &payload, 0, 10), None);
        assert_eq!(split(&addresses()[0], &[0; MAX_SPLIT + 1], 0, 1150), None, "QUIC finds a size that fits");
    }

    #[test]
    fn a_half_waits_for_a_tenth_of_a_second_and_few_wait_at_once() {
        let mut now = Instant::now();
        let mut rejoin = Rejoin::default();
        let [address, ..] = addresses();
        assert_eq!(rejoin.push(now, Datagram::First(1, address, b"a")), None);
        now += REJOIN_WITHIN;
        assert_eq!(rejoin.push(now, Datagram::Second(1, b"b")), None, "too late");
        for id in 2..=MAX_HALVES as u16 + 2 {
            assert_eq!(rejoin.push(now, Datagram::First(id, address, b"a")), None);
            assert!(rejoin.waiting.len() <= MAX_HALVES);
        }
        assert_eq!(rejoin.push(now, Datagram::Second(2, b"b")), None, "given up for a newer one");
        assert!(rejoin.push(now, Datagram::Second(MAX_HALVES as u16 + 2, b"b")).is_some());
    }

    #[test]
    fn two_first_halves_are_no_packet_and_nothing_grows_too_long() {
        let now = Instant::now();
        let mut rejoin = Rejoin::default();
        let [address, ..] = addresses();
        assert_eq!(rejoin.push(now, Datagram::First(1, address, b"a")), None);
        assert_eq!(rejoin.push(now, Datagram::First(1, address, b"b")), None);
        assert_eq!(rejoin.push(now, Datagram::Second(1, &[0; MAX_SPLIT])), None);
    }

    proptest::proptest! {
        #[test]
        fn anything_is_a_packet_or_an_error(bytes in proptest::collection::vec(0_u8.., 0..100)) {
            if let Ok(datagram) = read(&bytes) {
                let mut again = Vec::new();
                match datagram {
                    Datagram::Whole(address, payload) => write(&address, payload, &mut again),
                    Datagram::First(id, address, payload) => {
                        address.write(FIRST_HALF, Some(id), &mut again);
                        again.extend_from_slice(payload);
                    }
                    Datagram::Second(id, payload) => {
                        again.push(SECOND_HALF);
                        again.extend_from_slice(&id.to_be_bytes());
                        again.extend_from_slice(payload);
                    }
                }
                proptest::prop_assert_eq!(again, bytes);
            }
        }
    }
}
