//! What a server measures by itself.

use std::sync::Arc;
use std::time::Duration;

use foctet_core::bench::{FailCode, Frame};
use foctet_transfer::wire::DiskCause;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::server::Server;
use super::visit::Control;
use crate::bench::usage::cpu_time;
use crate::bench::{BenchError, disk, frames, settings, speeds};

/// How long a client may take to take an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers until the client asks no more.
pub(super) async fn answer(server: &Server, control: &mut Control) -> Result<(), BenchError> {
    while let Some(question) = frames::read(&mut control.recv).await? {
        let answer = match question {
            Frame::Usage => Frame::Used { micros: cpu_time().map(micros) },
            Frame::Disk { bytes } => disk(server, bytes).await?,
            Frame::Speeds { block } => {
                let measuring = move || speeds::measure(&settings::cipher_suite(), block as usize);
                let speeds = alone(server, measuring).await?;
                Frame::SpeedsDone { seal: speeds.seal as u64, hash: speeds.hash as u64 }
            }
            _ => return Err(BenchError::Unexpected("a question")),
        };
        let answer = answer.encode();
        timeout(ANSWER_TIMEOUT, control.send.write_all(&answer)).await.map_err(|_| BenchError::Silent)??;
    }
    Ok(())
}

async fn disk(server: &Server, bytes: u64) -> Result<Frame, BenchError> {
    if !server.spend_disk(bytes) {
        return Ok(Frame::Fail { code: FailCode::DiskLimit, detail: 0 });
    }
    let dir = server.dir.clone();
    Ok(match alone(server, move || disk::measure(&dir, bytes)).await? {
        Ok(speed) => Frame::DiskDone {
            bytes: speed.bytes,
            write_micros: micros(speed.write),
            read_micros: micros(speed.read),
        },
        Err(error) => {
            tracing::info!(%error, "the disk cannot be measured");
            Frame::Fail { code: FailCode::Disk, detail: DiskCause::from(error.kind()).to_detail() }
        }
    })
}

/// Does blocking work while nobody else has this machine do any; also a client that is gone is waited for.
async fn alone<T: Send + 'static>(
    server: &Server,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BenchError> {
    let permit = Arc::clone(&server.work).acquire_owned().await;
    Ok(spawn_blocking(move || {
        let done = work();
        drop(permit);
        done
    })
    .await?)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
