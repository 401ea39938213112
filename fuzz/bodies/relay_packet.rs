//! The datagrams of a leg: each the length of its first byte, then so many bytes. Packets are split again and joined.

use std::time::{Duration, Instant};

use foctet_core::relay::packet::{Incoming, MAX_PACKET, Rejoin, read, split};

pub(crate) fn run(mut data: &[u8]) {
    // Any beginning does: what counts is what passes.
    #[allow(clippy::disallowed_methods, reason = "a run begins some time")]
    let mut now = Instant::now();
    let mut rejoin = Rejoin::default();
    let mut incoming = Incoming::new(4);
    while let Some((length, rest)) = data.split_first() {
        let (datagram, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        data = rest;
        now += Duration::from_millis(u64::from(*length) % 8);
        let Ok(parts) = read(datagram) else { continue };
        let Some((address, payload)) = rejoin.push(now, parts) else { continue };
        assert!((1..=MAX_PACKET).contains(&payload.len()));
        let resolved = incoming.resolve(address);
        if let Ok((peer, _)) = resolved {
            // Once bound, the same address names the same peer.
            assert_eq!(incoming.resolve(address), Ok((peer, None)));
        }
        for max in [64, 600, 1150, 2000] {
            let Some((first, second)) = split(&address, &payload, 1, max) else { continue };
            assert!(first.len() <= max && second.as_ref().is_none_or(|second| second.len() <= max));
            let mut again = Rejoin::default();
            let mut whole = again.push(now, read(&first).expect("what we write, we read"));
            if let Some(second) = &second {
                assert_eq!(whole, None);
                whole = again.push(now, read(second).expect("what we write, we read"));
            }
            assert_eq!(whole, Some((address, payload.clone())));
        }
    }
}
