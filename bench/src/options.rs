//! What to run, and how much of it.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// foctet beside its peers.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// Only these parts (repeatable); otherwise all of them.
    #[arg(long = "part", value_enum)]
    parts: Vec<Part>,
    /// Write each part into its section of this page, besides printing it.
    #[arg(long, value_name = "PAGE")]
    pub(crate) write: Option<PathBuf>,
    /// How often everything is measured; the tables show medians, with the lowest and the highest.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Only the contestants with this name, or with this at its start (repeatable).
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Only the measurements of the library with this at the start of their name (repeatable): throughput, round,
    /// streams, handshakes, cold.
    #[arg(long = "measure", value_name = "NAME")]
    measures: Vec<String>,
    #[command(flatten)]
    pub(crate) amounts: Amounts,
    /// Bytes of one measurement of a multiplexer in memory.
    #[arg(long, default_value = "1GiB", value_parser = bytes)]
    pub(crate) mux_bytes: u64,
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

/// How much of the library is measured at a time.
#[derive(Debug, Clone, Args)]
pub(crate) struct Amounts {
    /// Bytes of one throughput measurement, over all its streams (suffixes KiB, MiB, GiB).
    #[arg(long, default_value = "512MiB", value_parser = bytes)]
    pub(crate) bytes: u64,
    /// Round trips of one measurement.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) round_trips: u32,
    /// Streams of one measurement that opens them.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) streams: u32,
    /// Handshakes of one measurement; a tenth as many are made cold.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) handshakes: u32,
}

/// What the program is measured with.
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// Size of the large file.
    #[arg(long, default_value = "1GiB", value_parser = bytes)]
    pub(crate) file_bytes: u64,
    /// How many small files, of 4 KiB each.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) files: u32,
    /// Where to make the scratch directory, which is removed at the end; its file system is the one measured.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The program; otherwise it is built.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) foctet: Option<PathBuf>,
}

/// A part of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The library over loopback.
    Library,
    /// The library across a veth pair, which takes root on Linux.
    Veth,
    /// The multiplexer alone, in memory.
    Mux,
    /// The program: one large file, and one of a byte.
    File,
    /// The program: many small files.
    Tree,
}

/// What this program does when it starts itself.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// A contestant's server, until its standard input ends. Prints its card, and for each line read the CPU
    /// seconds used so far.
    #[command(hide = true)]
    Serve { contestant: String, address: IpAddr },
    /// Sends to a server over one stream. Prints Gbit/s and CPU seconds a GiB.
    #[command(hide = true)]
    Dial { contestant: String, server: String, from: IpAddr, bytes: u64 },
    /// Runs a command and writes what it used.
    #[command(hide = true)]
    Used(crate::files::used::Options),
    /// The floor's sender: prints its card, serves one receiver.
    #[command(hide = true)]
    FloorSend { path: PathBuf },
    /// The floor's receiver.
    #[command(hide = true)]
    FloorReceive { server: String, path: PathBuf },
}

impl Options {
    /// Whether a part is to be run.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }

    /// Whether a contestant is to take part.
    pub(crate) fn takes(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.starts_with(only))
    }

    /// Whether a measurement is to be taken.
    pub(crate) fn measures(&self, name: &str) -> bool {
        self.measures.is_empty() || self.measures.iter().any(|only| name.starts_with(only))
    }
}

fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| format!("{text:?} does not start with a number"))?;
    let unit = match unit {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        other => return Err(format!("unknown unit {other:?}; known are KiB, MiB, GiB")),
    };
    number.checked_mul(unit).filter(|&bytes| bytes > 0).ok_or_else(|| "out of range".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_suffixes() {
        assert_eq!(bytes("65536"), Ok(65_536));
        assert_eq!(bytes("3MiB"), Ok(3 << 20));
        for wrong in ["", "0", "MiB", "1GB", "-1", "99999999999GiB"] {
            assert!(bytes(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn without_a_choice_everything_runs() {
        let options = Options::parse_from(["bench"]);
        assert!(options.has(Part::Library) && options.has(Part::Tree) && options.takes("tls"));
        let options =
            Options::parse_from(["bench", "--part", "mux", "--only", "foctet", "--measure", "round"]);
        assert!(options.has(Part::Mux) && !options.has(Part::File));
        assert!(options.takes("foctet over tcp") && !options.takes("tls"));
        assert!(options.measures("round trips, 1 B") && !options.measures("handshakes"));
    }
}
