mod os;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::BASE32_NOPAD;
use foctet_core::SecretKey;
use zeroize::Zeroizing;

/// What the one line of a key file starts with; the digit is the format's version.
const PREFIX: &str = "foctet-secret-key-1 ";

/// What the line of any version starts with.
const FAMILY: &str = "foctet-secret-key-";

/// The largest file that is read, in bytes: one line of 72 characters, with room for a newline of any kind.
const MAX_SIZE: u64 = 256;

/// How many names are tried for the file that becomes the key file; each is drawn at random.
const MAX_TRIES: usize = 8;

/// The file that keeps a node's secret key: one line of text, `foctet-secret-key-1` and the key in base32,
/// readable by its owner alone.
#[derive(Debug)]
pub struct KeyFile;

impl KeyFile {
    /// Reads the key at `path`. Symbolic links are followed; what counts is the file behind them.
    ///
    /// # Errors
    ///
    /// [`KeyFileError::Exposed`] if others than the owner have any access to the file (Unix only), and
    /// whatever else keeps the file from being one that [`KeyFile::create`] made.
    pub fn load(path: &Path) -> Result<SecretKey, KeyFileError> {
        let file = os::open(path).map_err(|error| KeyFileError::io("open", path, &error))?;
        let metadata = file.metadata().map_err(|error| KeyFileError::io("look at", path, &error))?;
        if !metadata.is_file() {
            return Err(KeyFileError::NotAFile { path: path.to_owned() });
        }
        if let Some(mode) = os::exposed_mode(&metadata) {
            return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_SIZE as usize));
        let read = file.take(MAX_SIZE).read_to_end(&mut text);
        read.map_err(|error| KeyFileError::io("read", path, &error))?;
        parse(&text, path)
    }

    /// Writes `secret_key` to a new file at `path`, for its owner alone. A missing directory is made, for
    /// its owner alone as well. The file appears whole or not at all where the file system has hard links, and it is durable.
    ///
    /// # Errors
    ///
    /// [`KeyFileError::Exists`] if there is something at `path` already, which is left as it is, and
    /// [`KeyFileError::Io`].
    pub fn create(path: &Path, secret_key: &SecretKey) -> Result<(), KeyFileError> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        os::create_directory(directory)
            .map_err(|error| KeyFileError::io("make the directory", directory, &error))?;
        let text = render(secret_key);
        let draft = Draft::write(directory, &text)
            .map_err(|error| KeyFileError::io("write into", directory, &error))?;
        // A link never replaces what is there, and never follows it.
        match std::fs::hard_link(&draft.path, path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(KeyFileError::Exists { path: path.to_owned() });
            }
            // Some file systems have no links. Whoever reads in the next moment finds it malformed.
            Err(_) => write_new(path, &text).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.to_owned() },
                _ => KeyFileError::io("create", path, &error),
            })?,
        }
        drop(draft);
        os::sync_directory(directory).map_err(|error| KeyFileError::io("sync", directory, &error))
    }

    /// Reads the key at `path`, or makes one there if there is nothing. Of two processes that do so at once,
    /// both get the same key.
    ///
    /// # Errors
    ///
    /// As [`KeyFile::load`] and [`KeyFile::create`], and [`KeyFileError::NoRandomness`].
    pub fn load_or_create(path: &Path) -> Result<SecretKey, KeyFileError> {
        match Self::load(path) {
            Err(KeyFileError::Io { kind: io::ErrorKind::NotFound, .. }) => {}
            other => return other,
        }
        let mut random = Zeroizing::new([0; 32]);
        getrandom::fill(random.as_mut()).map_err(|_| KeyFileError::NoRandomness)?;
        let secret_key = SecretKey::generate(*random);
        match Self::create(path, &secret_key) {
            Ok(()) => Ok(secret_key),
            Err(KeyFileError::Exists { .. }) => Self::load(path),
            Err(error) => Err(error),
        }
    }
}

/// Why a key file could not be read or made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Others than its owner may read or change the file.
    #[error("others can read the key file {} (mode {mode:04o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is something at the path already.
    #[error("{} exists already", path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// What is at the path is a directory, a device or the like.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is of a later version than this program knows.
    #[error("the key file {} was made by a newer foctet", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no key.
    #[error("{} is not a foctet key file", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {message}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which path.
        path: PathBuf,
        /// The kind of the error.
        kind: io::ErrorKind,
        /// The system's words.
        message: Box<str>,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness")]
    NoRandomness,
}

impl KeyFileError {
    fn io(action: &'static str, path: &Path, error: &io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), kind: error.kind(), message: error.to_string().into() }
    }
}

/// A finished file under a name of its own, which is removed in the end however that comes.
struct Draft {
    path: PathBuf,
}

impl Draft {
    fn write(directory: &Path, text: &[u8]) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            let mut random = [0; 10];
            getrandom::fill(&mut random)?;
            let path = directory.join(format!(".foctet-key-{}", BASE32_NOPAD.encode(&random)));
            match os::create_new(&path) {
                Ok(mut file) => {
                    let draft = Self { path };
                    fill(&mut file, text)?;
                    return Ok(draft);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < MAX_TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // What cannot be removed is a hidden file that only its owner reads.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn fill(file: &mut File, text: &[u8]) -> io::Result<()> {
    file.write_all(text)?;
    file.sync_all()
}

/// Writes a file of a name that is not taken; a failure leaves no file.
fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = os::create_new(path)?;
    fill(&mut file, text).inspect_err(|_| {
        let _ = std::fs::remove_file(path);
    })
}

fn render(secret_key: &SecretKey) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_SIZE as usize));
    text.extend_from_slice(PREFIX.as_bytes());
    let key = Zeroizing::new(BASE32_NOPAD.encode(secret_key.to_bytes().as_ref()).to_ascii_lowercase());
    text.extend_from_slice(key.as_bytes());
    text.push(b'\n');
    text
}

fn parse(text: &[u8], path: &Path) -> Result<SecretKey, KeyFileError> {
    let malformed = || KeyFileError::Malformed { path: path.to_owned() };
    let text = std::str::from_utf8(text).map_err(|_| malformed())?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let Some(key) = line.strip_prefix(PREFIX) else {
        return Err(if line.starts_with(FAMILY) {
            KeyFileError::Newer { path: path.to_owned() }
        } else {
            malformed()
        });
    };
    let key = Zeroizing::new(key.to_ascii_uppercase());
    let bytes = Zeroizing::new(BASE32_NOPAD.decode(key.as_bytes()).map_err(|_| malformed())?);
    let bytes = Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| malformed())?);
    Ok(SecretKey::from_bytes(*bytes))
}

#[cfg(test)]
mod tests;
