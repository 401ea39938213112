//! What a reader has to know to judge the figures.

use crate::WORKERS;
use crate::answer::CHUNK;
use crate::options::Options;

/// The versions that this program was built with.
const LOCKFILE: &str = include_str!("../Cargo.lock");
/// The packages worth naming.
const PACKAGES: [&str; 9] =
    ["tokio", "rustls", "tokio-rustls", "aws-lc-rs", "yamux", "noq", "noq-proto", "foctet-net", "foctet-mux"];

/// Prints it as a list in Markdown.
pub(crate) fn print(options: &Options) {
    let profile =
        if cfg!(debug_assertions) { "dev: these figures mean nothing" } else { "release, thin LTO" };
    println!("## Settings\n");
    println!("- machine: {}, {}", machine(), kernel());
    println!("- build: {profile}");
    println!("- runtime: one process for both sides, loopback, {WORKERS} worker threads");
    println!(
        "- {} rounds, contestants interleaved; median (minimum to maximum) of the rounds",
        options.rounds
    );
    println!(
        "- throughput: {} MiB in writes and reads of {} KiB; TCP and TLS use a connection a stream",
        options.bytes >> 20,
        CHUNK >> 10
    );
    println!("- {} round trips, {} handshakes a round", options.round_trips, options.handshakes);
    println!(
        "- TLS of `tls`, `yamux` and `noq`: TLS 1.3, provider aws-lc-rs, X25519MLKEM768, \
         TLS13_AES_128_GCM_SHA256, no session tickets; both sides present a self-signed Ed25519 certificate, the \
         dialler pins the server's, the server takes any whose key signs"
    );
    println!(
        "- TLS of foctet: as it comes, which on a CPU with AES negotiates the same; it checks the certificate's own \
         signature and name besides"
    );
    println!("- buffers: the kernel's and each library's defaults; TCP_NODELAY everywhere");
    let versions: Vec<_> = PACKAGES.iter().filter_map(|name| version(name)).collect();
    println!("- versions: {}", versions.join(", "));
}

fn version(name: &str) -> Option<String> {
    let (_, rest) = LOCKFILE.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    let (version, _) = rest.split_once('"')?;
    Some(format!("{name} {version}"))
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown CPU", |(_, model)| model);
    format!("{cores} CPUs of {model}")
}

fn kernel() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim())
}
