//! `foctet id`.

use std::path::Path;

use foctet_net::KeyFile;

use crate::config_dir::config_dir;
use crate::exit::{Exit, Failure};

/// The name of the key file in the configuration directory.
const KEY_FILE: &str = "identity";

/// The NodeId of the key in `file`, or in the configuration directory, as a line. A missing key is created.
pub(crate) fn line(file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let default;
    let file = match file {
        Some(file) => file,
        None => {
            default = config_dir().map(|dir| dir.join(KEY_FILE)).ok_or_else(|| {
                Failure::new(
                    Exit::Other,
                    "system",
                    "the environment names no configuration directory",
                    "set HOME, or name a key file with --identity",
                )
            })?;
            &default
        }
    };
    let key = KeyFile::load_or_create(file)?;
    Ok(format!("{}\n", key.node_id()).into_bytes())
}
