//! Where the program keeps its files.

use std::env;
use std::path::PathBuf;

/// The directory `foctet` in the platform's configuration directory; none where the environment names none.
pub(crate) fn config_dir() -> Option<PathBuf> {
    base().map(|base| base.join("foctet"))
}

/// `XDG_CONFIG_HOME` where it is absolute, as its specification asks, else `~/.config`.
#[cfg(not(windows))]
fn base() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))
}

#[cfg(windows)]
fn base() -> Option<PathBuf> {
    env::var_os("APPDATA").map(PathBuf::from)
}
