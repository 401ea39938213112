//! The library over loopback: every contestant's client and server in this process.

use std::net::{IpAddr, Ipv4Addr};

use crate::contestant::{self, Contestant};
use crate::goal::{self, Goal};
use crate::measure::{
    COLD, EIGHT_STREAMS, HANDSHAKES, LARGER_TRIP, Measure, ONE_STREAM, Pair, SMALL_TRIP, STREAMS_ALONE,
    STREAMS_TOGETHER,
};
use crate::options::Options;
use crate::page::Section;
use crate::results::{Metric, Results};
use crate::{settings, table};

/// The section of the page.
pub(crate) const SECTION: &str = "library";

const TCP: &str = "foctet over tcp";
const QUIC: &str = "foctet over quic";

const GOALS: [Goal; 25] = [
    Goal::at_least(TCP, ONE_STREAM[0], 0.85, "tls"),
    Goal::at_least(TCP, EIGHT_STREAMS[0], 0.85, "tls"),
    Goal::at_least(TCP, ONE_STREAM[0], 2.0, "yamux over tls"),
    Goal::at_least(TCP, EIGHT_STREAMS[0], 2.0, "yamux over tls"),
    Goal::at_least(TCP, ONE_STREAM[0], 3.0, "iroh"),
    Goal::at_least(TCP, EIGHT_STREAMS[0], 3.0, "iroh"),
    Goal::at_least(QUIC, ONE_STREAM[0], 1.2, "noq"),
    Goal::at_least(QUIC, EIGHT_STREAMS[0], 1.2, "noq"),
    Goal::at_least(QUIC, ONE_STREAM[0], 1.0, "quinn"),
    Goal::at_least(QUIC, EIGHT_STREAMS[0], 1.0, "quinn"),
    Goal::at_least(QUIC, ONE_STREAM[0], 1.0, "s2n-quic"),
    Goal::at_least(QUIC, EIGHT_STREAMS[0], 1.0, "s2n-quic"),
    Goal::beside(TCP, ONE_STREAM[1], "tls"),
    Goal::beside(QUIC, ONE_STREAM[1], "noq"),
    Goal::at_most(TCP, SMALL_TRIP[0], 1.3, "tls"),
    Goal::at_most(QUIC, SMALL_TRIP[0], 1.0, "quinn"),
    Goal::at_least(TCP, STREAMS_ALONE[0], 2.0, "yamux over tls"),
    Goal::at_least(TCP, STREAMS_TOGETHER[0], 2.0, "yamux over tls"),
    Goal::beside(QUIC, STREAMS_ALONE[0], "quinn"),
    Goal::beside(QUIC, STREAMS_TOGETHER[0], "quinn"),
    Goal::at_least(TCP, HANDSHAKES[0], 0.85, "tls"),
    Goal::beside(QUIC, HANDSHAKES[0], "noq"),
    Goal::within(TCP, COLD[0], 2.0),
    Goal::within(QUIC, COLD[0], 3.0),
    Goal::beside(QUIC, COLD[0], "iroh"),
];

const TABLES: [(&str, &[&[Metric]]); 4] = [
    ("Throughput", &[&ONE_STREAM, &EIGHT_STREAMS]),
    ("Round trips", &[&SMALL_TRIP, &LARGER_TRIP]),
    ("Streams of one byte", &[&STREAMS_ALONE, &STREAMS_TOGETHER]),
    ("Handshakes", &[&HANDSHAKES, &COLD]),
];

/// Runs it and gives the section.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Section> {
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let contestants: Vec<Box<dyn Contestant>> =
        contestant::all().into_iter().filter(|contestant| options.takes(contestant.name())).collect();
    let mut pairs = Vec::new();
    for contestant in &contestants {
        let server = contestant.serve(here).await?;
        pairs.push(Pair { contestant: contestant.as_ref(), server, from: here });
    }
    let settings = settings::library(options);
    let mut results = Results::default();
    for round in 1..=options.rounds {
        for measure in Measure::ALL.into_iter().filter(|measure| options.measures(&measure.to_string())) {
            for pair in pairs.iter().filter(|pair| measure.suits(pair.contestant)) {
                let name = pair.contestant.name();
                eprintln!("library, round {round} of {}: {measure}, {name}", options.rounds);
                let figures = measure.take(pair, &options.amounts).await;
                results.add(name, measure.metrics(), round, &figures);
            }
        }
    }
    let names: Vec<_> = pairs.iter().map(|pair| pair.contestant.name()).collect();
    let mut text = format!("{settings}\n{}", goal::table(&GOALS, &results));
    for (title, columns) in TABLES {
        let columns = columns.concat();
        text += &format!("\n### {title}\n\n{}", table::table(&results, "contestant", &names, &columns));
    }
    Ok(Section { text, failed: results.has_failures() })
}
