//! What every contestant can do, and the list of them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::str::FromStr;

use anyhow::Context as _;

use crate::answer::{self, Stream};

mod foctet;
mod iroh;
mod noq;
mod quinn;
mod s2n;
mod tcp;
mod tls;
pub(crate) mod yamux;

/// All of them, in the order of the tables.
pub(crate) fn all() -> Vec<Box<dyn Contestant>> {
    vec![
        Box::new(tcp::Tcp),
        Box::new(tls::Tls),
        Box::new(yamux::Yamux),
        Box::new(foctet::Foctet::TCP),
        Box::new(noq::Noq),
        Box::new(quinn::Quinn),
        Box::new(s2n::S2n),
        Box::new(iroh::Iroh),
        Box::new(foctet::Foctet::QUIC),
    ]
}

/// The one of this name.
pub(crate) fn named(name: &str) -> anyhow::Result<Box<dyn Contestant>> {
    all().into_iter().find(|contestant| contestant.name() == name).context("no such contestant")
}

/// A future of one of the methods below.
pub(crate) type Pending<'a, T> = Pin<Box<dyn Future<Output = anyhow::Result<T>> + Send + 'a>>;

/// One way to carry streams between two machines.
pub(crate) trait Contestant: Send + Sync {
    /// As in the tables and after `--only`.
    fn name(&self) -> &'static str;

    /// Whether a connection carries streams. If not, [`Link::open`] makes a connection.
    fn has_streams(&self) -> bool {
        true
    }

    /// Starts a server at this address that gives each stream to [`serve_stream`] until the program ends.
    fn serve(&self, address: IpAddr) -> Pending<'static, Card>;

    /// Everything that a dialler at this address makes once: key, certificate, configuration, socket.
    fn client(&self, server: &Card, from: IpAddr) -> Pending<'static, Box<dyn Client>>;
}

/// What a dialler has to know of a server. Its text form is for another process.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    pub(crate) address: SocketAddr,
    /// A certificate or a public key.
    pub(crate) identity: Vec<u8>,
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.address)?;
        self.identity.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Card {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (address, hex) = text.split_once('/').context("no card of a server")?;
        let byte = |at: usize| Ok(u8::from_str_radix(hex.get(at..at + 2).context("half a byte")?, 16)?);
        let identity: anyhow::Result<_> = (0..hex.len()).step_by(2).map(byte).collect();
        Ok(Self { address: address.parse()?, identity: identity? })
    }
}

/// A dialler.
pub(crate) trait Client: Send + Sync {
    /// A connection, with both sides verified as far as the dialler can know.
    fn connect(&self) -> Pending<'_, Box<dyn Link>>;
}

/// A connection.
pub(crate) trait Link: Send + Sync {
    /// A stream to the server; it may not notice before the first byte.
    fn open(&self) -> Pending<'_, Box<dyn Stream>>;

    /// Closes the connection, without waiting for the peer.
    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Answers one stream in a task of its own.
fn serve_stream(stream: impl Stream + 'static) {
    // An error is a connection that went away; the dialler notices and reports.
    tokio::spawn(answer::answer(stream));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_survives_being_printed() -> anyhow::Result<()> {
        let card = Card { address: ([127, 0, 0, 1], 5).into(), identity: vec![0, 1, 0xfe] };
        assert_eq!(card.to_string(), "127.0.0.1:5/0001fe");
        let again: Card = card.to_string().parse()?;
        assert_eq!((again.address, again.identity), (card.address, card.identity));
        assert!("127.0.0.1:5/00f".parse::<Card>().is_err());
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_contestant_carries_streams_both_ways() -> anyhow::Result<()> {
        use std::net::Ipv4Addr;
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        for contestant in all() {
            let card = contestant.serve(here).await?.to_string().parse()?;
            // Some end with their endpoint.
            let client = contestant.client(&card, here).await?;
            let link = client.connect().await?;
            for size in [1, 100_000] {
                let mut echo = answer::Echo::start(link.open().await?, size).await?;
                echo.round_trip().await?;
                echo.finish().await?;
            }
            answer::Counted::start(link.open().await?).await?.send(1 << 20).await?;
            answer::once(link.open().await?).await?;
            link.close().await;
        }
        Ok(())
    }
}
