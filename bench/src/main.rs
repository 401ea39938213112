//! foctet beside its peers, in one run: the library, the multiplexer and the program.
//!
//! ```text
//! cargo run --release --manifest-path bench/Cargo.toml -- --write docs/performance.md
//! cargo run --release --manifest-path bench/Cargo.toml -- --part library --rounds 1 --only tls --only foctet
//! ```
//!
//! It prints a section of Markdown for each part: settings, what the figures are held against, tables. With `--write`
//! each goes into its place of that page as well. What the figures mean stands with them. Contestants take turns within
//! each round and each measure, because a machine drifts: compare within a run, never between two.
//!
//! - **library**, in one process over loopback. To add a contestant, implement [`contestant::Contestant`] in a file of
//!   its own and list it in [`contestant::all`]. `tcp` is the reference without cryptography, `tls` the ceiling of what
//!   foctet can reach over TCP.
//! - **veth**: the same contestants, two processes in two network namespaces. It takes root.
//! - **mux**: the multiplexer alone, in memory.
//! - **file**, **tree**: the program beside cp, rsync, scp and others, see [`files`]. On Debian they are in the packages
//!   rsync, openssh-server, socat, openssl, netcat-openbsd, eatmydata and strace; those missing are named as skipped. It
//!   takes 4 GB in the directory for temporary files, or in `--dir`.
//!
//! `--bin relay` measures the relay.
#![forbid(unsafe_code)]

mod answer;
mod contestant;
mod files;
mod goal;
mod identity;
mod library;
mod machine;
mod measure;
mod muxes;
mod options;
mod page;
mod results;
mod samples;
mod settings;
mod table;
mod usage;
mod veth;

use std::process::ExitCode;

use clap::Parser as _;

use crate::options::{Options, Part, Role};

/// Threads of the runtime: as on a small machine.
const WORKERS: usize = 2;

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    if let Some(Role::Used(options)) = &options.role {
        // Without a runtime: it is to be small.
        return files::used::run(options);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    // In a task, or this thread would be a third worker.
    let result = runtime.block_on(async { tokio::spawn(run(options)).await? });
    // Servers run until the end.
    runtime.shutdown_background();
    result.map(|failed| if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Gives whether anything failed that should have been measured.
async fn run(mut options: Options) -> anyhow::Result<bool> {
    match options.role.take() {
        None => return parts(options).await,
        Some(Role::Serve { contestant, address }) => veth::role::serve(&contestant, address).await,
        Some(Role::Dial { contestant, server, from, bytes }) => {
            veth::role::dial(&contestant, &server, from, bytes).await
        }
        Some(Role::FloorSend { path }) => files::floor::send(path).await,
        Some(Role::FloorReceive { server, path }) => files::floor::receive(&server, path).await,
        Some(Role::Used(_)) => anyhow::bail!("that one has been run"),
    }?;
    Ok(false)
}

async fn parts(options: Options) -> anyhow::Result<bool> {
    let mut failed = false;
    machine::load();
    // Small files last: removing them can take longer than everything else.
    for part in [Part::File, Part::Mux, Part::Veth, Part::Library, Part::Tree] {
        if !options.has(part) {
            continue;
        }
        let (name, section) = match part {
            Part::File => (files::FILE_SECTION, tokio::task::block_in_place(|| files::run_file(&options))?),
            Part::Tree => (files::TREE_SECTION, tokio::task::block_in_place(|| files::run_tree(&options))?),
            Part::Mux => (muxes::SECTION, muxes::run(&options).await?),
            Part::Veth => (veth::SECTION, veth::run(&options).await?),
            Part::Library => (library::SECTION, library::run(&options).await?),
        };
        println!("{}\n", page::section(name, &section.text)?);
        if let Some(page) = &options.write {
            page::write(page, name, &section.text)?;
        }
        failed |= section.failed;
    }
    Ok(failed)
}
