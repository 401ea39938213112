//! What bounds a transfer. All rates are bytes a second.

use super::client::Cpu;
use super::measures::Throughput;

/// A side that kept a core busy for so much of the time was what held the network test up: the rest goes to waking and to
/// whatever else the machine does.
const BUSY: f64 = 0.85;

/// Something that a transfer cannot be faster than.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    SenderDisk,
    ReceiverDisk,
    SenderCpu,
    ReceiverCpu,
    Path,
}

impl Bound {
    /// As in events.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SenderDisk => "sender-disk",
            Self::ReceiverDisk => "receiver-disk",
            Self::SenderCpu => "sender-cpu",
            Self::ReceiverCpu => "receiver-cpu",
            Self::Path => "path",
        }
    }
}

/// What one side can do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Side {
    /// The disk: of a sender reading, of a receiver writing. None where it was not measured.
    pub(super) disk: Option<f64>,
    /// Hashed on one core.
    pub(super) hash: f64,
    pub(super) cores: f64,
    /// Cores kept busy by the network test; none where that is not known.
    pub(super) busy: Option<f64>,
}

/// What bounds a transfer, and what would bound it next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judgement {
    pub(super) bound: Bound,
    pub(super) rate: f64,
    /// None where nothing else is known.
    pub(super) next: Option<(Bound, f64)>,
    /// Every rate that is known, the lowest first. The path is not among them where a processor was the bound of the network test: it
    /// may carry more.
    pub(super) all: Vec<(Bound, f64)>,
}

impl Judgement {
    /// How many times the rate of what bounds the next one allows.
    pub(super) fn factor(&self) -> Option<f64> {
        self.next.map(|(_, rate)| rate / self.rate.max(f64::MIN_POSITIVE))
    }
}

/// Judges by a network test of this rate.
pub(super) fn judge(network: f64, sender: Side, receiver: Side) -> Judgement {
    let [sending, receiving] = [sender, receiver].map(|side| cpu_rate(network, side));
    let by_cpu = [sender, receiver]
        .iter()
        .any(|side| side.busy.is_some_and(|busy| busy >= BUSY * side.cores.min(1.0)));
    let known = [
        (Bound::Path, Some(network).filter(|_| !by_cpu)),
        (Bound::SenderDisk, sender.disk),
        (Bound::ReceiverDisk, receiver.disk),
        (Bound::SenderCpu, Some(sending)),
        (Bound::ReceiverCpu, Some(receiving)),
    ];
    let mut all: Vec<(Bound, f64)> =
        known.into_iter().filter_map(|(bound, rate)| Some((bound, rate?))).collect();
    all.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let (bound, rate) = all.first().copied().unwrap_or((Bound::Path, network));
    Judgement { bound, rate, next: all.get(1).copied(), all }
}

/// What a side's processor allows: its connection drives about one core, hashing another one, and together no more than
/// there are.
fn cpu_rate(network: f64, side: Side) -> f64 {
    let Some(busy) = side.busy.filter(|busy| *busy > 0.0) else { return side.hash };
    let connection = network * busy.max(1.0) / busy;
    let together =
        side.cores / (busy / network.max(f64::MIN_POSITIVE) + 1.0 / side.hash.max(f64::MIN_POSITIVE));
    connection.min(side.hash).min(together)
}

/// Both directions: from here to the other side, and from there to here.
pub(super) fn both(
    sent: &Throughput,
    received: &Throughput,
    here: &Abilities,
    there: &Abilities,
) -> [Judgement; 2] {
    let side = |abilities: &Abilities, disk: Option<f64>, busy: Option<f64>| Side {
        disk,
        hash: abilities.hash,
        cores: f64::from(abilities.cores.max(1)),
        busy,
    };
    let Cpu { here: here_sending, there: there_receiving } = sent.busy;
    let Cpu { here: here_receiving, there: there_sending } = received.busy;
    [
        judge(
            sent.rate,
            side(here, here.reads(), here_sending),
            side(there, there.writes(), there_receiving),
        ),
        judge(
            received.rate,
            side(there, there.reads(), there_sending),
            side(here, here.writes(), here_receiving),
        ),
    ]
}

/// What a machine does by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Abilities {
    /// Bytes a second written and read; none where the disk was not measured.
    pub(super) disk: Option<(f64, f64)>,
    /// Sealed on one core.
    pub(super) seal: f64,
    /// Hashed on one core.
    pub(super) hash: f64,
    pub(super) cores: u32,
}

impl Abilities {
    fn writes(&self) -> Option<f64> {
        self.disk.map(|(write, _)| write)
    }

    fn reads(&self) -> Option<f64> {
        self.disk.map(|(_, read)| read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: f64 = 1e6;

    fn side(disk: f64, busy: f64) -> Side {
        Side { disk: Some(disk * MB), hash: 4000.0 * MB, cores: 4.0, busy: Some(busy) }
    }

    #[test]
    fn a_slow_path_is_the_bound_and_the_next_one_is_named() {
        let judgement = judge(12.0 * MB, side(500.0, 0.02), side(120.0, 0.03));
        assert_eq!((judgement.bound, judgement.rate), (Bound::Path, 12.0 * MB));
        assert_eq!(judgement.next, Some((Bound::ReceiverDisk, 120.0 * MB)));
        assert_eq!(judgement.factor(), Some(10.0));
    }

    #[test]
    fn each_disk_is_found() {
        assert_eq!(judge(100.0 * MB, side(30.0, 0.2), side(500.0, 0.2)).bound, Bound::SenderDisk);
        assert_eq!(judge(100.0 * MB, side(500.0, 0.2), side(30.0, 0.2)).bound, Bound::ReceiverDisk);
    }

    #[test]
    fn a_busy_core_is_the_bound_and_the_path_may_carry_more() {
        let judgement = judge(300.0 * MB, side(2000.0, 0.5), side(2000.0, 0.95));
        assert_eq!(judgement.bound, Bound::ReceiverCpu);
        assert!(judgement.all.iter().all(|(bound, _)| *bound != Bound::Path));
        // The sender was half busy: it could do twice as much.
        assert_eq!(judgement.next, Some((Bound::SenderCpu, 600.0 * MB)));
    }

    #[test]
    fn on_one_core_hashing_takes_its_share() {
        let slow = Side { disk: None, hash: 60.0 * MB, cores: 1.0, busy: Some(0.5) };
        let judgement = judge(50.0 * MB, slow, side(500.0, 0.1));
        // Each byte takes a hundredth of a microsecond for the connection, and a sixtieth for its hash.
        assert_eq!(judgement.next.map(|(bound, _)| bound), Some(Bound::Path));
        assert_eq!(judgement.bound, Bound::SenderCpu);
        assert!((judgement.rate - 37.5 * MB).abs() < 1.0, "{judgement:?}");
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let unknown = Side { disk: None, hash: 4000.0 * MB, cores: 4.0, busy: None };
        let judgement = judge(100.0 * MB, unknown, unknown);
        assert_eq!(judgement.bound, Bound::Path);
        assert_eq!(judgement.next, Some((Bound::SenderCpu, 4000.0 * MB)));
    }
}
