use std::path::PathBuf;
use std::sync::Arc;

use super::fault::Fault;
use super::input::{Input, Scratch};
use super::wanted::Known;
use crate::content_root::ContentRoot;
use crate::error::{ProtocolError, ReceiveError};
use crate::manifest::{Entry, EntryKind, Manifest};
use crate::progress::Progress;
use crate::selection::Selection;
use crate::tree_hash::{GROUP_LEN, GroupHasher, TreeHash, group_count, group_len};
use crate::wire::{ANSWER_END, ANSWER_GROUP, ANSWER_VALUE, ANSWER_WHOLE, Failure, FailureCode};

/// Where verified content goes. All methods may block.
pub(crate) trait Sink: Send + 'static {
    /// What was written after [`verified`](Self::verified) was called last is going to be written again.
    fn rewind(&mut self);
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

/// Checks the answers to a request of every selected file, in order, and passes the content on. It outlives the
/// connection that the answers come over.
pub(super) struct Verifier<S> {
    pub(super) manifest: Arc<Manifest>,
    pub(super) selection: Arc<Selection>,
    pub(super) progress: Arc<Progress>,
    pub(super) sink: S,
    pub(super) root: ContentRoot,
    /// The first entry that is not complete.
    at: u32,
    /// What is here of the file `at`, once it has begun.
    tree: Option<TreeHash>,
}

/// Where verifying stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The first entry that is not complete.
    pub(super) entry: u32,
    /// How many of its groups are here.
    pub(super) groups: u64,
}

impl<S: Sink> Verifier<S> {
    pub(super) fn new(manifest: &Arc<Manifest>, selection: &Arc<Selection>, sink: S) -> Self {
        Self {
            manifest: Arc::clone(manifest),
            selection: Arc::clone(selection),
            progress: Arc::new(Progress::new(selection.bytes())),
            sink,
            root: ContentRoot::new(manifest),
            at: 0,
            tree: None,
        }
    }

    pub(super) fn position(&self) -> Position {
        Position { entry: self.at, groups: self.tree.as_ref().map_or(0, TreeHash::next) }
    }

    /// Goes on with the answers to what [`wanted`](super::wanted::Wanted) asks for from [`Self::position`] on.
    pub(super) fn run(&mut self, mut input: Input, known: Known) -> Result<(), Halt> {
        let manifest = Arc::clone(&self.manifest);
        let selection = Arc::clone(&self.selection);
        let mut scratch = Scratch::default();
        self.sink.rewind();
        let wanted = |index: &u32| {
            let entry = manifest.entry(*index);
            entry.filter(|entry| entry.kind() == EntryKind::File && selection.contains(entry.index()))
        };
        if known == Known::Forgotten {
            for entry in (0..self.at).filter_map(|index| wanted(&index)) {
                values(&mut input, group_count(entry.size()))?;
                answer(&mut input, ANSWER_WHOLE)?;
                // Its own hash was right when it came.
                input.array::<32>()?;
            }
        }
        for index in self.at..manifest.len() {
            if let Some(entry) = wanted(&index) {
                let hash = self.file(&entry, &mut input, known, &mut scratch)?;
                let noted = self.root.record(&manifest, &selection, index, hash);
                noted.map_err(|_| ProtocolError::TooFarAhead)?;
            }
            self.at = index.saturating_add(1);
            self.tree = None;
        }
        input.end()
    }

    fn file(
        &mut self,
        entry: &Entry<'_>,
        input: &mut Input,
        known: Known,
        scratch: &mut Scratch,
    ) -> Result<[u8; 32], Halt> {
        let groups = group_count(entry.size());
        let here = match &self.tree {
            Some(tree) => tree.next(),
            None => {
                self.sink.begin(entry)?;
                self.tree = Some(TreeHash::new(entry.size()));
                0
            }
        };
        match known {
            Known::Remembered if here > 0 && here == groups => values(input, 1)?,
            Known::Forgotten if here > 0 => {
                values(input, here)?;
                if here < groups {
                    answer(input, ANSWER_END)?;
                }
            }
            _ => {}
        }
        for group in here..groups {
            let value = self.group(entry, group, input, scratch)?;
            if let Some(tree) = &mut self.tree {
                tree.push(value);
            }
            self.progress.add(group_len(entry.size(), group) as u64, 0);
        }
        answer(input, ANSWER_WHOLE)?;
        let stated: [u8; 32] = input.array()?;
        match self.tree.as_ref().and_then(TreeHash::whole) {
            Some(hash) if hash == stated => {
                self.sink.end(entry)?;
                self.progress.add(0, 1);
                Ok(hash)
            }
            _ => Err(corrupt(entry).into()),
        }
    }

    fn group(
        &mut self,
        entry: &Entry<'_>,
        group: u64,
        input: &mut Input,
        scratch: &mut Scratch,
    ) -> Result<[u8; 32], Halt> {
        answer(input, ANSWER_GROUP)?;
        let len = group_len(entry.size(), group);
        let mut hasher = GroupHasher::new(entry.size(), group);
        let mut offset = group.saturating_mul(GROUP_LEN);
        let mut left = len;
        while left > 0 {
            let data = input.contiguous(left.min(STRIDE), scratch)?;
            hasher.update(data);
            self.sink.write(entry, offset, data)?;
            offset = offset.saturating_add(data.len() as u64);
            left = left.saturating_sub(data.len());
        }
        let value = hasher.finish();
        let stated: [u8; 32] = input.array()?;
        if stated != value {
            return Err(corrupt(entry).into());
        }
        self.sink.verified()?;
        Ok(value)
    }
}

/// Takes the next answer's kind, which must be this one.
fn answer(input: &mut Input, kind: u8) -> Result<(), Halt> {
    match input.byte()? {
        answered if answered == kind => Ok(()),
        other => Err(ProtocolError::UnknownAnswer(other).into()),
    }
}

/// Takes values of groups that are here. They need no comparison: the file's hash covers them.
fn values(input: &mut Input, count: u64) -> Result<(), Halt> {
    for _ in 0..count {
        answer(input, ANSWER_VALUE)?;
        input.array::<32>()?;
    }
    Ok(())
}

fn corrupt(entry: &Entry<'_>) -> Fault {
    let failure = Failure { entry: Some(entry.index()), ..Failure::new(FailureCode::Corrupt) };
    Fault::new(ReceiveError::Corrupt { path: PathBuf::from(entry.path()) }, failure)
}
