//! What both machines do by themselves.

use std::path::PathBuf;

use foctet_core::bench::FailCode;
use foctet_net::Transport;
use tokio::task::spawn_blocking;

use super::say;
use crate::args::BenchArgs;
use crate::bench::client::Client;
use crate::bench::disk::DiskSpeed;
use crate::bench::judgement::Abilities;
use crate::bench::{BenchError, disk, settings, speeds};
use crate::events::Event;
use crate::report::Report;

/// Most bytes written to a disk: a fast one needs half a second for them.
const DISK_BYTES: u64 = 256 << 20;

/// What is sealed at once: a full record of TLS, and a QUIC packet.
const RECORD: u32 = 16_384;
const PACKET: u32 = 1200;

/// What was measured once.
pub(super) struct Machines {
    pub(super) here: Abilities,
    pub(super) there: Abilities,
    /// Which disk was not measured, and why.
    pub(super) left_out: Vec<LeftOut>,
}

/// `disk-here` or `disk-there`, and why it was not measured.
pub(super) type LeftOut = (&'static str, String);

impl Machines {
    /// One thing after the other, since the machines may share a disk and a processor.
    pub(super) async fn measure(
        args: &BenchArgs,
        client: &mut Client,
        report: &Report,
    ) -> Result<Self, BenchError> {
        let mut left_out = Vec::new();
        say(report, "this machine's disk");
        let disk_here = if args.no_disk { None } else { disk_here(args, &mut left_out).await? };
        say(report, "the other machine's disk");
        let disk_there = disk_there(client, &mut left_out).await?;
        say(report, "sealing and hashing");
        let block = if client.connection().transport() == Transport::Tcp { RECORD } else { PACKET };
        let measuring = move || speeds::measure(&settings::cipher_suite(), block as usize);
        let here = spawn_blocking(measuring).await?;
        let there = client.speeds(block).await?;
        for (disk, why) in left_out.iter().filter(|_| report.people().is_none()) {
            report.event(&Event::Skipped { path: (*disk).to_owned(), why: why.clone() });
        }
        for (side, speed) in [("here", disk_here), ("there", disk_there)] {
            if let Some(speed) = speed {
                let (write, read) = speed.rates();
                report.event(&Event::Disk {
                    side,
                    bytes: speed.bytes,
                    write: write as u64,
                    read: read as u64,
                });
            }
        }
        for (side, speeds) in [("here", here), ("there", there)] {
            report.event(&Event::Speeds { side, seal: speeds.seal as u64, hash: speeds.hash as u64 });
        }
        let abilities = |disk: Option<DiskSpeed>, speeds: speeds::Speeds, cores| Abilities {
            disk: disk.map(|disk| disk.rates()),
            seal: speeds.seal,
            hash: speeds.hash,
            cores,
        };
        Ok(Self {
            here: abilities(disk_here, here, settings::cores()),
            there: abilities(disk_there, there, client.welcome().cores),
            left_out,
        })
    }
}

/// This machine's disk. Where the user named no directory, one that cannot be written to is no failure.
async fn disk_here(args: &BenchArgs, left_out: &mut Vec<LeftOut>) -> Result<Option<DiskSpeed>, BenchError> {
    let dir = args.dir.clone().unwrap_or_else(|| PathBuf::from("."));
    let place = dir.clone();
    let measured = spawn_blocking(move || disk::measure(&place, DISK_BYTES)).await?;
    match measured {
        Ok(speed) => Ok(Some(speed)),
        Err(source) if args.dir.is_some() => Err(BenchError::Disk { dir, source }),
        Err(source) => {
            let why = format!("this machine's disk was not measured: {source}; name a directory with --dir");
            left_out.push(("disk-here", why));
            Ok(None)
        }
    }
}

async fn disk_there(
    client: &mut Client,
    left_out: &mut Vec<LeftOut>,
) -> Result<Option<DiskSpeed>, BenchError> {
    let bytes = client.welcome().disk.min(DISK_BYTES);
    let measured =
        if bytes == 0 { Err(BenchError::Refused(FailCode::DiskLimit)) } else { client.disk(bytes).await };
    match measured {
        Ok(speed) => Ok(Some(speed)),
        Err(error @ (BenchError::RemoteDisk(_) | BenchError::Refused(FailCode::DiskLimit))) => {
            left_out.push(("disk-there", format!("the other machine's disk was not measured: {error}")));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
