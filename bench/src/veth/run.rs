//! The namespaces, and who runs in them.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use testbed::{Node, Testbed, Uplink};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::goal::{self, Goal};
use crate::measure::ONE_STREAM;
use crate::options::Options;
use crate::page::Section;
use crate::results::{Figures, Results};
use crate::{contestant, settings, table};

/// The addresses of the two ends of the pair.
const NEAR: &str = "10.77.0.1";
const FAR: &str = "10.77.0.2";

/// Longer than the slowest contestant needs.
const PATIENCE: Duration = Duration::from_secs(120);

const TCP: &str = "foctet over tcp";
const QUIC: &str = "foctet over quic";

const GOALS: [Goal; 8] = [
    Goal::at_least(TCP, ONE_STREAM[0], 0.85, "tls"),
    Goal::at_least(TCP, ONE_STREAM[0], 2.0, "yamux over tls"),
    Goal::at_least(TCP, ONE_STREAM[0], 3.0, "iroh"),
    Goal::at_least(QUIC, ONE_STREAM[0], 1.2, "noq"),
    Goal::at_least(QUIC, ONE_STREAM[0], 1.0, "quinn"),
    Goal::at_least(QUIC, ONE_STREAM[0], 1.0, "s2n-quic"),
    Goal::beside(TCP, ONE_STREAM[1], "tls"),
    Goal::beside(QUIC, ONE_STREAM[1], "noq"),
];

/// Runs it and gives the section.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Section> {
    if let Err(reason) = Testbed::available() {
        let text = format!("SKIPPED: {reason}\n");
        eprintln!("veth: {}", text.trim());
        return Ok(Section { text, failed: false });
    }
    let mut bed = Testbed::new("veth")?;
    let near = bed.public_host("near", &Uplink::default())?;
    let far = bed.public_host("far", &Uplink::default())?;
    // A pair of their own: the way through the testbed's internet is two pairs and a router.
    near.run(
        "ip",
        ["link", "add", "pair0", "type", "veth", "peer", "name", "pair0", "netns", far.namespace()],
    )?;
    for (node, address) in [(&near, NEAR), (&far, FAR)] {
        node.run("ip", ["addr", "add", &format!("{address}/30"), "dev", "pair0"])?;
        node.run("ip", ["link", "set", "pair0", "mtu", "1500", "up"])?;
    }
    let settings = settings::veth(options);
    let names: Vec<_> = contestant::all()
        .iter()
        .map(|contestant| contestant.name())
        .filter(|name| options.takes(name))
        .collect();
    let mut results = Results::default();
    for round in 1..=options.rounds {
        for &name in &names {
            eprintln!("veth, round {round} of {}: {name}", options.rounds);
            let figures = measure(&near, &far, name, options.amounts.bytes).await.unwrap_or_else(|error| {
                eprintln!("  failed: {error:#}");
                Figures::new()
            });
            results.add(name, &ONE_STREAM, round, &figures);
        }
    }
    let text = format!(
        "{settings}\n{}\n{}",
        goal::table(&GOALS, &results),
        table::table(&results, "contestant", &names, &ONE_STREAM)
    );
    Ok(Section { text, failed: results.has_failures() })
}

async fn measure(near: &Node, far: &Node, name: &str, bytes: u64) -> anyhow::Result<Figures> {
    let mut server = Process::start(far, &["serve", name, FAR])?;
    let card = server.line().await?;
    let before: f64 = server.ask().await?.parse()?;
    let mut dialler = Process::start(near, &["dial", name, &card, NEAR, &bytes.to_string()])?;
    let line = dialler.line().await?;
    let used = server.ask().await?.parse::<f64>()? - before;
    let (rate, cpu) = line.split_once(' ').context("two figures")?;
    let gibibytes = bytes as f64 / (1u64 << 30) as f64;
    Ok(vec![(ONE_STREAM[0], rate.parse()?), (ONE_STREAM[1], cpu.parse::<f64>()? + used / gibibytes)])
}

/// This program in a role, on a node. It is killed when this is dropped.
struct Process {
    _child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    fn start(node: &Node, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::from(node.command(std::env::current_exe()?))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take().context("its input")?;
        let output = child.stdout.take().context("its output")?;
        Ok(Self { _child: child, input, lines: BufReader::new(output).lines() })
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        let line = timeout(PATIENCE, self.lines.next_line()).await.context("it says nothing")??;
        line.context("it ended early")
    }

    async fn ask(&mut self) -> anyhow::Result<String> {
        self.input.write_all(b"\n").await?;
        self.input.flush().await?;
        self.line().await
    }
}
