//! Content that is different at every offset and on every stream, and never held as a whole.

use crate::{Receiving, Sending, StreamEnded};

/// How much is written and read at a time.
const CHUNK: usize = 64 * 1024;

/// `len` bytes that depend on `seed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    seed: u64,
    len: usize,
}

impl Payload {
    /// Content of `len` bytes; two seeds share no run of it.
    pub fn new(seed: u64, len: usize) -> Self {
        Self { seed, len }
    }

    /// The bytes from `offset` on, as many as `out` takes. `offset` is a multiple of 8.
    fn fill(&self, offset: usize, out: &mut [u8]) {
        for (index, word) in out.chunks_mut(8).enumerate() {
            let mut z = self
                .seed
                .wrapping_mul(0xd6e8_feb8_6659_fd93)
                .wrapping_add((offset / 8 + index) as u64)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
            z ^= z >> 29;
            word.copy_from_slice(&z.to_le_bytes()[..word.len()]);
        }
    }

    /// Writes all of it, without finishing the stream.
    ///
    /// # Errors
    /// What ended the stream before everything was accepted.
    pub async fn write(&self, stream: &mut Sending) -> Result<(), StreamEnded> {
        let mut chunk = vec![0; CHUNK];
        let mut sent = 0;
        while sent < self.len {
            let take = CHUNK.min(self.len - sent);
            self.fill(sent, &mut chunk[..take]);
            stream.write_all(&chunk[..take]).await?;
            sent += take;
        }
        Ok(())
    }

    /// Writes all of it and finishes the stream.
    pub async fn send(&self, stream: &mut Sending) {
        self.write(stream).await.expect("the stream takes the whole payload");
        stream.finish();
    }

    /// Reads to the end of the stream, and panics where the content differs or is not exactly this long.
    pub async fn expect(&self, stream: &mut Receiving) {
        let received = self.expect_some(stream, 0, usize::MAX).await;
        assert_eq!(received, self.len, "the stream ended early");
    }

    /// Reads from `offset` until the end or at least `until` and returns how far it came; panics where the
    /// content differs or goes on too long.
    pub async fn expect_some(&self, stream: &mut Receiving, offset: usize, until: usize) -> usize {
        let mut buffer = vec![0; CHUNK];
        let mut wanted = vec![0; CHUNK + 16];
        let mut received = offset;
        while received < until {
            let Some(n) = stream.read(&mut buffer).await.expect("the stream is readable") else { break };
            assert!(received + n <= self.len, "more than the {} bytes sent", self.len);
            let lead = received % 8;
            self.fill(received - lead, &mut wanted);
            assert!(
                buffer[..n] == wanted[lead..lead + n],
                "content differs in the {n} bytes after {received}"
            );
            received += n;
        }
        received
    }
}
