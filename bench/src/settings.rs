//! What a reader has to know to judge the figures of the library.

use crate::answer::CHUNK;
use crate::options::Options;
use crate::{WORKERS, machine};

/// The packages worth naming.
const PACKAGES: [&str; 13] = [
    "tokio",
    "rustls",
    "tokio-rustls",
    "aws-lc-rs",
    "yamux",
    "noq",
    "noq-proto",
    "quinn",
    "quinn-proto",
    "s2n-quic",
    "iroh",
    "foctet-net",
    "foctet-mux",
];

/// What is the same wherever the library is measured.
fn common() -> String {
    format!(
        "- TLS 1.3 everywhere, provider aws-lc-rs, X25519MLKEM768, TLS13_AES_128_GCM_SHA256, no session tickets; both sides \
         present an Ed25519 key in a self-signed certificate, the dialler pins the server's, the server takes any whose \
         key signs. What differs: iroh's keys are raw, without a certificate, and it may resume with tickets, \
         which cannot be switched off; foctet is as it comes, which on a CPU with AES negotiates the same, and checks the \
         certificate's own signature and name besides; s2n-quic is given rustls in the place of s2n-tls\n\
         - iroh without relays, address lookup and port mapping, dialled at its address; foctet likewise\n\
         - buffers, windows and congestion control: the kernel's and each library's defaults; TCP_NODELAY everywhere; \
         release profile and features as in bench/Cargo.toml\n\
         - writes and reads of {} KiB; `tcp` and `tls` have no streams: eight streams are eight connections\n",
        CHUNK >> 10
    )
}

/// Those of the run over loopback.
pub(crate) fn library(options: &Options) -> String {
    let amounts = &options.amounts;
    format!(
        "{}- one process for both sides, {WORKERS} worker threads; CPU time is that of both sides\n\
         - {} rounds, contestants interleaved; a measurement is {} MiB one way (from when every stream is accepted to when the \
         receiver has said that it read the last byte), {} round trips on an open stream, {} streams (opened, one byte there and \
         one back, closed on both sides), {} handshakes (connected, verified, a byte there and back, closed, one by one), or {} \
         handshakes with everything new on the dialling side: key, certificate, configuration, socket (their median)\n{}",
        machine::settings(&PACKAGES),
        options.rounds,
        amounts.bytes >> 20,
        amounts.round_trips,
        amounts.streams,
        amounts.handshakes,
        amounts.handshakes.div_ceil(10),
        common(),
    )
}

/// Those of the run across a veth pair.
pub(crate) fn veth(options: &Options) -> String {
    format!(
        "{}- each end a process of its own with {WORKERS} worker threads, in a network namespace of its own; between them a veth \
         pair with an MTU of 1500, nothing else; CPU time is that of both processes\n\
         - {} rounds, contestants interleaved; a measurement is {} MiB one way over one stream of a new connection\n{}",
        machine::settings(&PACKAGES),
        options.rounds,
        options.amounts.bytes >> 20,
        common(),
    )
}
