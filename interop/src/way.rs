//! The ways round in which a scenario is played, and the two connected ends it gets.

use std::time::Duration;

use foctet_mux::{Config, Connection, Role};
use qmux::{Session, Version, transport::Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::{Peer, Wire};

/// Longer than any scenario needs on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// `foctet-mux`.
    Foctet,
    /// The crate `qmux`.
    Qmux,
}

/// What both ends announce to each other.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Receive window of one stream, in bytes.
    pub stream_window: u64,
    /// Receive window of the connection, in bytes.
    pub connection_window: u64,
    /// Streams of each kind that the peer may have open.
    pub streams: u64,
    /// Silence after which the connection is given up.
    pub idle: Duration,
    /// Largest datagram frame taken, in bytes; 0 for no datagrams.
    pub datagram_frame: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stream_window: 256 * 1024,
            connection_window: 1024 * 1024,
            streams: 100,
            idle: Duration::from_secs(60),
            datagram_frame: 1200,
        }
    }
}

impl Settings {
    /// As the configuration of `foctet-mux`.
    pub fn for_foctet(&self) -> Config {
        let datagram_frame = usize::try_from(self.datagram_frame).expect("a sensible size");
        Config::default()
            .stream_receive_window(self.stream_window)
            .receive_window(self.connection_window)
            .max_streams_bidi(self.streams)
            .max_streams_uni(self.streams)
            .max_idle_timeout(Some(self.idle))
            .max_datagram_frame_size(datagram_frame)
            // Small, so that a writer feels its peer's window rather than our own buffer.
            .send_window(256 * 1024)
            .stream_send_window(64 * 1024)
    }

    /// As the configuration of the crate `qmux`.
    pub fn for_qmux(&self) -> qmux::Config {
        let mut config = qmux::Config::new(Version::QMux02);
        config.max_stream_data_bidi_local = self.stream_window;
        config.max_stream_data_bidi_remote = self.stream_window;
        config.max_stream_data_uni = self.stream_window;
        config.max_data = self.connection_window;
        config.max_streams_bidi = self.streams;
        config.max_streams_uni = self.streams;
        config.max_idle_timeout = u64::try_from(self.idle.as_millis()).expect("a sensible timeout");
        config.max_datagram_frame_size = self.datagram_frame;
        config
    }
}

/// Who dials, and who opens the streams (or is what a scenario is about).
#[derive(Debug, Clone, Copy)]
pub struct Way {
    dialler: Library,
    opener: Library,
}

impl Way {
    /// One of the four.
    pub fn new(dialler: Library, opener: Library) -> Self {
        Self { dialler, opener }
    }

    /// The opener and its peer, over TCP on loopback.
    pub async fn over_tcp(&self, settings: &Settings) -> (Peer, Peer) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on loopback");
        let address = listener.local_addr().expect("the port is known");
        let (dialled, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (dialled, (accepted, _)) = (dialled.expect("loopback connects"), accepted.expect("and accepts"));
        self.establish(settings, settings, dialled, accepted).await
    }

    /// The opener, its peer and the wire between them, in memory: nothing there waits for a real clock or a
    /// kernel, so that a paused clock moves only when every task is blocked.
    pub async fn over_memory(&self, settings: &Settings) -> (Peer, Peer, Wire) {
        self.over_memory_between(settings, settings).await
    }

    /// The same where the two announce different things.
    pub async fn over_memory_between(&self, opener: &Settings, other: &Settings) -> (Peer, Peer, Wire) {
        let (dialled, accepted, wire) = Wire::new();
        let (opener, other) = self.establish(opener, other, dialled, accepted).await;
        (opener, other, wire)
    }

    async fn establish<T>(&self, opener: &Settings, other: &Settings, dialled: T, accepted: T) -> (Peer, Peer)
    where
        T: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (ours, theirs) = match self.opener {
            Library::Foctet => (opener.for_foctet(), other.for_qmux()),
            Library::Qmux => (other.for_foctet(), opener.for_qmux()),
        };
        let (foctet, qmux) = match self.dialler {
            Library::Foctet => {
                let foctet = Connection::new(dialled, Role::Client, ours);
                let carrier = Stream::new(accepted, theirs.version, theirs.max_record_size);
                (foctet, Session::accept(carrier, theirs).await)
            }
            Library::Qmux => {
                let foctet = Connection::new(accepted, Role::Server, ours);
                let carrier = Stream::new(dialled, theirs.version, theirs.max_record_size);
                (foctet, Session::connect(carrier, theirs).await)
            }
        };
        let qmux = qmux.expect("the other library takes our transport parameters");
        foctet.established().await.expect("and we take theirs");
        match self.opener {
            Library::Foctet => (Peer::Foctet(foctet), Peer::Qmux(qmux.into())),
            Library::Qmux => (Peer::Qmux(qmux.into()), Peer::Foctet(foctet)),
        }
    }
}

/// Runs a scenario, and fails it where it hangs.
pub async fn patience<T>(scenario: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, scenario).await.expect("the scenario comes to its end")
}

/// Returns when every task is blocked. Only under a paused clock and over memory: time then moves on only when
/// nothing else can.
pub async fn when_nothing_moves() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Makes four tests of each scenario: `async fn(Way)`.
#[macro_export]
macro_rules! every_way {
    ($test:meta: $($scenario:ident),+ $(,)?) => {
        $(mod $scenario {
            use $crate::{Library::{Foctet, Qmux}, Way, patience};

            #[$test]
            async fn where_foctet_dials_and_opens() {
                patience(super::$scenario(Way::new(Foctet, Foctet))).await;
            }

            #[$test]
            async fn where_foctet_dials_and_qmux_opens() {
                patience(super::$scenario(Way::new(Foctet, Qmux))).await;
            }

            #[$test]
            async fn where_qmux_dials_and_foctet_opens() {
                patience(super::$scenario(Way::new(Qmux, Foctet))).await;
            }

            #[$test]
            async fn where_qmux_dials_and_opens() {
                patience(super::$scenario(Way::new(Qmux, Qmux))).await;
            }
        })+
    };
}
