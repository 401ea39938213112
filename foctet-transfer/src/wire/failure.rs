use std::io;

/// Why a side gives up, as it tells the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub code: FailureCode,
    /// The manifest's entry it is about.
    pub entry: Option<u32>,
    /// More about it; its meaning depends on the code: [`SourceChange`] or [`DiskCause`].
    pub detail: u8,
}

impl Failure {
    /// A failure that is about no entry.
    pub fn new(code: FailureCode) -> Self {
        Self { code, entry: None, detail: 0 }
    }
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureCode {
    /// Sender: the secret is not the one of the ticket.
    WrongSecret,
    /// Sender: a file is no longer what the manifest says; the detail is a [`SourceChange`].
    SourceChanged,
    /// Sender: a file cannot be read; the detail is a [`DiskCause`].
    SourceUnreadable,
    /// The other side broke the protocol.
    Protocol,
    /// Sender: the receiver reported a result that does not match what was sent.
    Unverified,
    /// Receiver: its disk is full.
    DiskFull,
    /// Receiver: its disk failed otherwise; the detail is a [`DiskCause`].
    Disk,
    /// Receiver: the name exists and may not be replaced.
    NameExists,
    /// Receiver: the manifest holds something unsafe.
    UnsafeContent,
    /// Receiver: bytes arrived that do not match their hash.
    Corrupt,
    /// The user or the program stopped.
    Cancelled,
    /// The other side stopped answering.
    Stalled,
    /// A code of a newer version.
    Other(u8),
}

impl FailureCode {
    pub(super) fn to_byte(self) -> u8 {
        match self {
            Self::WrongSecret => 1,
            Self::SourceChanged => 2,
            Self::SourceUnreadable => 3,
            Self::Protocol => 4,
            Self::Unverified => 5,
            Self::DiskFull => 6,
            Self::Disk => 7,
            Self::NameExists => 8,
            Self::UnsafeContent => 9,
            Self::Corrupt => 10,
            Self::Cancelled => 11,
            Self::Stalled => 12,
            Self::Other(code) => code,
        }
    }

    pub(super) fn from_byte(code: u8) -> Self {
        match code {
            1 => Self::WrongSecret,
            2 => Self::SourceChanged,
            3 => Self::SourceUnreadable,
            4 => Self::Protocol,
            5 => Self::Unverified,
            6 => Self::DiskFull,
            7 => Self::Disk,
            8 => Self::NameExists,
            9 => Self::UnsafeContent,
            10 => Self::Corrupt,
            11 => Self::Cancelled,
            12 => Self::Stalled,
            other => Self::Other(other),
        }
    }
}

/// How a file differs from what the manifest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SourceChange {
    /// It is longer.
    #[error("it grew")]
    Grew,
    /// It is shorter.
    #[error("it shrank")]
    Shrank,
    /// Another file has its name.
    #[error("it was replaced")]
    Replaced,
    /// It was written to.
    #[error("it was edited")]
    Edited,
    /// It is gone.
    #[error("it vanished")]
    Vanished,
    /// The other side did not say how.
    #[error("it changed")]
    Unknown,
}

impl SourceChange {
    /// As [`Failure::detail`].
    pub fn to_detail(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Grew => 1,
            Self::Shrank => 2,
            Self::Replaced => 3,
            Self::Edited => 4,
            Self::Vanished => 5,
        }
    }

    /// From [`Failure::detail`].
    pub fn from_detail(detail: u8) -> Self {
        match detail {
            1 => Self::Grew,
            2 => Self::Shrank,
            3 => Self::Replaced,
            4 => Self::Edited,
            5 => Self::Vanished,
            _ => Self::Unknown,
        }
    }
}

/// Why a filesystem refused, as far as the other side is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DiskCause {
    /// No permission.
    #[error("permission denied")]
    Permission,
    /// The filesystem is read-only.
    #[error("the filesystem is read-only")]
    ReadOnly,
    /// The file or directory is gone.
    #[error("the file or directory is gone")]
    Gone,
    /// No space is left.
    #[error("the disk is full")]
    Full,
    /// The quota is used up.
    #[error("the disk quota is used up")]
    Quota,
    /// The file is too large for the filesystem.
    #[error("the file is too large for the filesystem")]
    TooLarge,
    /// Anything else.
    #[error("input/output error")]
    Other,
}

impl DiskCause {
    /// As [`Failure::detail`].
    pub fn to_detail(self) -> u8 {
        match self {
            Self::Other => 0,
            Self::Permission => 1,
            Self::ReadOnly => 2,
            Self::Gone => 3,
            Self::Full => 4,
            Self::Quota => 5,
            Self::TooLarge => 6,
        }
    }

    /// From [`Failure::detail`].
    pub fn from_detail(detail: u8) -> Self {
        match detail {
            1 => Self::Permission,
            2 => Self::ReadOnly,
            3 => Self::Gone,
            4 => Self::Full,
            5 => Self::Quota,
            6 => Self::TooLarge,
            _ => Self::Other,
        }
    }
}

impl From<io::ErrorKind> for DiskCause {
    fn from(kind: io::ErrorKind) -> Self {
        match kind {
            io::ErrorKind::PermissionDenied => Self::Permission,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            io::ErrorKind::NotFound => Self::Gone,
            io::ErrorKind::StorageFull => Self::Full,
            io::ErrorKind::QuotaExceeded => Self::Quota,
            io::ErrorKind::FileTooLarge => Self::TooLarge,
            _ => Self::Other,
        }
    }
}
