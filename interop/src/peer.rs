//! Either library's connection under one set of names.

use bytes::Bytes;
use foctet_mux::ConnectionError;
use web_transport_trait::{Session as _, Stats as _};

use crate::{Receiving, Sending};

/// Why a connection is over, as far as both libraries can tell it apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The peer closed, with this code and reason.
    ByPeer(u64, Vec<u8>),
    /// Nothing was heard for the idle timeout.
    Idle,
    /// The carrier ended or failed without a close.
    Carrier,
    /// Anything else, in the library's words.
    Otherwise(String),
}

impl From<ConnectionError> for Ended {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed { code, reason } => Self::ByPeer(code, reason.to_vec()),
            ConnectionError::TimedOut => Self::Idle,
            ConnectionError::Carrier { .. } => Self::Carrier,
            other => Self::Otherwise(other.to_string()),
        }
    }
}

impl From<qmux::Error> for Ended {
    fn from(error: qmux::Error) -> Self {
        match error {
            qmux::Error::ConnectionClosed { code, reason } => {
                Self::ByPeer(code.into_inner(), reason.into_bytes())
            }
            qmux::Error::IdleTimeout => Self::Idle,
            qmux::Error::Closed | qmux::Error::Io(_) => Self::Carrier,
            other => Self::Otherwise(other.to_string()),
        }
    }
}

/// One end of a connection.
#[derive(Clone)]
pub enum Peer {
    /// `foctet-mux`.
    Foctet(foctet_mux::Connection),
    /// The crate `qmux`.
    Qmux(Box<qmux::Session>),
}

impl Peer {
    /// Opens a bidirectional stream, waiting for the peer's limit to allow it.
    ///
    /// # Errors
    /// Why the connection is over.
    pub async fn open_bi(&self) -> Result<(Sending, Receiving), Ended> {
        match self {
            Self::Foctet(peer) => peer.open_bi().await.map(Self::foctet_streams).map_err(Ended::from),
            Self::Qmux(peer) => peer.open_bi().await.map(Self::qmux_streams).map_err(Ended::from),
        }
    }

    /// The next bidirectional stream of the peer.
    ///
    /// # Errors
    /// Why the connection is over.
    pub async fn accept_bi(&self) -> Result<(Sending, Receiving), Ended> {
        match self {
            Self::Foctet(peer) => peer.accept_bi().await.map(Self::foctet_streams).map_err(Ended::from),
            Self::Qmux(peer) => peer.accept_bi().await.map(Self::qmux_streams).map_err(Ended::from),
        }
    }

    /// Opens a unidirectional stream, waiting for the peer's limit to allow it.
    ///
    /// # Errors
    /// Why the connection is over.
    pub async fn open_uni(&self) -> Result<Sending, Ended> {
        match self {
            Self::Foctet(peer) => Ok(Sending::Foctet(peer.open_uni().await?)),
            Self::Qmux(peer) => Ok(Sending::Qmux(peer.open_uni().await?)),
        }
    }

    /// The next unidirectional stream of the peer.
    ///
    /// # Errors
    /// Why the connection is over.
    pub async fn accept_uni(&self) -> Result<Receiving, Ended> {
        match self {
            Self::Foctet(peer) => Ok(Receiving::Foctet(peer.accept_uni().await?)),
            Self::Qmux(peer) => Ok(Receiving::Qmux(peer.accept_uni().await?)),
        }
    }

    /// Sends a datagram; false where the peer takes none or none as large.
    pub fn send_datagram(&self, payload: Bytes) -> bool {
        match self {
            Self::Foctet(peer) => peer.send_datagram(payload).is_ok(),
            Self::Qmux(peer) => peer.send_datagram(payload).is_ok(),
        }
    }

    /// The next datagram of the peer.
    ///
    /// # Errors
    /// Why the connection is over.
    pub async fn read_datagram(&self) -> Result<Bytes, Ended> {
        match self {
            Self::Foctet(peer) => peer.read_datagram().await.map_err(Ended::from),
            Self::Qmux(peer) => peer.recv_datagram().await.map_err(Ended::from),
        }
    }

    /// The largest datagram that the peer takes, in bytes; none where it takes none.
    pub fn max_datagram_size(&self) -> Option<usize> {
        match self {
            Self::Foctet(peer) => peer.max_datagram_size(),
            Self::Qmux(peer) => Some(peer.max_datagram_size()).filter(|&size| size > 0),
        }
    }

    /// The round trip as this end measured it, once it has.
    pub fn rtt(&self) -> Option<std::time::Duration> {
        match self {
            Self::Foctet(peer) => peer.rtt(),
            Self::Qmux(peer) => peer.stats().rtt(),
        }
    }

    /// Closes the connection.
    pub fn close(&self, code: u32, reason: &str) {
        match self {
            Self::Foctet(peer) => {
                peer.close(code.into(), reason.as_bytes()).expect("32 bits are within the limit");
            }
            Self::Qmux(peer) => peer.close(code, reason),
        }
    }

    /// Waits until the connection is over.
    pub async fn closed(&self) -> Ended {
        match self {
            Self::Foctet(peer) => peer.closed().await.into(),
            Self::Qmux(peer) => peer.closed().await.into(),
        }
    }

    fn foctet_streams(pair: (foctet_mux::SendStream, foctet_mux::RecvStream)) -> (Sending, Receiving) {
        (Sending::Foctet(pair.0), Receiving::Foctet(pair.1))
    }

    fn qmux_streams(pair: (qmux::SendStream, qmux::RecvStream)) -> (Sending, Receiving) {
        (Sending::Qmux(pair.0), Receiving::Qmux(pair.1))
    }
}
