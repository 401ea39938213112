//! What was found out about two machines and the path between them, for people.

use foctet_core::bench::Welcome;

use super::Machines;
use crate::args::BenchArgs;
use crate::bench::figures::{Figures, significant};
use crate::bench::judgement::{Bound, Judgement};
use crate::bench::settings;
use crate::bench::table::Table;
use crate::events::Path;
use crate::report::{escape, whole_way};

/// What stands where nothing was measured.
const NOTHING: &str = "-";

/// All of it, in lines.
pub(super) fn write(
    args: &BenchArgs,
    welcome: Welcome,
    machines: &Machines,
    figures: &Figures,
    judgements: &[Judgement; 2],
    path: &Path,
    why_not_direct: Option<&str>,
) -> String {
    let mut text = format!("{}\n", settings::line(Some(welcome)));
    text.push_str(&format!("{}\n", settings::spread(args)));
    // Its round trip is in the table, as it was before the path was filled.
    let path = Path { rtt_ms: 0.0, ..path.clone() };
    text.push_str(&format!("The path: {}\n", whole_way(&path)));
    if let Some(why) = why_not_direct {
        text.push_str(&format!("Not direct: {}.\n", escape(why)));
    }
    text.push_str(&format!("\n{}\n{}\n", network(figures).render(), by_themselves(machines).render()));
    for (_, why) in &machines.left_out {
        text.push_str(&format!("{}.\n", escape(why)));
    }
    text.push_str("What bounds a transfer:\n");
    for (direction, judgement) in DIRECTIONS.iter().zip(judgements) {
        text.push_str(&format!("  {}: {}\n", direction.name, sentence(direction, judgement)));
    }
    text
}

fn network(figures: &Figures) -> Table {
    let all: Vec<_> = figures.all().collect();
    let cell = |scenario: &str, metric: &str| {
        let figure = all.iter().find(|figure| (figure.scenario, figure.metric) == (scenario, metric));
        figure.map_or_else(|| NOTHING.to_owned(), |figure| figure.summary())
    };
    let mut table = Table::new(&["from here to there", "from there to here"]);
    for (name, metric) in [
        ("network, MB/s", "throughput"),
        ("CPU seconds a GiB, here", "cpu-here"),
        ("CPU seconds a GiB, there", "cpu-there"),
    ] {
        table.row(name, ["send", "receive"].map(|scenario| cell(scenario, metric)));
    }
    table.row("round trip of 1 byte, us, median", [cell("round-trip-1", "p50")]);
    table.row("round trip of 1 byte, us, 99 % take less", [cell("round-trip-1", "p99")]);
    table
}

fn by_themselves(machines: &Machines) -> Table {
    let mb = |rate: f64| significant(rate / 1e6);
    let disk = |rate: Option<f64>| rate.map_or_else(|| NOTHING.to_owned(), mb);
    let both = [machines.here, machines.there];
    let mut table = Table::new(&["here", "there"]);
    table.row(
        "disk, written and durable, MB/s",
        both.map(|machine| disk(machine.disk.map(|(write, _)| write))),
    );
    table.row("disk, read, MB/s", both.map(|machine| disk(machine.disk.map(|(_, read)| read))));
    table.row("encrypted by one core, MB/s", both.map(|machine| mb(machine.seal)));
    table.row("hashed by one core, MB/s", both.map(|machine| mb(machine.hash)));
    table
}

/// A way that a transfer can go.
struct Direction {
    name: &'static str,
    sender: &'static str,
    receiver: &'static str,
}

const DIRECTIONS: [Direction; 2] = [
    Direction { name: "from here to there", sender: "this machine's", receiver: "the other machine's" },
    Direction { name: "from there to here", sender: "the other machine's", receiver: "this machine's" },
];

fn sentence(direction: &Direction, judgement: &Judgement) -> String {
    let name = |bound| match bound {
        Bound::SenderDisk => format!("{} disk, which is read from", direction.sender),
        Bound::ReceiverDisk => format!("{} disk, which is written to", direction.receiver),
        Bound::SenderCpu => format!("{} processor", direction.sender),
        Bound::ReceiverCpu => format!("{} processor", direction.receiver),
        Bound::Path => "the path".to_owned(),
    };
    let mb = |rate: f64| significant(rate / 1e6);
    let bound = format!("{}, at {} MB/s", name(judgement.bound), mb(judgement.rate));
    match (judgement.next, judgement.factor()) {
        (Some((next, rate)), Some(factor)) => {
            format!("{bound}; next is {}, at {} MB/s, {factor:.1} times that", name(next), mb(rate))
        }
        _ => bound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_names_the_bound_and_the_next_one() {
        let judgement = Judgement {
            bound: Bound::ReceiverDisk,
            rate: 50e6,
            next: Some((Bound::Path, 125e6)),
            all: vec![],
        };
        assert_eq!(
            sentence(&DIRECTIONS[1], &judgement),
            "this machine's disk, which is written to, at 50.0 MB/s; next is the path, at 125 MB/s, 2.5 times that"
        );
        let alone = Judgement { next: None, ..judgement };
        assert_eq!(
            sentence(&DIRECTIONS[0], &alone),
            "the other machine's disk, which is written to, at 50.0 MB/s"
        );
    }
}
