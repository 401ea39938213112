//! What a reader has to know to judge the figures.

use std::sync::{Arc, LazyLock};

use foctet_core::SecretKey;
use foctet_core::bench::{Build, Welcome};
use foctet_net::Identity;

use crate::args::BenchArgs;
use crate::events::{Event, There};
use crate::report::Report;

/// Cores that this process may use.
pub(super) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

/// How this program was built.
pub(super) fn build() -> Build {
    if cfg!(debug_assertions) { Build::Debug } else { Build::Release }
}

/// That in words.
pub(super) fn build_name(build: Build) -> &'static str {
    match build {
        Build::Release => "release",
        Build::Debug => "debug",
        Build::Other(_) => "unknown",
    }
}

/// This program's version.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What was measured, and how, in a line; `other` is how another machine described itself.
pub(super) fn line(other: Option<Welcome>) -> String {
    let here = format!("foctet {VERSION}, {} build, {}", build_name(build()), cores_in_words(cores()));
    let there = other
        .map(|other| format!("; there {} build, {}", build_name(other.build), cores_in_words(other.cores)));
    format!("{here}{}; {}, {}", there.unwrap_or_default(), cipher_suite(), key_exchange())
}

fn cores_in_words(cores: u32) -> String {
    if cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") }
}

/// The same for scripts. Alone on a machine, two processes of this one measure together.
pub(super) fn event(args: &BenchArgs, other: Option<Welcome>) -> Event {
    Event::Settings {
        foctet: VERSION,
        build: build_name(build()),
        cores: cores(),
        cipher_suite: cipher_suite(),
        key_exchange: key_exchange(),
        processes: other.is_none().then_some(2),
        there: other.map(|other| There { build: build_name(other.build), cores: other.cores }),
        rounds: args.rounds.get(),
        seconds: args.time.as_secs_f64(),
    }
}

/// How to read a figure.
pub(super) fn spread(args: &BenchArgs) -> String {
    let time = args.time.as_secs_f64();
    if args.rounds.get() == 1 {
        format!("One round, {time} s for each figure.")
    } else {
        format!("{} rounds, {time} s for each figure: median (lowest to highest).", args.rounds)
    }
}

/// Warns people where either program is one whose figures mean little.
pub(super) fn warn(report: &Report, other: Option<Welcome>) {
    let debug = build() == Build::Debug || other.is_some_and(|other| other.build == Build::Debug);
    if let Some(terminal) = report.people().filter(|_| debug) {
        terminal.line("warning: this measures a debug build, which is slower than a release build");
    }
}

/// The cipher suite that two nodes like this one agree on.
pub(super) fn cipher_suite() -> String {
    CRYPTOGRAPHY.0.clone()
}

/// And their key exchange.
pub(super) fn key_exchange() -> String {
    CRYPTOGRAPHY.1.clone()
}

/// The first choice of each: the library settles it when it sees the processor.
static CRYPTOGRAPHY: LazyLock<(String, String)> = LazyLock::new(|| {
    // A key that signs nothing: only the configuration that goes with it is looked at.
    let config = Identity::new(&SecretKey::generate([1; 32])).ok().and_then(|identity| {
        identity.server_config(vec![foctet_core::bench::ALPN.to_vec()], Arc::new(|_| true)).ok()
    });
    let unknown = || "unknown".to_owned();
    let Some(config) = config else { return (unknown(), unknown()) };
    let provider = config.crypto_provider();
    let suite = provider.cipher_suites.first().map(|suite| format!("{:?}", suite.suite()));
    let group = provider.kx_groups.first().map(|group| format!("{:?}", group.name()));
    (suite.unwrap_or_else(unknown), group.unwrap_or_else(unknown))
});

#[cfg(test)]
mod tests {
    #[test]
    fn the_cryptography_has_names() {
        assert!(super::cipher_suite().starts_with("TLS13_"), "{}", super::cipher_suite());
        assert_eq!(super::key_exchange(), "X25519MLKEM768");
    }
}
