use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// How long a refused peer has to take its alert.
const GOODBYE: Duration = Duration::from_secs(1);

/// What a refused peer may still send us in that time, in bytes; beyond it, it is cut off.
const DISCARDED: usize = 256 * 1024;

/// Ends a connection whose handshake failed, after our alert was written.
///
/// Closing a socket with unread input resets the connection, and the reset overtakes the alert: the peer would
/// learn nothing. So: end our side, take what still comes until the peer ends its own, and only then close.
pub(super) async fn goodbye(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let discard = async {
        stream.shutdown().await?;
        let mut buffer = [0; 4096];
        let mut discarded = 0_usize;
        while discarded < DISCARDED {
            match stream.read(&mut buffer).await? {
                0 => break,
                read => discarded = discarded.saturating_add(read),
            }
        }
        std::io::Result::Ok(())
    };
    timeout(GOODBYE, discard).await.ok();
}
