use crate::escape::Escaped;
use crate::name::NameRule;

/// An entry that would be dangerous to write, and why. A manifest with one is refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {rule}", Escaped::bytes(.path))]
pub struct UnsafeContent {
    /// The entry's path as far as it is known, as it came: show it through [`Escaped::bytes`].
    pub path: Vec<u8>,
    /// The entry's index in the manifest.
    pub entry: u32,
    /// The rule it breaks.
    pub rule: Rule,
}

/// Why an entry is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// The name itself.
    #[error(transparent)]
    Name(#[from] NameRule),
    /// The path is longer than [`MAX_PATH_LEN`](super::MAX_PATH_LEN).
    #[error("the path is longer than 4095 bytes")]
    PathTooLong,
    /// The path has more components than [`MAX_DEPTH`](super::MAX_DEPTH).
    #[error("the path has more than 256 components")]
    TooDeep,
    /// Another entry of the directory has the same name after case folding and Unicode normalisation.
    #[error("another entry has this name, or one that differs only in case or normalisation")]
    Duplicate,
    /// The parent is a file or a symbolic link.
    #[error("what should be its directory is a file or a link")]
    ParentNotDirectory,
    /// The parent comes later or not at all.
    #[error("its directory is not listed before it")]
    ParentUnknown,
    /// Mode bits beyond read, write and execute (set-user-id, set-group-id, sticky).
    #[error("it has mode bits beyond read, write and execute")]
    SpecialMode,
    /// A link that leaves the tree it is part of, or one that is in no tree.
    #[error("the link leaves the tree it is part of")]
    LinkEscapes,
    /// A link whose target is empty, overlong, no UTF-8 or made of names that are refused.
    #[error("the link's target is not a path that is safe everywhere")]
    LinkTarget,
}
