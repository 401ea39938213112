//! `foctet completions SHELL`.

use crate::args;

/// The completion script for `shell`.
pub(crate) fn script(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "foctet", &mut script);
    script
}
