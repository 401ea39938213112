//! Who is here and what they may send, against a plain model: two bytes an operation, what and who.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use foctet_core::relay::Limit;
use foctet_core::relay::router::{
    Allowance, ClientLimits, JoinError, MAX_PAIRS, Rate, Roster, SWITCH_EVERY, Standing,
};
use foctet_core::{NodeId, SecretKey};

/// Clients that a roster takes, of `KEYS` that want to come.
const MAX: usize = 3;
const KEYS: u8 = 5;

const LIMITS: ClientLimits = ClientLimits {
    bytes: Rate { per_second: 10_000, burst: 4_000 },
    packets: Rate { per_second: 20, burst: 10 },
    pair: Rate { per_second: 2_000, burst: 1_500 },
    signals: Rate { per_second: 2, burst: 4 },
    splices: 2,
};

struct Here {
    serial: u64,
    since: Instant,
    standing: Standing,
}

pub(crate) fn run(data: &[u8]) {
    #[allow(clippy::disallowed_methods, reason = "a run begins some time")]
    let began = Instant::now();
    let mut now = began;
    let ids: Vec<NodeId> = (0..KEYS).map(|n| SecretKey::from_bytes([n + 1; 32]).node_id()).collect();
    let mut roster = Roster::new(MAX);
    let mut model: BTreeMap<NodeId, Here> = BTreeMap::new();
    let mut allowance = Allowance::new(now, LIMITS);
    let (mut bytes, mut packets, mut signals, mut splices, mut told) = (0_u64, 0_u64, 0_u64, 0_u32, 0_u64);
    for operation in data.chunks_exact(2) {
        let [what, who] = operation else { continue };
        let id = ids[usize::from(who % KEYS)];
        let standing = if who & 0x80 == 0 { Standing::Member } else { Standing::Guest };
        match what % 9 {
            0 => now += Duration::from_millis(u64::from(*who) * 10),
            1 => {
                let joined = roster.join(now, id, standing, id);
                match model.get(&id) {
                    Some(here) if now - here.since < SWITCH_EVERY => {
                        assert_eq!(joined.err(), Some(JoinError::InUse));
                        continue;
                    }
                    None if model.len() >= MAX => {
                        assert_eq!(joined.err(), Some(JoinError::Full));
                        continue;
                    }
                    known => {
                        let joined = joined.expect("there is room");
                        assert_eq!(joined.replaced, known.map(|_| id));
                        model.insert(id, Here { serial: joined.serial, since: now, standing });
                    }
                }
            }
            2 => {
                if let Some(here) = model.remove(&id) {
                    // An older leg's end changes nothing.
                    roster.leave(id, here.serial.wrapping_sub(1));
                    assert!(roster.route(Standing::Member, id).is_some());
                    roster.leave(id, here.serial);
                }
            }
            3 => {
                let there = model.get(&id);
                let both_guests =
                    standing == Standing::Guest && there.is_some_and(|here| here.standing == Standing::Guest);
                let expected = there.is_some() && !both_guests;
                assert_eq!(roster.route(standing, id), expected.then_some(&id));
            }
            4 => {
                let length = u64::from(*who) * 6;
                if allowance.packet(now, id, length).is_ok() {
                    bytes += length;
                    packets += 1;
                }
            }
            5 => signals += u64::from(allowance.signal(now).is_ok()),
            6 => {
                let allowed = allowance.splice();
                assert_eq!(allowed.is_ok(), splices < LIMITS.splices);
                splices += u32::from(allowed.is_ok());
            }
            7 => {
                allowance.splice_over();
                splices = splices.saturating_sub(1);
            }
            _ => told += u64::from(allowance.dropped(now, Limit::Bytes).is_some()),
        }
        assert_eq!(roster.len(), model.len());
        assert!(roster.len() <= MAX && usize::from(KEYS) <= MAX_PAIRS);
        // Never more than the burst and what has come since.
        let most =
            |rate: Rate| rate.burst + (rate.per_second as f64 * (now - began).as_secs_f64()).ceil() as u64;
        assert!(bytes <= most(LIMITS.bytes) && packets <= most(LIMITS.packets));
        assert!(signals <= most(LIMITS.signals));
        assert!(told <= 1 + (now - began).as_secs());
    }
}
