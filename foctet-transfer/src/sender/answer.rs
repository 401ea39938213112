use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::fault::Fault;
use super::session::Session;
use super::stream::Chunk;
use crate::error::{ProtocolError, SendError};
use crate::offer::{Source, SourceError, disk_error};
use crate::os;
use crate::tree_hash::{GROUP_LEN, GroupHasher, TreeHash, group_count, group_len};
use crate::wire::{
    ANSWER_END, ANSWER_GROUP, ANSWER_VALUE, ANSWER_WHOLE, DiskCause, Failure, FailureCode, Range,
    SourceChange,
};

/// Room for a whole group and what stands around it. Small files share a chunk.
const CHUNK_LEN: usize = GROUP_LEN as usize + 4096;
/// The most that stands around a group's bytes: a kind and its value before, a kind and the file's hash behind.
const AROUND_GROUP: usize = 2 * (1 + 32);

/// Reads, hashes and packs what one data stream asks for, on a thread of its own.
pub(super) struct Answerer {
    session: Arc<Session>,
    source: Source,
    chunks: mpsc::Sender<Chunk>,
    out: Vec<u8>,
    content: u64,
    files: u32,
}

enum Halt {
    /// Nobody takes the answers any more; whoever knows why says so elsewhere.
    Unwanted,
    Fault(Fault),
}

impl From<ProtocolError> for Halt {
    fn from(error: ProtocolError) -> Self {
        Self::Fault(error.into())
    }
}

impl Answerer {
    pub(super) fn new(session: Arc<Session>, chunks: mpsc::Sender<Chunk>) -> Self {
        let source = Source::new(Arc::clone(&session.offer));
        Self { session, source, chunks, out: Vec::new(), content: 0, files: 0 }
    }

    /// Answers until there are no more requests.
    pub(super) fn run(mut self, mut wanted: mpsc::Receiver<Vec<Range>>) -> Result<(), Fault> {
        let result = self.answer_all(&mut wanted);
        match result {
            Ok(()) | Err(Halt::Unwanted) => Ok(()),
            Err(Halt::Fault(fault)) => Err(fault),
        }
    }

    fn answer_all(&mut self, wanted: &mut mpsc::Receiver<Vec<Range>>) -> Result<(), Halt> {
        while let Some(ranges) = self.next_request(wanted)? {
            for range in &ranges {
                self.answer(range)?;
            }
        }
        self.flush()
    }

    /// The next request. What is packed leaves before this waits for one.
    fn next_request(&mut self, wanted: &mut mpsc::Receiver<Vec<Range>>) -> Result<Option<Vec<Range>>, Halt> {
        if let Ok(ranges) = wanted.try_recv() {
            return Ok(Some(ranges));
        }
        self.flush()?;
        Ok(wanted.blocking_recv())
    }

    fn answer(&mut self, range: &Range) -> Result<(), Halt> {
        let size = self.session.offer.manifest().entry(range.entry).map_or(0, |entry| entry.size());
        let opened = self.source.open(range.entry);
        let (file, opened) = opened.map_err(|error| self.source_fault(range.entry, error))?;
        // The groups of a larger file are noted one by one, so that a receiver whose connection is lost in the middle
        // of it can go on from there.
        let in_one_go = range.first == 0 && range.count == group_count(size) && range.count <= 1;
        let mut tree = TreeHash::new(size);
        let mut whole = None;
        for group in range.first..range.first.saturating_add(range.count) {
            let value = self.answer_group(range, &file, size, group)?;
            if in_one_go {
                tree.push(value);
            } else {
                whole = self.session.note_group(range, size, group, value)?.or(whole);
            }
        }
        // The file has been read; only now is it known whether it was the same all the time.
        let same = self.source.check_again(range.entry, &file, &opened);
        same.map_err(|error| self.source_fault(range.entry, error))?;
        if in_one_go {
            whole = tree.whole();
        }
        self.make_room(1 + 32)?;
        match whole {
            Some(hash) => {
                self.out.push(ANSWER_WHOLE);
                self.out.extend_from_slice(&hash);
                self.files += u32::from(self.session.note_file(range.entry, hash)?);
            }
            None => self.out.push(ANSWER_END),
        }
        Ok(())
    }

    fn answer_group(
        &mut self,
        range: &Range,
        file: &std::fs::File,
        size: u64,
        group: u64,
    ) -> Result<[u8; 32], Halt> {
        let len = group_len(size, group);
        self.make_room(len + AROUND_GROUP)?;
        self.out.push(if range.values_only { ANSWER_VALUE } else { ANSWER_GROUP });
        let start = self.out.len();
        let read = os::read_at_least(file, &mut self.out, group.saturating_mul(GROUP_LEN), len);
        if let Err(error) = read {
            let manifest = self.session.offer.manifest();
            let error = match manifest.entry(range.entry) {
                Some(entry) => SourceError::Disk(disk_error(&entry, &error)),
                None => SourceError::Changed(SourceChange::Unknown),
            };
            return Err(self.source_fault(range.entry, error));
        }
        // More may have come, of the next group or of a file that grew.
        self.out.truncate(start + len);
        let mut hasher = GroupHasher::new(size, group);
        let bytes = self.out.get(start..).unwrap_or_default();
        if bytes.len() < len {
            return Err(self.source_fault(range.entry, SourceError::Changed(SourceChange::Shrank)));
        }
        hasher.update(bytes);
        let value = hasher.finish();
        if range.values_only {
            self.out.truncate(start);
        } else {
            self.content += len as u64;
        }
        self.out.extend_from_slice(&value);
        Ok(value)
    }

    /// Makes sure that `len` more bytes fit into the chunk without moving it.
    fn make_room(&mut self, len: usize) -> Result<(), Halt> {
        if self.out.capacity() - self.out.len() < len {
            self.flush()?;
            self.out = Vec::with_capacity(CHUNK_LEN.max(len));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Halt> {
        if self.out.is_empty() {
            return Ok(());
        }
        let chunk = Chunk {
            bytes: Bytes::from(std::mem::take(&mut self.out)),
            content: std::mem::take(&mut self.content),
            files: std::mem::take(&mut self.files),
        };
        self.chunks.blocking_send(chunk).map_err(|_| Halt::Unwanted)
    }

    fn source_fault(&self, entry: u32, error: SourceError) -> Halt {
        let path = self.session.offer.manifest().entry(entry).map(|entry| PathBuf::from(entry.path()));
        let (error, code, detail) = match error {
            SourceError::Changed(how) => {
                let error = SendError::SourceChanged { path: path.unwrap_or_default(), how };
                (error, FailureCode::SourceChanged, how.to_detail())
            }
            SourceError::Disk(error) => {
                let detail = DiskCause::from(error.kind).to_detail();
                (SendError::Source(error), FailureCode::SourceUnreadable, detail)
            }
        };
        Halt::Fault(Fault { error, failure: Some(Failure { code, entry: Some(entry), detail }) })
    }
}
