use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::fault::Fault;
use super::tally::Tally;
use crate::content_root::ContentRoot;
use crate::error::ProtocolError;
use crate::event::Summary;
use crate::manifest::EntryKind;
use crate::offer::Offer;
use crate::progress::Progress;
use crate::selection::Selection;
use crate::tree_hash::group_count;
use crate::wire::{Frame, Range};

/// What the streams of one receiver share.
pub(super) struct Session {
    pub(super) offer: Arc<Offer>,
    pub(super) progress: Progress,
    pub(super) stall_timeout: Duration,
    selection: Selection,
    record: Mutex<Record>,
    started: Instant,
    concluded: AtomicBool,
}

/// What has been read and hashed for this receiver.
struct Record {
    root: ContentRoot,
    tally: Tally,
}

impl Session {
    /// Whether this is what the receiver consented to before.
    pub(super) fn is_for(&self, selection: &Selection) -> bool {
        self.selection == *selection
    }

    pub(super) fn new(offer: Arc<Offer>, selection: Selection, stall_timeout: Duration) -> Self {
        let root = ContentRoot::new(offer.manifest());
        let progress = Progress::new(selection.bytes());
        let record = Mutex::new(Record { root, tally: Tally::default() });
        Self {
            offer,
            progress,
            stall_timeout,
            selection,
            record,
            started: Instant::now(),
            concluded: AtomicBool::new(false),
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Every change is complete before anything can panic.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a range may be asked for.
    pub(super) fn check(&self, range: &Range) -> Result<(), ProtocolError> {
        let entry = self.offer.manifest().entry(range.entry).ok_or(ProtocolError::NotOffered)?;
        let groups = group_count(entry.size());
        let end = range.first.checked_add(range.count).ok_or(ProtocolError::NotOffered)?;
        let is_file = entry.kind() == EntryKind::File && self.selection.contains(range.entry);
        // An empty file has one range, which is empty.
        if is_file && end <= groups && (range.count > 0 || groups == 0) {
            Ok(())
        } else {
            Err(ProtocolError::NotOffered)
        }
    }

    /// Notes a group of a file that is not read in one go. Returns the hash of the file once every group is known.
    pub(super) fn note_group(
        &self,
        range: &Range,
        size: u64,
        group: u64,
        value: [u8; 32],
    ) -> Result<Option<[u8; 32]>, ProtocolError> {
        let noted = self.record().tally.add(range.entry, size, group, value);
        noted.map_err(|_| ProtocolError::TooFarAhead)
    }

    /// Notes the hash of a file. Returns whether it was the first time.
    pub(super) fn note_file(&self, entry: u32, hash: [u8; 32]) -> Result<bool, ProtocolError> {
        let noted = self.record().root.record(self.offer.manifest(), &self.selection, entry, hash);
        noted.map_err(|_| ProtocolError::TooFarAhead)
    }

    /// Compares what the receiver reports with what was sent.
    pub(super) fn verify(&self, done: Frame) -> Result<[u8; 32], Fault> {
        let mut record = self.record();
        let (files, bytes) = record.root.counted();
        match (record.root.finish(self.offer.manifest(), &self.selection), done) {
            (Some(sent), Frame::Done { root, files: f, bytes: b })
                if (sent, files, bytes) == (root, f, b) =>
            {
                Ok(sent)
            }
            _ => Err(ProtocolError::WrongResult.into()),
        }
    }

    /// The receiver has everything. Returns whether that was known before.
    pub(super) fn conclude(&self) -> bool {
        self.progress.complete();
        self.concluded.swap(true, Ordering::Relaxed)
    }

    pub(super) fn summary(&self, root: [u8; 32], repeated: bool) -> Summary {
        let elapsed = self.started.elapsed();
        let manifest = self.offer.manifest();
        let record = self.record();
        let (files, bytes) = record.root.counted();
        let blake3 = match manifest.single_file() {
            Some(file) => record.root.last_file(file.index()).unwrap_or(root),
            None => root,
        };
        Summary { bytes, files, left_out: manifest.files().saturating_sub(files), blake3, elapsed, repeated }
    }
}
