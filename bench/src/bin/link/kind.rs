//! The contestants.

use std::fmt;

use clap::ValueEnum;

/// A way across the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    /// One stream of foctet's over QUIC.
    FoctetQuic,
    /// Several streams of one connection of foctet's over QUIC.
    FoctetQuicStreams,
    /// One stream of foctet's over TCP.
    FoctetTcp,
    /// One stream of noq's, with its defaults.
    Noq,
    /// TCP, by the kernel.
    Iperf,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] =
        [Self::FoctetQuic, Self::FoctetQuicStreams, Self::FoctetTcp, Self::Noq, Self::Iperf];

    /// What the role's argument is.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::FoctetQuic => "foctet-quic",
            Self::FoctetQuicStreams => "foctet-quic-streams",
            Self::FoctetTcp => "foctet-tcp",
            Self::Noq => "noq",
            Self::Iperf => "iperf",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FoctetQuic => "foctet over quic, 1 stream",
            Self::FoctetQuicStreams => "foctet over quic, streams",
            Self::FoctetTcp => "foctet over tcp, 1 stream",
            Self::Noq => "noq, defaults, 1 stream",
            Self::Iperf => "iperf3, TCP",
        })
    }
}
