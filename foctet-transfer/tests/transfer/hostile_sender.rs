//! Senders that do not keep to the protocol.

use bytes::Bytes;
use foctet_net::{RecvStream, SendStream};
use foctet_transfer::wire::{
    ANSWER_END, ANSWER_GROUP, ANSWER_VALUE, ANSWER_WHOLE, Failure, FailureCode, Frame, FrameDecoder,
    FrameError,
};
use foctet_transfer::{
    EntryKind, Incoming, MAX_ENTRIES, ManifestError, NameRule, ProtocolError, ReceiveError, Rule,
    SaveOptions, Summary,
};

use crate::pair::{Pair, secret};
use crate::tree::{names, noise};

/// An entry as it travels, written down here on its own so that a mistake in the encoder shows.
pub(crate) struct Raw {
    pub(crate) kind: EntryKind,
    pub(crate) parent: u32,
    pub(crate) mode: u16,
    pub(crate) size: u64,
    pub(crate) name: Vec<u8>,
    pub(crate) target: Vec<u8>,
}

impl Raw {
    pub(crate) fn file(name: impl Into<Vec<u8>>, size: u64) -> Self {
        let (parent, mode) = (u32::MAX, 0o644);
        Self { kind: EntryKind::File, parent, mode, size, name: name.into(), target: Vec::new() }
    }

    fn dir(name: impl Into<Vec<u8>>) -> Self {
        Self { kind: EntryKind::Directory, mode: 0o755, ..Self::file(name, 0) }
    }

    fn link(name: impl Into<Vec<u8>>, target: impl Into<Vec<u8>>) -> Self {
        Self { kind: EntryKind::Symlink, target: target.into(), ..Self::file(name, 0) }
    }

    fn under(self, parent: u32) -> Self {
        Self { parent, ..self }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = vec![match self.kind {
            EntryKind::File => 0,
            EntryKind::Directory => 1,
            EntryKind::Symlink => 2,
        }];
        out.extend(self.parent.to_be_bytes());
        out.extend(self.mode.to_be_bytes());
        out.extend(1_700_000_000_000_000_000i64.to_be_bytes());
        out.extend(self.size.to_be_bytes());
        out.extend((self.name.len() as u16).to_be_bytes());
        out.extend((self.target.len() as u16).to_be_bytes());
        out.extend(&self.name);
        out.extend(&self.target);
        out
    }
}

fn encode(entries: &[Raw]) -> Bytes {
    entries.iter().flat_map(Raw::encode).collect::<Vec<_>>().into()
}

fn hash(encoded: &[u8]) -> [u8; 32] {
    blake3::derive_key("foctet-transfer/1 manifest", encoded)
}

/// The control stream of a sender made of frames.
struct Fake {
    send: SendStream,
    recv: RecvStream,
    decoder: FrameDecoder,
}

impl Fake {
    async fn admit(connection: &foctet_net::Connection) -> Self {
        let (send, recv) = connection.accept_bi().await.unwrap();
        let mut fake = Self { send, recv, decoder: FrameDecoder::new() };
        assert!(matches!(fake.next().await, Some(Frame::Hello { .. })));
        fake
    }

    async fn say(&mut self, frame: Frame) {
        // The receiver may have heard enough.
        self.send.write_chunk(frame.encode()).await.ok();
    }

    async fn offer(&mut self, entries: &[Raw]) {
        let encoded = encode(entries);
        self.say(Frame::ManifestHead { entries: entries.len() as u32, features: 0 }).await;
        let hash = hash(&encoded);
        self.say(Frame::ManifestPart(encoded)).await;
        self.say(Frame::ManifestEnd { hash }).await;
    }

    async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.decoder.next_frame().unwrap() {
                return Some(frame);
            }
            self.decoder.push(&self.recv.read_chunk(65_536).await.ok()??);
        }
    }

    /// What the receiver gives as its reason.
    async fn failure(&mut self) -> Option<Failure> {
        loop {
            match self.next().await? {
                Frame::Fail(failure) => return Some(failure),
                _ => continue,
            }
        }
    }
}

/// Receives from a sender that is a script. Returns what the receiver says.
async fn receive_from<F: Future<Output = ()>>(
    pair: &Pair,
    script: impl FnOnce(foctet_net::Connection) -> F,
) -> Result<Summary, ReceiveError> {
    let (receiver, sender) = pair.connect().await;
    let receive = async {
        let incoming = Incoming::fetch(&receiver, &secret()).await?;
        incoming.save_into(&pair.target(), &SaveOptions::default(), |_| ()).await
    };
    let (received, ()) = tokio::join!(receive, script(sender.clone()));
    assert!(names(pair.target()).is_empty(), "nothing was kept");
    received
}

/// Offers entries; the receiver must refuse the last one for this reason, and say so.
async fn refuses(pair: &Pair, entries: Vec<Raw>, rule: Rule) {
    let count = entries.len() as u32;
    let received = receive_from(pair, |connection| async move {
        let mut fake = Fake::admit(&connection).await;
        fake.offer(&entries).await;
        let failure = fake.failure().await.unwrap();
        assert_eq!((failure.code, failure.entry), (FailureCode::UnsafeContent, Some(count - 1)));
    });
    match received.await {
        Err(ReceiveError::Unsafe(refused)) => assert_eq!(refused.rule, rule, "{refused}"),
        other => panic!("{rule:?}: {other:?}"),
    }
}

pub(crate) async fn dangerous_names_are_refused_before_any_write(pair: Pair) {
    use NameRule::*;
    let overlong = [b'n'; 256];
    let table: &[(&[u8], NameRule)] = &[
        (b"..", Dots),
        (b".", Dots),
        (b"", Empty),
        (b"../outside/x", Slash),
        (b"/etc/cron.d/x", Slash),
        (b"C:\\x", Colon),
        (b"\\\\host\\share\\x", Backslash),
        (b"..\\x", Backslash),
        (b"a\0b", Nul),
        (b"a:b", Colon),
        (b"CON", Device),
        (b"COM1.txt", Device),
        (b"dot.", TrailingDotOrSpace),
        (b"space ", TrailingDotOrSpace),
        ("．．".as_bytes(), Dots),
        ("a／b".as_bytes(), LookAlike),
        (b"\xc0\xae\xc0\xae", NotUtf8),
        (b"\xff\xfe", NotUtf8),
        (&overlong, TooLong),
        (b".foctet-partial-0000000000000000", Partial),
    ];
    for (name, rule) in table {
        refuses(&pair, vec![Raw::file("fine", 0), Raw::file(*name, 0)], Rule::Name(*rule)).await;
        refuses(&pair, vec![Raw::dir("d"), Raw::dir(*name).under(0)], Rule::Name(*rule)).await;
    }
}

pub(crate) async fn dangerous_structures_are_refused_before_any_write(pair: Pair) {
    use Rule::*;
    refuses(&pair, vec![Raw::file("a", 1), Raw::file("A", 1)], Duplicate).await;
    refuses(&pair, vec![Raw::file("é", 1), Raw::dir("e\u{301}")], Duplicate).await;
    refuses(&pair, vec![Raw::dir("x"), Raw::file("x", 1)], Duplicate).await;
    refuses(&pair, vec![Raw::file("f", 1), Raw::file("x", 1).under(0)], ParentNotDirectory).await;
    let through = vec![Raw::dir("d"), Raw::link("l", "x").under(0), Raw::file("x", 1).under(1)];
    refuses(&pair, through, ParentNotDirectory).await;
    refuses(&pair, vec![Raw::file("x", 1).under(0)], ParentUnknown).await;
    refuses(&pair, vec![Raw::file("x", 1).under(7)], ParentUnknown).await;
    for target in ["/etc/passwd", "../../outside", "..", "sub/../../.."] {
        refuses(&pair, vec![Raw::dir("d"), Raw::link("l", target).under(0)], LinkEscapes).await;
    }
    refuses(&pair, vec![Raw::link("l", "x")], LinkEscapes).await;
    refuses(&pair, vec![Raw::dir("d"), Raw::link("l", "a\\b").under(0)], LinkTarget).await;
    refuses(&pair, vec![Raw::dir("d"), Raw::link("l", "").under(0)], LinkTarget).await;
    for mode in [0o4755, 0o2755, 0o1777] {
        refuses(&pair, vec![Raw { mode, ..Raw::file("x", 1) }], SpecialMode).await;
    }
    let mut deep: Vec<_> =
        (0..257).map(|depth| Raw::dir("d").under(u32::checked_sub(depth, 1).unwrap_or(u32::MAX))).collect();
    refuses(&pair, deep, TooDeep).await;
    deep = (0..17)
        .map(|depth| Raw::dir("n".repeat(255)).under(u32::checked_sub(depth, 1).unwrap_or(u32::MAX)))
        .collect();
    refuses(&pair, deep, PathTooLong).await;
}

pub(crate) async fn manifests_over_a_limit_are_refused(pair: Pair) {
    let received = receive_from(&pair, |connection| async move {
        let mut fake = Fake::admit(&connection).await;
        fake.say(Frame::ManifestHead { entries: 10_000_000, features: 0 }).await;
        assert_eq!(fake.failure().await.unwrap().code, FailureCode::UnsafeContent);
    });
    assert_eq!(
        received.await,
        Err(ReceiveError::Manifest(ManifestError::TooManyEntries { limit: MAX_ENTRIES }))
    );

    let received = receive_from(&pair, |connection| async move {
        let mut fake = Fake::admit(&connection).await;
        fake.offer(&[Raw::file("a", i64::MAX as u64), Raw::file("b", 1)]).await;
        assert_eq!(fake.failure().await.unwrap().code, FailureCode::UnsafeContent);
    });
    assert_eq!(received.await, Err(ReceiveError::Manifest(ManifestError::TooLarge)));

    // A million long names: the bytes end it before the count does.
    let received = receive_from(&pair, |connection| async move {
        let mut fake = Fake::admit(&connection).await;
        fake.say(Frame::ManifestHead { entries: MAX_ENTRIES, features: 0 }).await;
        for part in 0..600 {
            let entries: Vec<_> =
                (0..200).map(|nth| Raw::file(format!("{part}.{nth}.{}", "n".repeat(240)), 0)).collect();
            if fake.send.write_chunk(Frame::ManifestPart(encode(&entries)).encode()).await.is_err() {
                break;
            }
        }
        assert_eq!(fake.failure().await.unwrap().code, FailureCode::UnsafeContent);
    });
    assert_eq!(received.await, Err(ReceiveError::Manifest(ManifestError::TooMuchText)));
}

pub(crate) async fn a_manifest_that_lies_about_itself_is_refused(pair: Pair) {
    let part = encode(&[Raw::file("a", 0)]);
    for (entries, parts, hash) in [(2, 1, hash(&part)), (1, 1, [0; 32]), (0, 0, [0; 32])] {
        let part = part.clone();
        let received = receive_from(&pair, |connection| async move {
            let mut fake = Fake::admit(&connection).await;
            fake.say(Frame::ManifestHead { entries, features: 0 }).await;
            for _ in 0..parts {
                fake.say(Frame::ManifestPart(part.clone())).await;
            }
            fake.say(Frame::ManifestEnd { hash }).await;
            assert_eq!(fake.failure().await.unwrap().code, FailureCode::Protocol);
        });
        assert_eq!(received.await, Err(ReceiveError::Protocol(ProtocolError::ManifestMismatch)));
    }
    // More entries than announced.
    let received = receive_from(&pair, |connection| async move {
        let mut fake = Fake::admit(&connection).await;
        fake.say(Frame::ManifestHead { entries: 1, features: 0 }).await;
        fake.say(Frame::ManifestPart(encode(&[Raw::file("a", 0), Raw::file("b", 0)]))).await;
        fake.failure().await.unwrap();
    });
    assert_eq!(received.await, Err(ReceiveError::Manifest(ManifestError::TooManyEntries { limit: 1 })));
}

/// Offers one file, takes the request and answers with these bytes.
async fn answer(pair: &Pair, size: u64, answer: Vec<u8>) -> Result<Summary, ReceiveError> {
    receive_from(pair, |connection| async move {
        let mut fake = Fake::admit(&connection).await;
        fake.offer(&[Raw::file("f", size)]).await;
        let (mut send, mut recv) = connection.accept_bi().await.unwrap();
        let request = recv.read_to_end(100_000).await.unwrap();
        let mut decoder = FrameDecoder::new();
        decoder.push(&request);
        assert!(matches!(decoder.next_frame(), Ok(Some(Frame::Request(ranges))) if ranges.len() == 1));
        send.write_chunk(answer.into()).await.ok();
        send.finish().ok();
        // Whatever the receiver makes of it, it says so.
        fake.failure().await.unwrap();
    })
    .await
}

fn group(content: &[u8], value: [u8; 32]) -> Vec<u8> {
    [&[ANSWER_GROUP], content, &value].concat()
}

fn whole(hash: [u8; 32]) -> Vec<u8> {
    [&[ANSWER_WHOLE], &hash[..]].concat()
}

pub(crate) async fn content_that_does_not_match_is_never_kept(pair: Pair) {
    let content = noise(1, 5000);
    let hash = *blake3::hash(&content).as_bytes();
    let corrupt = Err(ReceiveError::Corrupt { path: "f".into() });
    let mut flipped = content.clone();
    flipped[4000] ^= 1;
    assert_eq!(answer(&pair, 5000, [group(&flipped, hash), whole(hash)].concat()).await, corrupt);
    assert_eq!(answer(&pair, 5000, [group(&content, [0; 32]), whole(hash)].concat()).await, corrupt);
    assert_eq!(answer(&pair, 5000, [group(&content, hash), whole([0; 32])].concat()).await, corrupt);

    // Two groups, each with its right value, in the wrong order.
    let content = noise(2, 2 << 20);
    let (one, two) = content.split_at(1 << 20);
    let value = |data: &[u8], offset| {
        use blake3::hazmat::HasherExt;
        blake3::Hasher::new().set_input_offset(offset).update(data).finalize_non_root()
    };
    let swapped = [group(two, value(two, 1 << 20)), group(one, value(one, 0))].concat();
    assert_eq!(answer(&pair, 2 << 20, swapped).await, corrupt);
}

pub(crate) async fn answers_out_of_order_are_refused(pair: Pair) {
    let content = noise(1, 5000);
    let hash = *blake3::hash(&content).as_bytes();
    let good = [group(&content, hash), whole(hash)].concat();
    let protocol = |error| Err(ReceiveError::Protocol(error));
    let more = [&good[..], b"x"].concat();
    assert_eq!(answer(&pair, 5000, more).await, protocol(ProtocolError::Trailing));
    let twice = [&good[..], &good[..]].concat();
    assert_eq!(
        answer(&pair, 5000, twice).await,
        protocol(ProtocolError::Trailing),
        "never more than was declared"
    );
    // The receiver waits a moment for a reason each time.
    for cut in [0, 4000, 5033, 5065] {
        let cut = good.get(..cut).unwrap().to_vec();
        assert_eq!(answer(&pair, 5000, cut).await, protocol(ProtocolError::EndedEarly));
    }
    for kind in [0, ANSWER_VALUE, ANSWER_WHOLE, ANSWER_END, 77] {
        let odd = [&[kind], &good[1..]].concat();
        assert_eq!(answer(&pair, 5000, odd).await, protocol(ProtocolError::UnknownAnswer(kind)));
    }
    let unended = [group(&content, hash), vec![ANSWER_END]].concat();
    assert_eq!(answer(&pair, 5000, unended).await, protocol(ProtocolError::UnknownAnswer(ANSWER_END)));
}

pub(crate) async fn garbage_from_the_sender_is_refused(pair: Pair) {
    for (garbage, error) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], FrameError::TooLong(u32::from_be_bytes(*b"TTP/"))),
        (&[0xff, 0, 0, 0, 0], FrameError::UnknownType(0xff)),
        (&[2, 0, 0, 0, 1, 0], FrameError::Malformed(2)),
        (&[3, 0xff, 0xff, 0xff, 0xff], FrameError::TooLong(u32::MAX)),
    ] {
        let received = receive_from(&pair, |connection| async move {
            let mut fake = Fake::admit(&connection).await;
            fake.send.write_all(garbage).await.unwrap();
            assert_eq!(fake.failure().await.unwrap().code, FailureCode::Protocol);
        });
        assert_eq!(received.await, Err(ReceiveError::Protocol(error.into())));
    }
    // A frame at the wrong time, and silence.
    let received = receive_from(&pair, |connection| async move {
        let mut fake = Fake::admit(&connection).await;
        fake.say(Frame::Confirm).await;
        fake.failure().await.unwrap();
    });
    assert!(matches!(received.await, Err(ReceiveError::Protocol(ProtocolError::Unexpected { .. }))));
    let received = receive_from(&pair, |connection| async move {
        drop(Fake::admit(&connection).await);
    });
    assert!(
        matches!(received.await, Err(ReceiveError::Sender(failure)) if failure.code == FailureCode::Cancelled)
    );
}
