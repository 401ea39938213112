//! Receivers that do not keep to the protocol, and honest ones that use more of it than ours does.

use std::time::Duration;

use blake3::hazmat::HasherExt;
use foctet_net::{Connection, RecvStream, SendStream};
use foctet_transfer::wire::{
    ANSWER_END, ANSWER_GROUP, ANSWER_VALUE, ANSWER_WHOLE, ASKED_ANEW, Failure, FailureCode, Frame,
    FrameDecoder, FrameError, Range, Run,
};
use foctet_transfer::{MAX_DATA_STREAMS, ProtocolError, SendError, Sender, Summary};

use crate::pair::{Pair, secret};
use crate::tree::{noise, write};

/// The control stream of a receiver made of frames.
struct Fake {
    connection: Connection,
    send: SendStream,
    recv: RecvStream,
    decoder: FrameDecoder,
}

impl Fake {
    async fn hello(connection: Connection) -> Self {
        let (send, recv) = connection.open_bi().await.unwrap();
        let mut fake = Self { connection, send, recv, decoder: FrameDecoder::new() };
        fake.say(Frame::Hello { secret: secret(), features: u64::MAX }).await;
        fake
    }

    /// Takes the manifest and consents.
    async fn accept(connection: Connection) -> Self {
        let mut fake = Self::hello(connection).await;
        fake.manifest().await;
        fake.say(Frame::Accept).await;
        fake
    }

    async fn manifest(&mut self) {
        while !matches!(self.next().await.unwrap(), Frame::ManifestEnd { .. }) {}
    }

    async fn say(&mut self, frame: Frame) {
        self.send.write_chunk(frame.encode()).await.ok();
    }

    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return Some(frame);
            }
            self.decoder.push(&self.recv.read_chunk(65_536).await.ok()??);
        }
    }

    async fn failure(&mut self) -> Failure {
        loop {
            if let Frame::Fail(failure) = self.next().await.expect("a reason") {
                return failure;
            }
        }
    }

    async fn request(&self, ranges: Vec<Range>) -> (SendStream, RecvStream) {
        let (mut send, recv) = self.connection.open_bi().await.unwrap();
        send.write_chunk(Frame::Request(ranges).encode()).await.unwrap();
        (send, recv)
    }
}

/// A directory `d` with the files `a` (3.5 groups), `b` (5 bytes), `c` (empty): entries 1, 2 and 3.
fn source(pair: &Pair) -> Vec<u8> {
    let content = noise(1, (3 << 20) + (1 << 19));
    write(pair.source().join("d/a"), &content);
    write(pair.source().join("d/b"), "small");
    write(pair.source().join("d/c"), "");
    content
}

async fn serve_to<F: Future<Output = ()>>(
    pair: &Pair,
    script: impl FnOnce(Connection) -> F,
) -> Result<Summary, SendError> {
    let (receiver, sender) = pair.connect().await;
    let serving = Sender::new(pair.offer(&["d"]), secret()).stall_timeout(Duration::from_secs(2));
    let (sent, ()) = tokio::join!(serving.serve(&sender, |_| ()), script(receiver));
    sent
}

/// The right result for all that [`source`] wrote.
fn all_done(pair: &Pair, content: &[u8]) -> Frame {
    let mut root = blake3::Hasher::new_derive_key("foctet-transfer/1 content root");
    root.update(&pair.offer(&["d"]).manifest().hash());
    for file in [content, b"small", b""] {
        root.update(&[1]).update(blake3::hash(file).as_bytes());
    }
    Frame::Done { root: *root.finalize().as_bytes(), files: 3, bytes: content.len() as u64 + 5 }
}

fn range(entry: u32, first: u64, count: u64) -> Range {
    Range { entry, first, count, values_only: false }
}

pub(crate) async fn what_was_not_offered_cannot_be_asked_for(pair: Pair) {
    source(&pair);
    for wrong in [
        range(0, 0, 1),
        range(0, 0, 0),
        range(1, 0, 5),
        range(1, 4, 1),
        range(1, 0, 0),
        range(1, u64::MAX, 1),
        range(1, 1, u64::MAX),
        range(2, 1, 0),
        range(3, 0, 1),
        range(4, 0, 1),
        range(u32::MAX, 0, 1),
    ] {
        let sent = serve_to(&pair, |connection| async move {
            let mut fake = Fake::accept(connection).await;
            let _streams = fake.request(vec![range(2, 0, 1), wrong]).await;
            assert_eq!(fake.failure().await.code, FailureCode::Protocol);
        });
        assert_eq!(sent.await, Err(SendError::Protocol(ProtocolError::NotOffered)), "{wrong:?}");
    }
    // Left out before.
    let sent = serve_to(&pair, |connection| async move {
        let mut fake = Fake::hello(connection).await;
        fake.manifest().await;
        fake.say(Frame::LeaveOut(vec![Run { first: 1, count: 1 }])).await;
        fake.say(Frame::Accept).await;
        let _streams = fake.request(vec![range(1, 0, 1)]).await;
        assert_eq!(fake.failure().await.code, FailureCode::Protocol);
    });
    assert_eq!(sent.await, Err(SendError::Protocol(ProtocolError::NotOffered)));
}

pub(crate) async fn a_result_that_was_not_sent_is_not_believed(pair: Pair) {
    source(&pair);
    // At once, with any root; and after all but one file, with the right sums.
    for asked in
        [vec![], vec![range(1, 0, 4), range(2, 0, 1)], vec![range(1, 0, 4), range(2, 0, 1), range(3, 0, 0)]]
    {
        let sent = serve_to(&pair, |connection| async move {
            let mut fake = Fake::accept(connection).await;
            if !asked.is_empty() {
                let (mut send, mut recv) = fake.request(asked).await;
                send.finish().unwrap();
                recv.read_to_end(10 << 20).await.unwrap();
            }
            fake.say(Frame::Done { root: [1; 32], files: 3, bytes: (3 << 20) + (1 << 19) + 5 }).await;
            assert_eq!(fake.failure().await.code, FailureCode::Unverified);
        });
        assert_eq!(sent.await, Err(SendError::Protocol(ProtocolError::WrongResult)));
    }
}

pub(crate) async fn garbage_from_the_receiver_is_refused(pair: Pair) {
    source(&pair);
    // In place of the hello: nothing of the offer is told.
    for (garbage, error) in [
        (
            &b"GET / HTTP/1.1\r\n\r\n"[..],
            ProtocolError::from(FrameError::TooLong(u32::from_be_bytes(*b"ET /"))),
        ),
        (&[1, 0, 0, 0, 3, 1, 2, 3], FrameError::Malformed(1).into()),
        (&[6, 0, 0, 0, 0], ProtocolError::Unexpected { expected: "a hello" }),
    ] {
        let sent = serve_to(&pair, |connection| async move {
            let (mut send, mut recv) = connection.open_bi().await.unwrap();
            send.write_all(garbage).await.unwrap();
            let answer = recv.read_to_end(1000).await.unwrap();
            let mut decoder = FrameDecoder::new();
            decoder.push(&answer);
            let told = decoder.next_frame().unwrap();
            assert_eq!(told, Some(Frame::Fail(Failure::new(FailureCode::Protocol))));
            assert!(decoder.is_empty());
        });
        assert_eq!(sent.await, Err(SendError::Protocol(error)));
    }
    // On a data stream.
    let sent = serve_to(&pair, |connection| async move {
        let mut fake = Fake::accept(connection).await;
        let (mut send, _recv) = fake.connection.open_bi().await.unwrap();
        send.write_all(&[0x10, 0, 0, 0, 1, 0]).await.unwrap();
        assert_eq!(fake.failure().await.code, FailureCode::Protocol);
    });
    assert_eq!(sent.await, Err(SendError::Protocol(FrameError::Malformed(0x10).into())));
    let sent = serve_to(&pair, |connection| async move {
        let mut fake = Fake::accept(connection).await;
        let (mut send, _recv) = fake.connection.open_bi().await.unwrap();
        send.write_chunk(Frame::Accept.encode()).await.unwrap();
        assert_eq!(fake.failure().await.code, FailureCode::Protocol);
    });
    assert!(matches!(sent.await, Err(SendError::Protocol(ProtocolError::Unexpected { .. }))));
}

pub(crate) async fn streams_beyond_the_limit_are_refused(pair: Pair) {
    source(&pair);
    let sent = serve_to(&pair, |connection| async move {
        let mut fake = Fake::accept(connection).await;
        let mut streams = Vec::new();
        for _ in 0..=MAX_DATA_STREAMS {
            streams.push(fake.request(vec![range(2, 0, 1)]).await);
        }
        assert_eq!(fake.failure().await.code, FailureCode::Protocol);
    });
    assert_eq!(sent.await, Err(SendError::Protocol(ProtocolError::TooManyStreams)));
}

pub(crate) async fn a_receiver_that_never_reads_is_given_up(pair: Pair) {
    write(pair.source().join("d/a"), noise(1, 64 << 20));
    let sent = serve_to(&pair, |connection| async move {
        let mut fake = Fake::accept(connection).await;
        let _streams = fake.request(vec![range(1, 0, 64)]).await;
        assert_eq!(fake.failure().await.code, FailureCode::Stalled);
    });
    assert_eq!(sent.await, Err(SendError::Stalled));
}

/// Reads one group's answer and returns its bytes.
async fn read_group(recv: &mut RecvStream, len: usize, value: [u8; 32]) -> Vec<u8> {
    let mut answer = vec![0; 1 + len + 32];
    recv.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer[0], ANSWER_GROUP);
    assert_eq!(answer[1 + len..], value);
    answer[1..1 + len].to_vec()
}

async fn read_end(recv: &mut RecvStream, whole: Option<blake3::Hash>) {
    let mut answer = vec![0; if whole.is_some() { 33 } else { 1 }];
    recv.read_exact(&mut answer).await.unwrap();
    match whole {
        Some(hash) => assert_eq!(answer, [&[ANSWER_WHOLE], &hash.as_bytes()[..]].concat()),
        None => assert_eq!(answer, [ANSWER_END]),
    }
}

pub(crate) async fn ranges_can_be_asked_for_in_any_order_and_by_value(pair: Pair) {
    let content = source(&pair);
    let (pair, content) = (&pair, &content);
    let value = |group: usize| {
        let data = &content[group << 20..content.len().min((group + 1) << 20)];
        blake3::Hasher::new().set_input_offset((group as u64) << 20).update(data).finalize_non_root()
    };
    let sent = serve_to(pair, |connection| async move {
        let mut fake = Fake::accept(connection).await;
        // The last group and the second on one stream; the first two groups' values and the third group on another.
        let (mut one, mut first) = fake.request(vec![range(1, 3, 1), range(1, 1, 1)]).await;
        assert!(read_group(&mut first, 1 << 19, value(3)).await == content[3 << 20..]);
        read_end(&mut first, None).await;
        assert!(read_group(&mut first, 1 << 20, value(1)).await == content[1 << 20..2 << 20]);
        read_end(&mut first, None).await;
        let values = Range { values_only: true, ..range(1, 0, 2) };
        let (mut two, mut second) =
            fake.request(vec![values, range(1, 2, 1), range(3, 0, 0), range(2, 0, 1)]).await;
        for group in [0, 1] {
            let mut answer = [0; 33];
            second.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer[..], [&[ANSWER_VALUE], &value(group)[..]].concat());
        }
        read_end(&mut second, None).await;
        read_group(&mut second, 1 << 20, value(2)).await;
        let whole = blake3::hash(content);
        read_end(&mut second, Some(whole)).await;
        let (nothing, small) = (blake3::hash(b""), blake3::hash(b"small"));
        read_end(&mut second, Some(nothing)).await;
        read_group(&mut second, 5, *small.as_bytes()).await;
        read_end(&mut second, Some(small)).await;
        // A file in one go once more: ranges may move to another stream.
        two.write_chunk(Frame::Request(vec![range(2, 0, 1)]).encode()).await.unwrap();
        read_group(&mut second, 5, *small.as_bytes()).await;
        read_end(&mut second, Some(small)).await;
        one.finish().unwrap();
        two.finish().unwrap();
        assert_eq!((first.read(&mut [0]).await, second.read(&mut [0]).await), (Ok(None), Ok(None)));

        fake.say(all_done(pair, content)).await;
        assert_eq!(fake.next().await, Some(Frame::Confirm));
    });
    let sent = sent.await.unwrap();
    assert_eq!(sent.files, 3);
}

pub(crate) async fn a_receiver_may_give_a_stream_up_and_ask_anew(pair: Pair) {
    let content = source(&pair);
    let (pair, content) = (&pair, &content);
    let sent = serve_to(pair, |connection| async move {
        let mut fake = Fake::accept(connection).await;
        // One with everything asked for and nothing read, and one in the middle of asking; more often than may be open at once.
        for round in 0..6 {
            let (mut asking, mut answers) = fake.request(vec![range(1, 0, 4), range(2, 0, 1)]).await;
            if round % 2 == 0 {
                asking.finish().unwrap();
                answers.read_exact(&mut [0; 1000]).await.unwrap();
            } else {
                asking.reset(ASKED_ANEW).unwrap();
            }
            answers.stop(ASKED_ANEW).unwrap();
            // It is over on the other side too.
            assert!(asking.delivered().await.is_ok() || round % 2 == 1);
        }
        let (mut asking, mut answers) =
            fake.request(vec![range(1, 0, 4), range(2, 0, 1), range(3, 0, 0)]).await;
        asking.finish().unwrap();
        let answered = answers.read_to_end(5 << 20).await.unwrap();
        assert_eq!(answered[1..1 << 20], content[..(1 << 20) - 1]);
        fake.say(all_done(pair, content)).await;
        assert_eq!(fake.next().await, Some(Frame::Confirm));
    });
    assert_eq!(sent.await.unwrap().files, 3);
}

pub(crate) async fn a_selection_of_what_was_not_offered_is_refused(pair: Pair) {
    source(&pair);
    let run = |first, count| Run { first, count };
    for runs in [vec![run(4, 1)], vec![run(1, 0)], vec![run(2, 1), run(1, 1)], vec![run(0, u32::MAX)]] {
        let sent = serve_to(&pair, |connection| async move {
            let mut fake = Fake::hello(connection).await;
            fake.manifest().await;
            fake.say(Frame::LeaveOut(runs)).await;
            assert_eq!(fake.failure().await.code, FailureCode::Protocol);
        });
        assert_eq!(sent.await, Err(SendError::Protocol(ProtocolError::BadSelection)));
    }
}

/// Opens the control stream by this frame, and says which place the sender gives.
async fn open_by(connection: Connection, frame: Frame) -> (Fake, u64) {
    let (send, recv) = connection.open_bi().await.unwrap();
    let mut fake = Fake { connection, send, recv, decoder: FrameDecoder::new() };
    fake.say(frame).await;
    let Some(Frame::Place { number }) = fake.next().await else { panic!("no place") };
    fake.manifest().await;
    (fake, number)
}

/// The root of the directory with one file `b` left in it.
async fn done_with_b(fake: &mut Fake, manifest: &foctet_transfer::Manifest) -> Frame {
    let (_send, mut recv) = fake.request(vec![range(2, 0, 1)]).await;
    let mut answer = Vec::new();
    while answer.len() < 1 + 5 + 32 + 1 + 32 {
        answer.extend_from_slice(&recv.read_chunk(1000).await.unwrap().unwrap());
    }
    let mut root = blake3::Hasher::new_derive_key("foctet-transfer/1 content root");
    root.update(&manifest.hash()).update(&[0, 1]).update(blake3::hash(b"small").as_bytes()).update(&[0]);
    Frame::Done { root: *root.finalize().as_bytes(), files: 1, bytes: 5 }
}

pub(crate) async fn a_receiver_that_comes_back_replaces_its_connection_and_counts_once(pair: Pair) {
    source(&pair);
    let offer = pair.offer(&["d"]);
    let serving = Sender::new(std::sync::Arc::clone(&offer), secret());
    let without_a_and_c = [Run { first: 1, count: 1 }, Run { first: 3, count: 1 }];
    let ((r1, s1), (r2, s2), (r3, s3)) = (pair.connect().await, pair.connect().await, pair.connect().await);
    let returning = |place| Frame::Return { secret: secret(), features: 0, place };
    let script = async {
        let (mut first, place) = open_by(r1, Frame::Hello { secret: secret(), features: 0 }).await;
        first.say(Frame::LeaveOut(without_a_and_c.to_vec())).await;
        first.say(Frame::Accept).await;
        let done = done_with_b(&mut first, offer.manifest()).await;
        // The first connection is still up when the second one comes.
        let (mut second, again) = open_by(r2, returning(place)).await;
        assert_eq!(again, place);
        second.say(Frame::LeaveOut(without_a_and_c.to_vec())).await;
        second.say(Frame::Accept).await;
        second.say(done.clone()).await;
        assert_eq!(second.next().await, Some(Frame::Confirm));
        // As if the confirmation had not arrived.
        let (mut third, again) = open_by(r3, returning(place)).await;
        assert_eq!(again, place);
        third.say(Frame::LeaveOut(without_a_and_c.to_vec())).await;
        third.say(Frame::Accept).await;
        third.say(done).await;
        assert_eq!(third.next().await, Some(Frame::Confirm));
        (first, second, third)
    };
    let (one, two, three, _open) = tokio::join!(
        serving.serve(&s1, |_| ()),
        serving.serve(&s2, |_| ()),
        serving.serve(&s3, |_| ()),
        script
    );
    assert_eq!(one, Err(SendError::Replaced));
    assert!(!two.unwrap().repeated);
    assert!(three.unwrap().repeated);
}

pub(crate) async fn another_selection_on_return_is_refused(pair: Pair) {
    source(&pair);
    let serving = Sender::new(pair.offer(&["d"]), secret());
    let ((r1, s1), (r2, s2)) = (pair.connect().await, pair.connect().await);
    let script = async {
        let (mut first, place) = open_by(r1, Frame::Hello { secret: secret(), features: 0 }).await;
        first.say(Frame::Accept).await;
        // What comes after consent is answered only once consent was taken in.
        let _stream = first.request(vec![range(2, 0, 1)]).await.1.read_chunk(1).await.unwrap();
        let (mut second, _) = open_by(r2, Frame::Return { secret: secret(), features: 0, place }).await;
        second.say(Frame::LeaveOut(vec![Run { first: 1, count: 1 }])).await;
        second.say(Frame::Accept).await;
        assert_eq!(second.failure().await.code, FailureCode::Protocol);
        (first, second)
    };
    let (_, two, _open) = tokio::join!(serving.serve(&s1, |_| ()), serving.serve(&s2, |_| ()), script);
    assert_eq!(two, Err(SendError::Protocol(ProtocolError::BadSelection)));
}

pub(crate) async fn a_ping_is_no_receiver(pair: Pair) {
    source(&pair);
    let sent = serve_to(&pair, |connection| async move {
        let mut ping = foctet_transfer::Ping::open(&connection, &secret()).await.unwrap();
        for _ in 0..3 {
            ping.round_trip().await.unwrap();
        }
        connection.close(0, b"");
    });
    assert_eq!(sent.await, Err(SendError::OnlyPing));
    let sent = serve_to(&pair, |connection| async move {
        let wrong = foctet_core::TicketSecret::from_bytes([8; 16]);
        let mut ping = foctet_transfer::Ping::open(&connection, &wrong).await.unwrap();
        assert_eq!(ping.round_trip().await.err(), Some(foctet_transfer::ReceiveError::WrongSecret));
    });
    assert_eq!(sent.await, Err(SendError::WrongSecret));
}
