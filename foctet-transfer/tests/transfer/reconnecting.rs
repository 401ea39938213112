//! Connections that are cut, and transfers that go on over the next one.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use foctet_net::{ConnectError, Connection};
use foctet_transfer::{
    Event, Incoming, Offer, ReceiveError, Reconnect, SaveOptions, SendError, Sender, Summary,
};
use tokio::io::AsyncWrite;
use tokio::task::JoinSet;

use crate::pair::{Pair, secret};
use crate::tree::{names, noise, snapshot, write};

/// Bytes that a connection carries beside content and manifest, in each MiB and at all: values, frames, what the
/// transport adds, and packets that it sends twice.
const AROUND_A_MIB: u64 = 100_000;
const AROUND_ALL: u64 = 200_000;

/// The receiver's connections, the last one in use.
#[derive(Clone, Default)]
struct Connections(Arc<Mutex<Vec<Connection>>>);

impl Connections {
    fn push(&self, connection: Connection) {
        self.0.lock().unwrap().push(connection);
    }

    fn cut(&self) {
        self.0.lock().unwrap().last().unwrap().close(9, b"cut");
    }

    /// Bytes that each has brought.
    fn brought(&self) -> Vec<u64> {
        self.0.lock().unwrap().iter().map(|connection| connection.stats().bytes_received).collect()
    }
}

struct Outcome {
    received: Result<Summary, ReceiveError>,
    sent: Vec<Result<Summary, SendError>>,
    /// How far the transfer had come at each reconnection.
    resumed: Vec<u64>,
    brought: Vec<u64>,
}

impl Outcome {
    /// Everything is here, the sender knows it once, and `cuts` connections were not enough.
    fn assert_complete(&self, cuts: usize) -> &Summary {
        let received = self.received.as_ref().unwrap();
        let confirmed: Vec<_> = self.sent.iter().flatten().collect();
        assert_eq!(confirmed.len(), 1, "{:?}", self.sent);
        assert_eq!(
            (confirmed[0].bytes, confirmed[0].files, confirmed[0].blake3, confirmed[0].repeated),
            (received.bytes, received.files, received.blake3, false)
        );
        assert_eq!(self.resumed.len(), cuts);
        for lost in self.sent.iter().filter_map(|sent| sent.as_ref().err()) {
            assert!(matches!(lost, SendError::ConnectionLost(_) | SendError::Replaced), "{lost:?}");
        }
        received
    }

    /// Nothing that was verified came again.
    fn assert_nothing_twice(&self, total: u64, manifest: u64) {
        for (resumed, brought) in self.resumed.iter().zip(&self.brought[1..]) {
            let missing = total - resumed;
            let most = missing + manifest + AROUND_ALL + (missing >> 20) * AROUND_A_MIB;
            assert!(*brought <= most, "{brought} bytes came, {missing} were missing of {total}");
        }
    }
}

enum Into<'a> {
    Dir(&'a Path),
    Output(Written),
}

/// Receives what `senders` offer, one for each connection and the last one for all that follow. `cut` sees all of the
/// receiver's events and says when to cut its connection; `early` cuts before consent.
async fn transfer(
    pair: &Pair,
    senders: Vec<Sender>,
    into: Into<'_>,
    early: bool,
    cut: impl Fn(&Event) -> bool + Send + Sync,
) -> Outcome {
    let connections = Connections::default();
    let resumed = Mutex::new(Vec::new());
    let reconnect = {
        let (dial, connections) = (pair.dialler(), connections.clone());
        Reconnect::new(move || {
            let (dial, connections) = (dial(), connections.clone());
            async move {
                let connection = dial.await?;
                connections.push(connection.clone());
                Ok::<_, ConnectError>(connection)
            }
        })
    };
    let events = |event| {
        if let Event::Reconnected { bytes } = event {
            resumed.lock().unwrap().push(bytes);
        }
        if cut(&event) {
            connections.cut();
        }
    };
    let receive = async {
        let connection = pair.dialler()().await.unwrap();
        connections.push(connection.clone());
        let incoming = Incoming::fetch_and_hold(&connection, &secret(), reconnect, &events).await?;
        if early {
            connections.cut();
        }
        match into {
            Into::Dir(dir) => incoming.save_into(dir, &SaveOptions::default(), &events).await,
            Into::Output(output) => incoming.stream_into(output, &events).await,
        }
    };
    let mut served = JoinSet::new();
    let mut senders = VecDeque::from(senders);
    let received = {
        tokio::pin!(receive);
        loop {
            tokio::select! {
                received = &mut receive => break received,
                connection = pair.accept() => {
                    let sender = senders[0].clone();
                    if senders.len() > 1 {
                        senders.pop_front();
                    }
                    served.spawn(async move { sender.serve(&connection, |_| ()).await });
                }
            }
        }
    };
    let sent = served.join_all().await;
    let brought = connections.brought();
    Outcome { received, sent, resumed: resumed.into_inner().unwrap(), brought }
}

fn sender(offer: Arc<Offer>) -> Sender {
    Sender::new(offer, secret())
}

/// Says yes when the transfer has come as far as each of these bytes, once for each.
fn at(points: impl IntoIterator<Item = u64>) -> impl Fn(&Event) -> bool + Send + Sync {
    let points = Mutex::new(points.into_iter().collect::<VecDeque<_>>());
    move |event| {
        let Event::Progress { bytes, .. } = event else { return false };
        let mut points = points.lock().unwrap();
        let due = points.front().is_some_and(|point| bytes >= point);
        while points.front().is_some_and(|point| bytes >= point) {
            points.pop_front();
        }
        due
    }
}

pub(crate) async fn a_connection_cut_in_the_middle_of_a_file_costs_only_what_was_on_the_way(pair: Pair) {
    const LEN: usize = (40 << 20) + 4321;
    write(pair.source().join("f"), noise(1, LEN));
    let (offer, into) = (pair.offer(&["f"]), pair.target());
    let outcome = transfer(&pair, vec![sender(offer)], Into::Dir(&into), false, at([7 << 20])).await;
    let summary = outcome.assert_complete(1);
    assert_eq!(summary.blake3, *blake3::hash(&noise(1, LEN)).as_bytes());
    outcome.assert_nothing_twice(LEN as u64, 100);
    assert!(outcome.resumed[0] >= 7 << 20);
    assert_eq!(snapshot(&into), snapshot(pair.source()));
}

pub(crate) async fn a_transfer_survives_cuts_at_many_points(pair: Pair) {
    for (n, size) in
        [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 9 << 20, 3 << 20, 17 << 20].iter().enumerate()
    {
        write(pair.source().join(format!("d/{n}")), noise(n as u64, *size));
    }
    for step in [1, 3, 5] {
        let into = pair.target().join(format!("{step}"));
        std::fs::create_dir(&into).unwrap();
        let points = (0..33).step_by(step).map(|mib| (mib << 20) + 1);
        let senders = vec![sender(pair.offer(&["d"]))];
        let outcome = transfer(&pair, senders, Into::Dir(&into), false, at(points)).await;
        assert!(outcome.resumed.len() >= 3, "{:?}", outcome.resumed);
        outcome.assert_complete(outcome.resumed.len());
        assert!(outcome.resumed.is_sorted(), "what is here is never lost: {:?}", outcome.resumed);
        assert_eq!(snapshot(&into), snapshot(pair.source()));
    }
}

pub(crate) async fn a_connection_cut_among_ten_thousand_small_files_costs_only_what_was_on_the_way(
    pair: Pair,
) {
    const FILES: u64 = 10_000;
    const LEN: u64 = 3000;
    for n in 0..FILES {
        write(pair.source().join(format!("d/{}/{n}", n % 10)), noise(n, LEN as usize));
    }
    let (offer, into) = (pair.offer(&["d"]), pair.target());
    let outcome = transfer(&pair, vec![sender(offer)], Into::Dir(&into), false, at([FILES * LEN / 3])).await;
    let summary = outcome.assert_complete(1);
    assert_eq!(summary.files, FILES as u32);
    // The manifest comes again, and each file has its kind, value, kind and hash.
    outcome.assert_nothing_twice(FILES * LEN, FILES * (40 + 66));
    assert_eq!(snapshot(&into), snapshot(pair.source()));
}

pub(crate) async fn a_connection_cut_before_consent_is_made_again(pair: Pair) {
    write(pair.source().join("f"), noise(1, 3 << 20));
    let (offer, into) = (pair.offer(&["f"]), pair.target());
    let outcome = transfer(&pair, vec![sender(offer)], Into::Dir(&into), true, |_| false).await;
    outcome.assert_complete(1);
    assert_eq!(snapshot(&into), snapshot(pair.source()));
}

pub(crate) async fn a_connection_cut_while_everything_is_put_in_place_does_not_matter(pair: Pair) {
    write(pair.source().join("d/a"), noise(1, 3 << 20));
    write(pair.source().join("d/b"), "b");
    let (offer, into) = (pair.offer(&["d"]), pair.target());
    let flushing = |event: &Event| *event == Event::Flushing;
    let outcome = transfer(&pair, vec![sender(offer)], Into::Dir(&into), false, flushing).await;
    outcome.assert_complete(1);
    assert!(outcome.brought[1] < AROUND_ALL, "{:?}", outcome.brought);
    assert_eq!(snapshot(&into), snapshot(pair.source()));
}

pub(crate) async fn a_sender_that_is_gone_when_everything_is_in_place_takes_nothing_back(pair: Pair) {
    write(pair.source().join("f"), noise(1, 3 << 20));
    let into = pair.target();
    let connection = pair.connect().await;
    let reconnect = Reconnect::new(|| async { Err(ConnectError::EndpointClosed) });
    let serving = sender(pair.offer(&["f"]));
    let receive = async {
        let incoming = Incoming::fetch_and_hold(&connection.0, &secret(), reconnect, |_| ()).await.unwrap();
        let cut = |event| {
            if event == Event::Flushing {
                connection.0.close(9, b"cut");
            }
        };
        incoming.save_into(&into, &SaveOptions::default(), cut).await
    };
    let (sent, received) = tokio::join!(serving.serve(&connection.1, |_| ()), receive);
    assert!(matches!(sent, Err(SendError::ConnectionLost(_))), "{sent:?}");
    assert_eq!(received.unwrap().bytes, 3 << 20);
    assert_eq!(snapshot(&into), snapshot(pair.source()));
}

pub(crate) async fn a_stream_goes_on_from_the_group_where_it_stood(pair: Pair) {
    const LEN: usize = (20 << 20) + 99;
    write(pair.source().join("f"), noise(1, LEN));
    let output = Written::default();
    let senders = vec![sender(pair.offer(&["f"]))];
    let points = [1 << 20, 6 << 20, 13 << 20];
    let outcome = transfer(&pair, senders, Into::Output(output.clone()), false, at(points)).await;
    let summary = outcome.assert_complete(outcome.resumed.len());
    assert!(!outcome.resumed.is_empty());
    assert_eq!(summary.bytes, LEN as u64);
    assert!(*output.0.lock().unwrap() == noise(1, LEN), "not what was sent");
    outcome.assert_nothing_twice(LEN as u64, 100);
}

pub(crate) async fn a_no_is_told_over_another_connection(pair: Pair) {
    write(pair.source().join("f"), "x");
    let serving = sender(pair.offer(&["f"]));
    let dial = pair.dialler();
    let reconnect = Reconnect::new(dial);
    let ((receiver, first), decliner) = (pair.connect().await, secret());
    let decline = async {
        let incoming = Incoming::fetch_and_hold(&receiver, &decliner, reconnect, |_| ()).await.unwrap();
        receiver.close(9, b"cut");
        incoming.decline().await;
    };
    let serve_again = async { serving.serve(&pair.accept().await, |_| ()).await };
    let (lost, declined, ()) = tokio::join!(serving.serve(&first, |_| ()), serve_again, decline);
    assert!(matches!(lost, Err(SendError::ConnectionLost(_))), "{lost:?}");
    assert_eq!(declined, Err(SendError::Declined));
}

pub(crate) async fn a_sender_that_has_forgotten_reads_again_but_does_not_send_again(pair: Pair) {
    for (n, size) in [5, 2 << 20, 0, 30 << 20, 7].iter().enumerate() {
        write(pair.source().join(format!("d/{n}")), noise(n as u64, *size));
    }
    let (offer, into) = (pair.offer(&["d"]), pair.target());
    let senders = (0..3).map(|_| sender(Arc::clone(&offer))).collect();
    let points = [9 << 20, 20 << 20];
    let outcome = transfer(&pair, senders, Into::Dir(&into), false, at(points)).await;
    outcome.assert_complete(outcome.resumed.len());
    outcome.assert_nothing_twice(offer.manifest().total_bytes(), 1000);
    assert_eq!(snapshot(&into), snapshot(pair.source()));
}

pub(crate) async fn a_sender_that_comes_back_with_other_content_is_refused(pair: Pair) {
    write(pair.source().join("f"), noise(1, 20 << 20));
    let before = pair.offer(&["f"]);
    let other = tempfile::tempdir().unwrap();
    write(other.path().join("f"), noise(2, 20 << 20));
    let after = Offer::scan(&[other.path().join("f")], &foctet_transfer::ScanOptions::default()).unwrap();
    let (senders, into) = (vec![sender(before), sender(Arc::new(after))], pair.target());
    let outcome = transfer(&pair, senders, Into::Dir(&into), false, at([2 << 20])).await;
    assert_eq!(outcome.received, Err(ReceiveError::OfferChanged));
    assert!(outcome.sent.iter().all(Result::is_err), "{:?}", outcome.sent);
    assert!(names(&into).is_empty());
}

pub(crate) async fn a_sender_that_stays_away_is_given_up_and_nothing_is_left(pair: Pair) {
    write(pair.source().join("f"), noise(1, 20 << 20));
    let (receiver, sending) = pair.connect().await;
    let unreachable = || async { Err(ConnectError::Unreachable { attempts: Vec::new() }) };
    let reconnect = Reconnect::new(unreachable).limit(Duration::from_millis(500));
    let serving = sender(pair.offer(&["f"]));
    let receive = async {
        let incoming = Incoming::fetch_and_hold(&receiver, &secret(), reconnect, |_| ()).await.unwrap();
        let cut = |event| {
            if matches!(event, Event::Progress { .. }) {
                receiver.close(9, b"cut");
            }
        };
        incoming.save_into(&pair.target(), &SaveOptions::default(), cut).await
    };
    let (_, received) = tokio::join!(serving.serve(&sending, |_| ()), receive);
    assert!(matches!(received, Err(ReceiveError::ConnectionLost(_))), "{received:?}");
    assert!(names(pair.target()).is_empty());
}

/// An output that keeps what is written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl AsyncWrite for Written {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().unwrap().extend_from_slice(data);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
