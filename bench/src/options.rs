//! What to run, and how much of it.

use clap::Parser;

use crate::contestant::{self, Contestant};

/// foctet beside its peers: throughput, round trips and handshakes.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// Bytes of one throughput measurement, over all its streams (suffixes KiB, MiB, GiB).
    #[arg(long, default_value = "1GiB", value_parser = bytes)]
    pub(crate) bytes: u64,
    /// How often everything is measured; the tables show median (minimum to maximum).
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Round trips of one measurement.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) round_trips: u32,
    /// Handshakes of one measurement; a tenth as many are made cold.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) handshakes: u32,
    /// Only the contestants with this name, or with this at its start (repeatable).
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

impl Options {
    /// Those chosen, in the order of the tables.
    pub(crate) fn contestants(&self) -> anyhow::Result<Vec<Box<dyn Contestant>>> {
        let all = contestant::all();
        if let Some(unknown) =
            self.only.iter().find(|name| !all.iter().any(|contestant| contestant.name().starts_with(*name)))
        {
            let names: Vec<_> = all.iter().map(|contestant| contestant.name()).collect();
            anyhow::bail!("no contestant's name starts with {unknown:?}; there are {}", names.join(", "));
        }
        Ok(all
            .into_iter()
            .filter(|contestant| {
                self.only.is_empty() || self.only.iter().any(|name| contestant.name().starts_with(name))
            })
            .collect())
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
}
