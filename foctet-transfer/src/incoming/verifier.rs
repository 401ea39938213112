use std::path::PathBuf;
use std::sync::Arc;

use super::fault::Fault;
use super::input::{Input, Scratch};
use crate::content_root::ContentRoot;
use crate::error::{ProtocolError, ReceiveError};
use crate::manifest::{Entry, EntryKind, Manifest};
use crate::progress::Progress;
use crate::selection::Selection;
use crate::tree_hash::{GROUP_LEN, GroupHasher, TreeHash, group_count, group_len};
use crate::wire::{ANSWER_GROUP, ANSWER_WHOLE, Failure, FailureCode};

/// Where verified content goes. All methods may block.
pub(crate) trait Sink: Send + 'static {
    /// The next file begins.
    fn begin(&mut self, entry: &Entry<'_>) -> Result<(), Fault>;
    /// Bytes of the file, in order. They have not been verified.
    fn write(&mut self, entry: &Entry<'_>, offset: u64, data: &[u8]) -> Result<(), Fault>;
    /// Everything written so far is what the sender has.
    fn verified(&mut self) -> Result<(), Fault>;
    /// The file is complete and verified as a whole.
    fn end(&mut self, entry: &Entry<'_>) -> Result<(), Fault>;
}

/// Why verifying ended early.
pub(super) enum Halt {
    /// The other half of the pull gave up and knows why.
    Aborted,
    Fault(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<ProtocolError> for Halt {
    fn from(error: ProtocolError) -> Self {
        Self::Fault(error.into())
    }
}

/// Bytes hashed and written at once. Hashing is slow in the odd pieces of a stream; this much, put together, is still
/// in the processor's cache when it is hashed and again when it is written.
const STRIDE: usize = 128 << 10;

/// Checks the answers to a request of every selected file, in order, and passes the content on.
pub(super) struct Verifier<S> {
    pub(super) manifest: Arc<Manifest>,
    pub(super) selection: Arc<Selection>,
    pub(super) progress: Arc<Progress>,
    pub(super) input: Input,
    pub(super) sink: S,
}

impl<S: Sink> Verifier<S> {
    pub(super) fn run(mut self) -> Result<(S, ContentRoot), Halt> {
        let manifest = Arc::clone(&self.manifest);
        let mut root = ContentRoot::new(&manifest);
        let mut scratch = Scratch::default();
        for entry in manifest.entries() {
            if entry.kind() == EntryKind::File && self.selection.contains(entry.index()) {
                let hash = self.file(&entry, &mut scratch)?;
                let noted = root.record(&manifest, &self.selection, entry.index(), hash);
                noted.map_err(|_| ProtocolError::TooFarAhead)?;
            }
        }
        self.input.end()?;
        Ok((self.sink, root))
    }

    fn file(&mut self, entry: &Entry<'_>, scratch: &mut Scratch) -> Result<[u8; 32], Halt> {
        self.sink.begin(entry)?;
        let mut tree = TreeHash::new(entry.size());
        for group in 0..group_count(entry.size()) {
            let value = self.group(entry, group, scratch)?;
            tree.push(value);
        }
        match self.input.byte()? {
            ANSWER_WHOLE => {}
            kind => return Err(ProtocolError::UnknownAnswer(kind).into()),
        }
        let stated: [u8; 32] = self.input.array()?;
        match tree.whole() {
            Some(hash) if hash == stated => {
                self.sink.end(entry)?;
                self.progress.add(0, 1);
                Ok(hash)
            }
            _ => Err(corrupt(entry).into()),
        }
    }

    fn group(&mut self, entry: &Entry<'_>, group: u64, scratch: &mut Scratch) -> Result<[u8; 32], Halt> {
        match self.input.byte()? {
            ANSWER_GROUP => {}
            kind => return Err(ProtocolError::UnknownAnswer(kind).into()),
        }
        let len = group_len(entry.size(), group);
        let mut hasher = GroupHasher::new(entry.size(), group);
        let mut offset = group.saturating_mul(GROUP_LEN);
        let mut left = len;
        while left > 0 {
            let data = self.input.contiguous(left.min(STRIDE), scratch)?;
            hasher.update(data);
            self.sink.write(entry, offset, data)?;
            offset = offset.saturating_add(data.len() as u64);
            left = left.saturating_sub(data.len());
        }
        let value = hasher.finish();
        let stated: [u8; 32] = self.input.array()?;
        if stated != value {
            return Err(corrupt(entry).into());
        }
        self.sink.verified()?;
        self.progress.add(len as u64, 0);
        Ok(value)
    }
}

fn corrupt(entry: &Entry<'_>) -> Fault {
    let failure = Failure { entry: Some(entry.index()), ..Failure::new(FailureCode::Corrupt) };
    Fault::new(ReceiveError::Corrupt { path: PathBuf::from(entry.path()) }, failure)
}
