//! Everything that asks the operating system about files: directories held by handle, and work relative to them.
//!
//! No function here follows a symbolic link, except [`Dir::open_path`] for the path that the user gave.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{
    Access, AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, RenameFlags, ResolveFlags, Stat, Timespec,
    Timestamps,
};
use rustix::io::Errno;

/// A directory held open: what is done relative to it stays in it, whatever happens to its path.
#[derive(Debug)]
pub(crate) struct Dir(OwnedFd);

/// What is known about a file without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) kind: Kind,
    pub(crate) size: u64,
    pub(crate) mode: u16,
    pub(crate) mtime: i64,
    /// When content, mode or links changed last, which nobody can set.
    pub(crate) ctime: i64,
    pub(crate) inode: u64,
    pub(crate) device: u64,
}

/// What a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    Fifo,
    Socket,
    Device,
}

const NANOS: i64 = 1_000_000_000;

fn nanos(seconds: i64, nanoseconds: i64) -> i64 {
    seconds.saturating_mul(NANOS).saturating_add(nanoseconds)
}

impl Meta {
    fn new(stat: &Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink,
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
            FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => Kind::Device,
        };
        Self {
            kind,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mode: u16::try_from(stat.st_mode & 0o777).unwrap_or(0),
            mtime: nanos(stat.st_mtime, i64::try_from(stat.st_mtime_nsec).unwrap_or(0)),
            ctime: nanos(stat.st_ctime, i64::try_from(stat.st_ctime_nsec).unwrap_or(0)),
            inode: stat.st_ino,
            device: stat.st_dev,
        }
    }

    /// Of an open file.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        Ok(Self::new(&rustix::fs::fstat(file)?))
    }
}

const HOLD: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Dir {
    /// Opens a directory that the user named, through whatever links are on the way.
    pub(crate) fn open_path(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(CWD, path, HOLD, Mode::empty())?))
    }

    /// Opens a directory beneath this one. No component of `path` may be a link; an empty path is the directory itself.
    pub(crate) fn open_beneath(&self, path: &str) -> io::Result<Self> {
        static NO_OPENAT2: AtomicBool = AtomicBool::new(false);
        let path = if path.is_empty() { "." } else { path };
        if !NO_OPENAT2.load(Ordering::Relaxed) {
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            match rustix::fs::openat2(&self.0, path, HOLD, Mode::empty(), resolve) {
                Ok(dir) => return Ok(Self(dir)),
                // An old kernel, or a sandbox that does not know the call.
                Err(Errno::NOSYS | Errno::PERM) => NO_OPENAT2.store(true, Ordering::Relaxed),
                Err(error) => return Err(error.into()),
            }
        }
        self.walk_beneath(path)
    }

    /// What [`Self::open_beneath`] does where `openat2` is missing: one step at a time, following nothing.
    fn walk_beneath(&self, path: &str) -> io::Result<Self> {
        let mut at: Option<Self> = None;
        for name in path.split('/') {
            if name.is_empty() || name == ".." {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            let from = at.as_ref().unwrap_or(self);
            at = Some(Self(rustix::fs::openat(&from.0, name, HOLD | OFlags::NOFOLLOW, Mode::empty())?));
        }
        at.ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// Opens a directory directly in this one, unless it is a link.
    pub(crate) fn open_child(&self, name: &OsStr) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(&self.0, name, HOLD | OFlags::NOFOLLOW, Mode::empty())?))
    }

    /// Opens a file for reading. Neither a FIFO nor a device makes it wait; what it is must be checked afterwards.
    pub(crate) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::empty())?.into())
    }

    /// Creates a file, which must not exist, for writing.
    pub(crate) fn create_file(&self, name: &str, mode: u16) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::from_raw_mode(mode.into()))?.into())
    }

    pub(crate) fn create_dir(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.0, name, Mode::RWXU)?)
    }

    pub(crate) fn create_symlink(&self, name: &str, target: &str) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    /// What `name` is, itself and not what it links to; `None` if it does not exist.
    pub(crate) fn meta(&self, name: &OsStr) -> io::Result<Option<Meta>> {
        match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(Meta::new(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the file may be read, as far as the permissions say.
    pub(crate) fn check_readable(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::accessat(&self.0, name, Access::READ_OK, AtFlags::empty())?)
    }

    pub(crate) fn own_meta(&self) -> io::Result<Meta> {
        Ok(Meta::new(&rustix::fs::fstat(&self.0)?))
    }

    /// Where the link `name` points.
    pub(crate) fn read_link(&self, name: &OsStr) -> io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(&self.0, name, Vec::new())?.into_bytes())
    }

    /// The names in this directory in no order, without `.` and `..`.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    pub(crate) fn set_mode(&self, mode: u16) -> io::Result<()> {
        Ok(rustix::fs::fchmod(&self.0, Mode::from_raw_mode(mode.into()))?)
    }

    pub(crate) fn set_mtime(&self, mtime: i64) -> io::Result<()> {
        Ok(rustix::fs::futimens(&self.0, &times(mtime))?)
    }

    pub(crate) fn set_symlink_mtime(&self, name: &str, mtime: i64) -> io::Result<()> {
        Ok(rustix::fs::utimensat(&self.0, name, &times(mtime), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Moves an entry to a name that must be free. Never replaces anything, not even in a race.
    pub(crate) fn rename_exclusive(
        &self,
        from: &str,
        to_dir: &Self,
        to: &str,
        directory: bool,
    ) -> io::Result<()> {
        match rustix::fs::renameat_with(&self.0, from, &to_dir.0, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                self.rename_by_claim(from, to_dir, to, directory)
            }
            result => Ok(result?),
        }
    }

    /// Where the filesystem knows no exclusive rename: a file gets a second link, which is as exclusive; a directory
    /// replaces an empty one that was created exclusively, which a crash in between leaves behind, empty.
    fn rename_by_claim(&self, from: &str, to_dir: &Self, to: &str, directory: bool) -> io::Result<()> {
        if directory {
            to_dir.create_dir(to)?;
            rustix::fs::renameat(&self.0, from, &to_dir.0, to)?;
        } else {
            rustix::fs::linkat(&self.0, from, &to_dir.0, to, AtFlags::empty())?;
            rustix::fs::unlinkat(&self.0, from, AtFlags::empty())?;
        }
        Ok(())
    }

    /// Moves a file or link over whatever file or link has the name.
    pub(crate) fn rename_over(&self, from: &str, to_dir: &Self, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &to_dir.0, to)?)
    }

    pub(crate) fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    pub(crate) fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Removes whatever is in this directory. Links are removed, not followed.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for name in self.names()? {
            let name = name.as_os_str();
            match self.remove_file(name) {
                Err(error) if is_directory_error(&error) => {
                    self.open_to_clear(name)?.clear()?;
                    self.remove_dir(name)?;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => result?,
            }
        }
        Ok(())
    }

    /// A directory that the transfer had given its final mode may be closed to its owner.
    fn open_to_clear(&self, name: &OsStr) -> io::Result<Self> {
        let dir = match self.open_child(name) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                rustix::fs::chmodat(&self.0, name, Mode::RWXU, AtFlags::empty())?;
                self.open_child(name)?
            }
            result => result?,
        };
        if dir.own_meta()?.mode & 0o700 != 0o700 {
            dir.set_mode(0o700)?;
        }
        Ok(dir)
    }

    /// Takes the directory's lock, which ends with the process; `false` if another process has it.
    pub(crate) fn try_lock(&self) -> io::Result<bool> {
        match rustix::fs::flock(&self.0, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            // A filesystem without locks: nobody else can be told apart from a leftover.
            Err(Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Bytes that this user may still write to the filesystem.
    pub(crate) fn free_space(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.0)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Makes the directory's entries durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match rustix::fs::fsync(&self.0) {
            // Some network filesystems know no fsync of directories.
            Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            result => Ok(result?),
        }
    }

    /// Makes everything on the directory's filesystem durable.
    pub(crate) fn sync_filesystem(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.0)?)
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// `unlink` of a directory fails with either, depending on the system.
fn is_directory_error(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::IsADirectory | io::ErrorKind::PermissionDenied)
        || error.raw_os_error() == Some(Errno::ISDIR.raw_os_error())
}

fn times(mtime: i64) -> Timestamps {
    let mtime = Timespec { tv_sec: mtime.div_euclid(NANOS), tv_nsec: mtime.rem_euclid(NANOS) };
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
        last_modification: mtime,
    }
}

pub(crate) fn set_file_mode(file: &File, mode: u16) -> io::Result<()> {
    Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(mode.into()))?)
}

pub(crate) fn set_file_mtime(file: &File, mtime: i64) -> io::Result<()> {
    Ok(rustix::fs::futimens(file, &times(mtime))?)
}

/// Appends up to the spare capacity of `buffer` from `offset` on, and at least `wanted` bytes unless the file ends.
pub(crate) fn read_at_least(file: &File, buffer: &mut Vec<u8>, offset: u64, wanted: usize) -> io::Result<()> {
    let start = buffer.len();
    buffer.reserve(wanted);
    while buffer.len() - start < wanted {
        let at = offset.saturating_add((buffer.len() - start) as u64);
        match rustix::io::pread(file, rustix::buffer::spare_capacity(buffer), at) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Writes all of `data` from `offset` on.
pub(crate) fn write_all_at(file: &File, data: &[u8], offset: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    file.write_all_at(data, offset)
}

/// Whether opening failed because a link, a socket or something that is no directory has the name.
pub(crate) fn is_another_kind(error: &io::Error) -> bool {
    [Errno::LOOP, Errno::NXIO, Errno::NOTDIR]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn home() -> (tempfile::TempDir, Dir) {
        let home = tempfile::tempdir().unwrap();
        let dir = Dir::open_path(home.path()).unwrap();
        (home, dir)
    }

    #[test]
    fn neither_way_beneath_follows_links_or_climbs() {
        let (home, dir) = home();
        fs::create_dir_all(home.path().join("a/b")).unwrap();
        symlink("a", home.path().join("link")).unwrap();
        symlink("/etc", home.path().join("a/out")).unwrap();
        type Open = fn(&Dir, &str) -> io::Result<Dir>;
        for open in [Dir::open_beneath as Open, Dir::walk_beneath] {
            for path in [".", "a", "a/b"] {
                open(&dir, path).unwrap();
            }
            for path in ["link", "link/b", "a/out", "..", "a/../..", "/etc", "missing"] {
                open(&dir, path).unwrap_err();
            }
        }
    }

    #[test]
    fn neither_way_to_rename_replaces_anything() {
        let (home, dir) = home();
        type Rename = fn(&Dir, &str, &Dir, &str, bool) -> io::Result<()>;
        for rename in [Dir::rename_exclusive as Rename, Dir::rename_by_claim] {
            fs::write(home.path().join("file"), "new").unwrap();
            fs::write(home.path().join("taken"), "old").unwrap();
            fs::create_dir_all(home.path().join("dir/x")).unwrap();
            fs::create_dir_all(home.path().join("full")).unwrap();
            for (from, to, directory) in [
                ("file", "taken", false),
                ("file", "full", false),
                ("dir", "taken", true),
                ("dir", "full", true),
            ] {
                let refused = rename(&dir, from, &dir, to, directory).unwrap_err();
                assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists, "{from} {to}");
            }
            rename(&dir, "file", &dir, "free", false).unwrap();
            rename(&dir, "dir", &dir, "free dir", true).unwrap();
            assert_eq!(fs::read(home.path().join("free")).unwrap(), b"new");
            assert_eq!(fs::read(home.path().join("taken")).unwrap(), b"old");
            assert!(home.path().join("free dir/x").is_dir() && !home.path().join("dir").exists());
            dir.clear().unwrap();
            assert!(dir.names().unwrap().is_empty());
        }
    }

    #[test]
    fn clearing_removes_links_and_not_what_they_lead_to() {
        let (outside, _) = home();
        fs::write(outside.path().join("kept"), "x").unwrap();
        let (home, dir) = home();
        fs::create_dir_all(home.path().join("closed/deep")).unwrap();
        symlink(outside.path(), home.path().join("closed/deep/link")).unwrap();
        symlink(outside.path(), home.path().join("link")).unwrap();
        dir.open_beneath("closed/deep").unwrap().set_mode(0).unwrap();
        dir.open_beneath("closed").unwrap().set_mode(0o500).unwrap();
        dir.clear().unwrap();
        assert!(dir.names().unwrap().is_empty());
        assert!(outside.path().join("kept").exists());
    }

    #[test]
    fn times_before_1970_survive() {
        let (home, dir) = home();
        fs::write(home.path().join("f"), "").unwrap();
        let file = dir.open_file(OsStr::new("f")).unwrap();
        for mtime in [-1, -1_500_000_000, 0, 1_999_999_999] {
            set_file_mtime(&file, mtime).unwrap();
            assert_eq!(Meta::of(&file).unwrap().mtime, mtime);
        }
    }
}
