//! The library across a veth pair: two network namespaces, a process in each.

#[cfg(not(target_os = "linux"))]
use crate::{options::Options, page::Section};

/// The section of the page.
pub(crate) const SECTION: &str = "veth";

#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
pub(crate) use run::run;

pub(crate) mod role;

/// Runs it and gives the section.
#[cfg(not(target_os = "linux"))]
pub(crate) async fn run(_options: &Options) -> anyhow::Result<Section> {
    Ok(Section { text: "SKIPPED: there are network namespaces on Linux only\n".to_owned(), failed: false })
}
