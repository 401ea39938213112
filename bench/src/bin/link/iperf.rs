//! What the kernel's TCP makes of the link.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context as _;
use testbed::Node;

use crate::contest::Measured;
use crate::role::Role;

/// A server and a client of iperf3, until this is dropped.
pub(crate) struct Iperf {
    server: Role,
    client: Role,
}

impl Iperf {
    /// Starts both; the client sends for `seconds`.
    pub(crate) fn start(
        from: &Node,
        to: &Node,
        congestion: Option<&str>,
        seconds: u32,
    ) -> anyhow::Result<Self> {
        let mut server = to.command("iperf3");
        server.args(["-s", "--one-off"]);
        let server = Role::start(server)?;
        // It says that it listens only where its output is a terminal.
        sleep(Duration::from_millis(500));
        let mut client = from.command("iperf3");
        client.args([
            "--forceflush",
            "-f",
            "k",
            "-i",
            "1",
            "-t",
            &seconds.to_string(),
            "-c",
            &to.ipv4_text(),
        ]);
        if let Some(congestion) = congestion {
            client.args(["-C", congestion]);
        }
        client.stderr(Stdio::inherit());
        Ok(Self { server, client: Role::start(client)? })
    }

    /// Mean bits a second of the seconds from `warm_up` to `until`, as the sender counts them.
    pub(crate) fn rate(&mut self, warm_up: u32, until: u32) -> anyhow::Result<f64> {
        let (mut rates, mut second) = (Vec::new(), 0);
        while second < until {
            let line = self.client.line()?;
            let Some(rate) = line.split(" Kbits/sec").next().filter(|rate| rate.len() < line.len()) else {
                continue;
            };
            let rate: f64 = rate.split_whitespace().last().context("a rate")?.parse()?;
            if second >= warm_up {
                rates.push(rate * 1000.0);
            }
            second += 1;
        }
        Ok(rates.iter().sum::<f64>() / rates.len().max(1) as f64)
    }

    /// As the other contestants are measured.
    pub(crate) fn measure(
        from: &Node,
        to: &Node,
        congestion: Option<&str>,
        warm_up: u32,
        seconds: u32,
    ) -> anyhow::Result<Measured> {
        let mut running = Self::start(from, to, congestion, warm_up + seconds + 1)?;
        running.rate(warm_up, warm_up)?;
        let before = running.cpu()?;
        let rate = running.rate(0, seconds)?;
        Ok(Measured { rate, cpu: running.cpu()? - before, seconds: f64::from(seconds), beside: None })
    }

    fn cpu(&self) -> anyhow::Result<f64> {
        Ok(self.server.cpu()? + self.client.cpu()?)
    }
}

/// What the kernel calls its congestion control.
pub(crate) fn congestion_control() -> String {
    let file = "/proc/sys/net/ipv4/tcp_congestion_control";
    std::fs::read_to_string(file).map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}

/// Its version.
pub(crate) fn version() -> String {
    let output = Command::new("iperf3").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("iperf3, which is not there").to_owned()
}
