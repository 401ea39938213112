use std::fmt;
use std::net::SocketAddr;

/// Why a connection's data takes no direct path, as far as one end of it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhyNotDirect {
    /// This side uses relays alone.
    Forbidden,
    /// The application has not yet let the peer learn this side's addresses.
    NotYetAllowed,
    /// The peer looks for no direct paths: it uses relays alone, or is of another kind.
    PeerTakesNoPart,
    /// TCP stays with the relay that it began on.
    OverTcp,
    /// A direct path is open, and does not answer.
    Silent(SocketAddr),
    /// A direct path is open, and has failed before: it must prove itself first.
    OnProbation(SocketAddr),
    /// A direct path is open, and the peer, which decides, uses another one.
    PeerChose(SocketAddr),
    /// Nothing comes back from the peer on any path.
    Stalled,
    /// This side knows no address at which the peer could reach it.
    NoAddress,
    /// The peer has told no address at which it could be reached.
    NoPeerAddress,
    /// UDP does not get through from here: relays are reached over TCP alone.
    UdpBlocked,
    /// The first attempts are under way.
    Trying,
    /// The other side, which dialled, makes the attempts, and none has succeeded so far.
    PeerTries,
    /// Attempts have failed, and there will be more.
    NoneAnswered {
        /// Attempts since something last changed; each takes a few seconds.
        attempts: u32,
        /// Addresses of the peer's that were tried.
        addresses: usize,
    },
}

impl fmt::Display for WhyNotDirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forbidden => "this side uses relays alone",
            Self::NotYetAllowed => "this side may not tell the other one its addresses yet",
            Self::PeerTakesNoPart => "the other side looks for no direct path",
            Self::OverTcp => "a TCP connection stays with the relay that it began on",
            Self::Silent(addr) => return write!(f, "the direct path to {addr} does not answer"),
            Self::OnProbation(addr) => {
                return write!(f, "the direct path to {addr} has failed before and must prove itself first");
            }
            Self::PeerChose(addr) => {
                return write!(
                    f,
                    "the direct path to {addr} is open, but the other side, which decides, uses another one"
                );
            }
            Self::Stalled => "nothing comes back from the other side",
            Self::NoAddress => "this side knows no address at which the other one could reach it",
            Self::NoPeerAddress => "the other side has told no address at which it could be reached",
            Self::UdpBlocked => "UDP does not get through from here: relays are reached over TCP alone",
            Self::Trying => "it is being tried",
            Self::PeerTries => "the other side, which dialled, tries to find one, and has not succeeded so far",
            Self::NoneAnswered { attempts, addresses } => {
                return write!(
                    f,
                    "nothing came back in {attempts} attempts from any of the {addresses} addresses of the other side: a \
                     NAT or a firewall between is too strict, or UDP is blocked there"
                );
            }
        })
    }
}
