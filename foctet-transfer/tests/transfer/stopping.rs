//! Transfers that end before they are complete, for a reason that is nobody's fault.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use foctet_core::TicketSecret;
use foctet_transfer::wire::FailureCode;
use foctet_transfer::{Event, Incoming, ReceiveError, SaveOptions, SendError, Sender};
use tokio::sync::Notify;

use crate::pair::{Pair, secret};
use crate::tree::{names, noise, write};

pub(crate) async fn a_declined_offer_is_told_as_declined(pair: Pair) {
    write(pair.source().join("f"), "x");
    let (receiver, sender) = pair.connect().await;
    let serving = Sender::new(pair.offer(&["f"]), secret());
    let receive = async { Incoming::fetch(&receiver, &secret()).await.unwrap().decline().await };
    let (sent, ()) = tokio::join!(serving.serve(&sender, |_| ()), receive);
    assert_eq!(sent, Err(SendError::Declined));
    assert!(names(pair.target()).is_empty());
}

pub(crate) async fn a_wrong_secret_is_refused_and_the_sender_goes_on(pair: Pair) {
    write(pair.source().join("f"), "x");
    let serving = Sender::new(pair.offer(&["f"]), secret());
    let (receiver, sender) = pair.connect().await;
    let wrong = TicketSecret::from_bytes([8; 16]);
    let (sent, fetched) = tokio::join!(serving.serve(&sender, |_| ()), Incoming::fetch(&receiver, &wrong));
    assert_eq!(sent, Err(SendError::WrongSecret));
    assert_eq!(fetched.err(), Some(ReceiveError::WrongSecret));

    let (receiver, sender) = pair.connect().await;
    let receive = async {
        let incoming = Incoming::fetch(&receiver, &secret()).await.unwrap();
        incoming.save_into(&pair.target(), &SaveOptions::default(), |_| ()).await
    };
    let (sent, received) = tokio::join!(serving.serve(&sender, |_| ()), receive);
    sent.unwrap();
    received.unwrap();
}

/// Runs a future until content has begun to flow, then drops it.
async fn drop_midway<T>(begun: &Notify, future: impl Future<Output = T>) {
    tokio::select! {
        _ = future => panic!("it was to be dropped midway"),
        () = begun.notified() => {}
    }
}

fn tell(begun: &Notify) -> impl Fn(Event) + Send + Sync {
    |event| {
        if matches!(event, Event::Progress { .. }) {
            begun.notify_one();
        }
    }
}

/// Waits until nothing is in a directory any more: threads remove partials shortly after a transfer was dropped.
async fn emptied(dir: &Path) {
    while !names(dir).is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn a_receiver_that_is_dropped_leaves_nothing_and_the_sender_learns_it(pair: Pair) {
    write(pair.source().join("d/f"), noise(1, 96 << 20));
    let (receiver, sender) = pair.connect().await;
    let serving = Sender::new(pair.offer(&["d"]), secret());
    let begun = Notify::new();
    let receive = async {
        let incoming = Incoming::fetch(&receiver, &secret()).await.unwrap();
        let into = pair.target();
        drop_midway(&begun, incoming.save_into(&into, &SaveOptions::default(), tell(&begun))).await;
    };
    let (sent, ()) = tokio::join!(serving.serve(&sender, |_| ()), receive);
    assert!(matches!(sent, Err(SendError::Receiver(failure)) if failure.code == FailureCode::Cancelled));
    emptied(&pair.target()).await;
}

pub(crate) async fn a_sender_that_is_dropped_is_learned_by_the_receiver(pair: Pair) {
    write(pair.source().join("d/f"), noise(1, 96 << 20));
    let (receiver, sender) = pair.connect().await;
    let serving = Sender::new(pair.offer(&["d"]), secret());
    let begun = Notify::new();
    let receive = async {
        let incoming = Incoming::fetch(&receiver, &secret()).await.unwrap();
        incoming.save_into(&pair.target(), &SaveOptions::default(), tell(&begun)).await
    };
    let ((), received) = tokio::join!(drop_midway(&begun, serving.serve(&sender, |_| ())), receive);
    assert!(matches!(received, Err(ReceiveError::Sender(failure)) if failure.code == FailureCode::Cancelled));
    assert!(names(pair.target()).is_empty(), "an error comes back only when the partial is gone");
}

pub(crate) async fn a_lost_connection_is_told_as_such_on_both_sides(pair: Pair) {
    write(pair.source().join("d/f"), noise(1, 96 << 20));
    let (receiver, sender) = pair.connect().await;
    let serving = Sender::new(pair.offer(&["d"]), secret());
    let close = |event| {
        if matches!(event, Event::Progress { .. }) {
            receiver.close(3, b"gone");
        }
    };
    let receive = async {
        let incoming = Incoming::fetch(&receiver, &secret()).await.unwrap();
        incoming.save_into(&pair.target(), &SaveOptions::default(), close).await
    };
    let (sent, received) = tokio::join!(serving.serve(&sender, |_| ()), receive);
    assert!(matches!(sent, Err(SendError::ConnectionLost(_))), "{sent:?}");
    assert!(matches!(received, Err(ReceiveError::ConnectionLost(_))), "{received:?}");
    assert!(names(pair.target()).is_empty());
}

pub(crate) async fn output_that_is_closed_ends_the_transfer(pair: Pair) {
    write(pair.source().join("f"), noise(1, 32 << 20));
    let (receiver, sender) = pair.connect().await;
    let serving = Sender::new(Arc::clone(&pair.offer(&["f"])), secret());
    let (output, mut reader) = tokio::io::duplex(1 << 16);
    let read = async {
        tokio::io::AsyncReadExt::read_exact(&mut reader, &mut [0; 3000]).await.unwrap();
        drop(reader);
    };
    let receive = async {
        let incoming = Incoming::fetch(&receiver, &secret()).await.unwrap();
        incoming.stream_into(output, |_| ()).await
    };
    let (sent, received, ()) = tokio::join!(serving.serve(&sender, |_| ()), receive, read);
    assert!(
        matches!(received, Err(ReceiveError::Output { kind: std::io::ErrorKind::BrokenPipe, .. })),
        "{received:?}"
    );
    assert!(matches!(sent, Err(SendError::Receiver(failure)) if failure.code == FailureCode::Cancelled));
}
