use super::{EntryKind, Manifest, ManifestBuilder, ManifestError, NewEntry};

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

    pub(crate) fn so_far(&self) -> &Manifest {
        self.builder.so_far()
    }
}

impl Manifest {
    /// All entries as they travel, one after the other.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.entries().for_each(|entry| encode_entry(&NewEntry::from(&entry), &mut out));
        out
    }

    /// Reads what [`Self::encode`] wrote and checks every rule.
    ///
    /// # Errors
    ///
    /// [`ManifestError`].
    pub fn decode(encoded: &[u8]) -> Result<Self, ManifestError> {
        let mut decoder = EntryDecoder::default();
        if !encoded.is_empty() {
            decoder.push_frame(encoded)?;
        }
        decoder.builder().finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Names that are accepted, names that collide, and names that are not accepted.
    fn name() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z]{1,3}", "[A-Za-zé.]{1,8}", any::<String>()]
    }

    /// Parent, kind, name, mode, time, size and target.
    type Columns = (Option<u32>, u8, String, u16, i64, u64, String);

    fn entries() -> impl Strategy<Value = Vec<Columns>> {
        let entry = (
            proptest::option::of(0u32..6),
            0u8..3,
            name(),
            0u16..0o1000,
            any::<i64>(),
            any::<u32>().prop_map(u64::from),
            "[a-z./]{0,12}",
        );
        proptest::collection::vec(entry, 0..24)
    }

    proptest! {
        #[test]
        fn what_is_accepted_survives_the_wire(entries in entries()) {
            let mut builder = ManifestBuilder::new();
            for (parent, kind, name, mode, mtime, size, target) in &entries {
                let (kind, size, target) = match kind {
                    0 => (EntryKind::File, *size, ""),
                    1 => (EntryKind::Directory, 0, ""),
                    _ => (EntryKind::Symlink, 0, target.as_str()),
                };
                let new = NewEntry {
                    parent: *parent,
                    kind,
                    name: name.as_bytes(),
                    mode: *mode,
                    mtime: *mtime,
                    size,
                    target: target.as_bytes(),
                };
                // Some break a rule, and the rest stays.
                builder.push(new).ok();
            }
            let encoded = builder.so_far().encode();
            match (Manifest::decode(&encoded), builder.finish()) {
                (Ok(decoded), Ok(built)) => {
                    prop_assert_eq!(&decoded, &built);
                    prop_assert_eq!(decoded.encode(), encoded);
                    for entry in decoded.entries() {
                        prop_assert!(entry.path().split('/').all(|name| crate::check_name(name.as_bytes()).is_ok()));
                    }
                }
                (decoded, built) => prop_assert_eq!(decoded.err(), built.err()),
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            Manifest::decode(&bytes).ok();
        }
    }
}
