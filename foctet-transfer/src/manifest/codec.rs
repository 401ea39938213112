use super::{EntryKind, ManifestBuilder, ManifestError, NewEntry};

/// Kind, parent, mode, mtime, size, length of the name, length of the target.
const FIXED_LEN: usize = 1 + 4 + 2 + 8 + 8 + 2 + 2;
/// The parent of an entry at the top.
const NO_PARENT: u32 = u32::MAX;

/// Appends an entry as it travels. All numbers are big-endian:
///
/// ```text
/// kind 1 | parent 4 | mode 2 | mtime 8 | size 8 | name length 2 | target length 2 | name | target
/// ```
pub(crate) fn encode_entry(entry: &NewEntry<'_>, out: &mut Vec<u8>) {
    out.push(match entry.kind {
        EntryKind::File => 0,
        EntryKind::Directory => 1,
        EntryKind::Symlink => 2,
    });
    out.extend_from_slice(&entry.parent.unwrap_or(NO_PARENT).to_be_bytes());
    out.extend_from_slice(&entry.mode.to_be_bytes());
    out.extend_from_slice(&entry.mtime.to_be_bytes());
    out.extend_from_slice(&entry.size.to_be_bytes());
    // The builder has refused anything longer.
    out.extend_from_slice(&u16::try_from(entry.name.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(&u16::try_from(entry.target.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(entry.name);
    out.extend_from_slice(entry.target);
}

/// Takes entries from frames that each hold whole ones, into a [`ManifestBuilder`].
#[derive(Debug, Default)]
pub(crate) struct EntryDecoder {
    builder: ManifestBuilder,
}

impl EntryDecoder {
    pub(crate) fn new(builder: ManifestBuilder) -> Self {
        Self { builder }
    }

    /// Adds all entries of one frame.
    pub(crate) fn push_frame(&mut self, mut payload: &[u8]) -> Result<(), ManifestError> {
        if payload.is_empty() {
            return Err(ManifestError::Malformed("a frame without an entry"));
        }
        while !payload.is_empty() {
            payload = self.push_entry(payload)?;
        }
        Ok(())
    }

    fn push_entry<'a>(&mut self, payload: &'a [u8]) -> Result<&'a [u8], ManifestError> {
        const SHORT: ManifestError = ManifestError::Malformed("an entry ends early");
        let (fixed, rest) = payload.split_first_chunk::<FIXED_LEN>().ok_or(SHORT)?;
        let [kind, p0, p1, p2, p3, m0, m1, t @ ..] = *fixed;
        let [t0, t1, t2, t3, t4, t5, t6, t7, s0, s1, s2, s3, s4, s5, s6, s7, n0, n1, l0, l1] = t;
        let kind = match kind {
            0 => EntryKind::File,
            1 => EntryKind::Directory,
            2 => EntryKind::Symlink,
            _ => return Err(ManifestError::Malformed("an unknown kind of entry")),
        };
        let parent = u32::from_be_bytes([p0, p1, p2, p3]);
        let (name, rest) = rest.split_at_checked(u16::from_be_bytes([n0, n1]).into()).ok_or(SHORT)?;
        let (target, rest) = rest.split_at_checked(u16::from_be_bytes([l0, l1]).into()).ok_or(SHORT)?;
        let size = u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        if kind != EntryKind::File && size != 0 {
            return Err(ManifestError::Malformed("a size of something that is no file"));
        }
        if kind != EntryKind::Symlink && !target.is_empty() {
            return Err(ManifestError::Malformed("a target of something that is no link"));
        }
        self.builder.push(NewEntry {
            parent: (parent != NO_PARENT).then_some(parent),
            kind,
            name,
            mode: u16::from_be_bytes([m0, m1]),
            mtime: i64::from_be_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
            size,
            target,
        })?;
        Ok(rest)
    }

    pub(crate) fn builder(self) -> ManifestBuilder {
        self.builder
    }

    pub(crate) fn so_far(&self) -> &super::Manifest {
        self.builder.so_far()
    }
}
