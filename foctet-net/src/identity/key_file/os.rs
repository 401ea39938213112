//! What differs between operating systems about key files.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Permission bits of others than the owner.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

/// All permission bits.
#[cfg(unix)]
const PERMISSIONS: u32 = 0o7777;

/// Opens for reading, without waiting for the other end of a FIFO and without gaining a terminal.
#[cfg(unix)]
pub(super) fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
pub(super) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// The permission bits, if they give others than the owner any access.
#[cfg(unix)]
pub(super) fn exposed_mode(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;

    (metadata.mode() & OTHERS != 0).then_some(metadata.mode() & PERMISSIONS)
}

#[cfg(not(unix))]
pub(super) fn exposed_mode(_metadata: &Metadata) -> Option<u32> {
    None
}

/// Makes a new file for its owner alone; fails if the name is taken, be it by a dangling link.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a directory and its parents, for their owner alone; one that exists is left as it is.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes the names in a directory durable.
#[cfg(unix)]
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
pub(super) fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}
