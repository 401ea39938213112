//! How fast a disk writes and reads.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Written and read at once: as transfers do.
const BLOCK: usize = 1 << 20;

/// Writing, and then reading, stops after so long: a slow disk has shown by then that it is slow.
const LONGEST: Duration = Duration::from_secs(5);

/// What a disk did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DiskSpeed {
    /// Bytes written and read.
    pub(super) bytes: u64,
    /// How long writing took, until they were durable.
    pub(super) write: Duration,
    /// How long reading took.
    pub(super) read: Duration,
}

impl DiskSpeed {
    /// Bytes a second.
    pub(super) fn rates(&self) -> (f64, f64) {
        let rate = |time: Duration| self.bytes as f64 / time.as_secs_f64().max(1e-6);
        (rate(self.write), rate(self.read))
    }
}

/// Writes at most `bytes` into a new file in `dir`, makes them durable, reads them again, and removes the file. Blocks for some
/// seconds.
///
/// # Errors
/// What the operating system says.
pub(super) fn measure(dir: &Path, bytes: u64) -> io::Result<DiskSpeed> {
    let mut scratch = Scratch::create(dir)?;
    let mut block = vec![0; BLOCK];
    let mut noise = 0x9e37_79b9_7f4a_7c15;
    block.chunks_mut(8).for_each(|part| part.copy_from_slice(&next(&mut noise)));
    let start = Instant::now();
    let mut written: u64 = 0;
    while written < bytes && start.elapsed() < LONGEST {
        // No two blocks are equal: some filesystems store those once.
        block[..8].copy_from_slice(&written.to_le_bytes());
        let len = bytes.saturating_sub(written).min(BLOCK as u64);
        scratch.file.write_all(&block[..usize::try_from(len).unwrap_or(BLOCK)])?;
        written = written.saturating_add(len);
    }
    scratch.file.sync_all()?;
    let write = start.elapsed();

    forget(&scratch.file);
    scratch.file.rewind()?;
    let start = Instant::now();
    let mut read: u64 = 0;
    while read < written && start.elapsed() < LONGEST {
        let len = scratch.file.read(&mut block)?;
        if len == 0 {
            break;
        }
        read = read.saturating_add(len as u64);
    }
    // As if it had been read to its end.
    let read = start.elapsed().mul_f64(written as f64 / read.max(1) as f64);
    Ok(DiskSpeed { bytes: written, write, read })
}

/// Bytes that do not compress (xorshift64).
fn next(state: &mut u64) -> [u8; 8] {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    state.to_le_bytes()
}

/// Has the operating system forget what it keeps of the file in memory, where it lets itself be asked.
#[cfg(target_os = "linux")]
fn forget(file: &File) {
    // It is advice: where it is not taken, reading is as fast as memory, which the documentation says.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn forget(_: &File) {}

/// A file that leaves nothing behind: where the operating system allows it, it has no name from the beginning.
struct Scratch {
    file: File,
    left: Option<PathBuf>,
}

impl Scratch {
    fn create(dir: &Path) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let path = dir.join(format!(".foctet-bench-{}", crate::hex::encode(&random)));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        let left = std::fs::remove_file(&path).is_err().then_some(path);
        Ok(Self { file, left })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(path) = &self.left {
            // Some operating systems remove an open file only after its last handle is gone; its name goes at once.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_writes_what_was_asked_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let speed = measure(dir.path(), 3_000_000).unwrap();
        assert_eq!(speed.bytes, 3_000_000);
        let (write, read) = speed.rates();
        assert!(write > 0.0 && read > 0.0, "{speed:?}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_is_not_there_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let error = measure(&dir.path().join("none"), 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
