//! What is sent, and where it goes.

use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::run;

/// A directory that is removed at the end, and not before: file systems create files slowly just after many were
/// deleted.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new(parent: Option<&Path>) -> anyhow::Result<Self> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        let path = parent.join(format!("foctet-bench.{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// A fresh directory in it.
    pub(super) fn directory(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.0.join(name);
        fs::create_dir(&path)?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}

/// A file of noise.
pub(super) fn file(path: &Path, bytes: u64) -> anyhow::Result<()> {
    let noise = blake3::Hasher::new().finalize_xof();
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    std::io::copy(&mut noise.take(bytes), &mut file)?;
    Ok(file.flush()?)
}

/// Files of 4 KiB of noise each, a hundred to a directory, as trees are.
pub(super) fn tree(path: &Path, files: u32) -> anyhow::Result<()> {
    let mut noise = blake3::Hasher::new().finalize_xof();
    let mut content = [0; 4096];
    fs::create_dir(path)?;
    for number in 0..files {
        let directory = path.join(format!("d{:04}", number / 100));
        if number % 100 == 0 {
            fs::create_dir(&directory)?;
        }
        noise.read_exact(&mut content)?;
        fs::write(directory.join(format!("f{number:06}")), content)?;
    }
    Ok(())
}

/// Fails where the two differ.
pub(super) fn compare(sent: &Path, received: &Path) -> anyhow::Result<()> {
    run(Command::new("diff").arg("-rq").arg(sent).arg(received)).map(drop)
}

/// Writes what is left unwritten on the file system of this path.
pub(super) fn sync(path: &Path) -> anyhow::Result<()> {
    run(Command::new("sync").arg("-f").arg(path)).map(drop)
}

/// The type of the file system of this path.
pub(super) fn filesystem(path: &Path) -> anyhow::Result<String> {
    let text = run(Command::new("df").arg("--output=fstype").arg(path))?;
    Ok(text.lines().last().unwrap_or("unknown").to_owned())
}
