//! The driver over in-memory carriers: two connections, one runtime, paused time where time matters.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use bytes::Bytes;
use foctet_mux::{
    Config, Connection, ConnectionError, ReadError, ReadExactError, ReadToEndError, RecvStream, ResetError,
    Role, SendDatagramError, SendStream, WriteError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::timeout;

/// No event of these tests takes longer, in real time, unless it never comes.
const GENEROUS: Duration = Duration::from_secs(60);

fn pair_with(client: Config, server: Config) -> (Connection, Connection) {
    let (a, b) = duplex(256 * 1024);
    (Connection::new(a, Role::Client, client), Connection::new(b, Role::Server, server))
}

fn pair() -> (Connection, Connection) {
    pair_with(Config::default(), Config::default())
}

fn pattern(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}

async fn bi(a: &Connection, b: &Connection) -> ((SendStream, RecvStream), (SendStream, RecvStream)) {
    let mut ours = a.open_bi().await.unwrap();
    ours.0.write_all(b"!").await.unwrap();
    let mut theirs = b.accept_bi().await.unwrap();
    theirs.1.read_exact(&mut [0]).await.unwrap();
    (ours, theirs)
}

async fn soon<F: Future>(what: F) -> F::Output {
    timeout(GENEROUS, what).await.expect("it never came")
}

#[tokio::test]
async fn ten_megabytes_each_way_arrive_as_they_were_sent() {
    let (a, b) = pair();
    let (left, right) = (pattern(10_000_000, 1), pattern(10_000_000, 2));
    let echo = tokio::spawn({
        let (b, left, right) = (b.clone(), left.clone(), right.clone());
        async move {
            let (mut send, mut recv) = b.accept_bi().await.unwrap();
            let writing = async {
                send.write_all(&right).await.unwrap();
                send.finish().unwrap();
                send.delivered().await.unwrap();
            };
            let (got, ()) = tokio::join!(recv.read_to_end(usize::MAX), writing);
            assert!(got.unwrap() == left);
        }
    });
    let (mut send, mut recv) = a.open_bi().await.unwrap();
    let writing = async {
        send.write_chunk(Bytes::from(left)).await.unwrap();
        send.finish().unwrap();
        send.delivered().await.unwrap();
    };
    let (got, ()) = soon(async { tokio::join!(recv.read_to_end(usize::MAX), writing) }).await;
    assert!(got.unwrap() == right);
    soon(echo).await.unwrap();
    assert!(a.rtt().is_some());
}

#[tokio::test]
async fn finish_is_a_half_close() {
    let (a, b) = pair();
    let ((mut send, mut recv), (mut back, mut there)) = soon(bi(&a, &b)).await;
    send.write_all(b"question").await.unwrap();
    send.finish().unwrap();
    assert!(send.finish().is_err());
    assert_eq!(send.write(b"x").await, Err(WriteError::ClosedStream));
    assert_eq!(there.read_to_end(100).await.unwrap(), b"question");
    assert_eq!(there.read_chunk(10).await, Ok(None));
    back.write_all(b"answer").await.unwrap();
    back.shutdown().await.unwrap();
    let mut answer = String::new();
    recv.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "answer");
    soon(back.delivered()).await.unwrap();
    assert_eq!(soon(send.stopped()).await, Ok(None));
}

#[tokio::test]
async fn a_reset_reaches_the_reader_with_its_code() {
    let (a, b) = pair();
    let ((mut send, _recv), (_back, mut there)) = soon(bi(&a, &b)).await;
    let code = (1 << 62) - 1;
    assert_eq!(send.reset(code + 1), Err(ResetError::CodeTooLarge));
    send.reset(code).unwrap();
    assert_eq!(soon(there.received_reset()).await, Ok(Some(code)));
    assert_eq!(soon(there.read(&mut [0; 8])).await, Err(ReadError::Reset(code)));
    assert_eq!(send.delivered().await, Err(WriteError::ClosedStream));
}

#[tokio::test]
async fn stop_sending_reaches_the_writer_with_its_code() {
    let (a, b) = pair();
    let ((mut send, _recv), (_back, mut there)) = soon(bi(&a, &b)).await;
    there.stop(77).unwrap();
    assert_eq!(there.stop(78), Err(ResetError::ClosedStream));
    assert_eq!(soon(send.stopped()).await, Ok(Some(77)));
    assert_eq!(soon(send.write_all(b"more")).await, Err(WriteError::Stopped(77)));
    assert_eq!(there.read_chunk(1).await, Err(ReadError::ClosedStream));
}

#[tokio::test]
async fn a_writer_that_waits_hears_of_the_stop() {
    let (a, b) = pair();
    let ((mut send, _recv), (_back, mut there)) = soon(bi(&a, &b)).await;
    let writing = tokio::spawn(async move { send.write_all(&vec![0; 64 << 20]).await });
    tokio::task::yield_now().await;
    there.stop(5).unwrap();
    assert_eq!(soon(writing).await.unwrap(), Err(WriteError::Stopped(5)));
}

#[tokio::test]
async fn dropping_an_unfinished_sender_finishes_it_and_dropping_a_receiver_stops_it() {
    let (a, b) = pair();
    let ((mut send, recv), (mut back, mut there)) = soon(bi(&a, &b)).await;
    send.write_all(b"all of it").await.unwrap();
    drop(send);
    assert_eq!(soon(there.read_to_end(100)).await.unwrap(), b"all of it");
    drop(recv);
    assert_eq!(soon(back.stopped()).await, Ok(Some(0)));
    assert!(matches!(back.write(b"x").await, Err(WriteError::Stopped(0))));
}

#[tokio::test]
async fn a_thousand_streams_in_parallel_each_carry_their_own() {
    let (a, b) = pair();
    let server = tokio::spawn(async move {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..1_000 {
            let (mut send, mut recv) = b.accept_bi().await.unwrap();
            tasks.spawn(async move {
                let got = recv.read_to_end(100_000).await.unwrap();
                send.write_all(&got).await.unwrap();
                send.finish().unwrap();
                send.delivered().await.unwrap();
            });
        }
        while tasks.join_next().await.is_some() {}
    });
    let mut tasks = tokio::task::JoinSet::new();
    for seed in 0..1_000 {
        let a = a.clone();
        tasks.spawn(async move {
            let (mut send, mut recv) = a.open_bi().await.unwrap();
            let data = pattern(1_000 + seed as usize, seed);
            send.write_all(&data).await.unwrap();
            send.finish().unwrap();
            assert!(recv.read_to_end(100_000).await.unwrap() == data);
        });
    }
    soon(async {
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    })
    .await;
    soon(server).await.unwrap();
}

#[tokio::test]
async fn ten_thousand_short_streams_a_tenth_of_them_cancelled_trip_no_guard() {
    let (a, b) = pair();
    let server = tokio::spawn(async move {
        for _ in 0..10_000 {
            let mut recv = b.accept_uni().await.unwrap();
            match recv.read_to_end(10).await {
                Ok(got) => assert_eq!(got, b"x"),
                Err(ReadToEndError::Read(error)) => assert_eq!(error, ReadError::Reset(9)),
                Err(error) => panic!("{error}"),
            }
        }
        b
    });
    for index in 0..10_000 {
        let mut send = soon(a.open_uni()).await.unwrap();
        soon(send.write_all(b"x")).await.unwrap();
        if index % 10 == 0 {
            send.reset(9).unwrap();
        }
    }
    let b = soon(server).await.unwrap();
    assert_eq!((a.close_reason(), b.close_reason()), (None, None));
}

#[tokio::test]
async fn opening_waits_for_the_peers_permission_and_goes_on_when_a_stream_ends() {
    let (a, b) = pair_with(Config::default(), Config::default().max_streams_uni(1));
    let mut first = soon(a.open_uni()).await.unwrap();
    first.write_all(b"1").await.unwrap();
    let second = tokio::spawn({
        let a = a.clone();
        async move { a.open_uni().await }
    });
    let mut recv = soon(b.accept_uni()).await.unwrap();
    assert!(!second.is_finished());
    first.finish().unwrap();
    assert_eq!(soon(recv.read_to_end(10)).await.unwrap(), b"1");
    soon(second).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_reader_that_stops_holds_back_its_writer_and_nobody_else() {
    let window = 100_000;
    let small = Config::default().stream_receive_window(window).stream_send_window(window);
    let (a, b) = pair_with(small.clone(), small);
    let ((mut stalled, _r), (_s, _there)) = soon(bi(&a, &b)).await;
    let ((mut send, _r2), (_s2, mut there)) = soon(bi(&a, &b)).await;
    let stalled = tokio::spawn(async move { stalled.write_all(&vec![0; 10_000_000]).await });
    let data = pattern(5_000_000, 3);
    let writing = async {
        send.write_all(&data).await.unwrap();
        send.finish().unwrap();
    };
    let (got, ()) = soon(async { tokio::join!(there.read_to_end(usize::MAX), writing) }).await;
    assert!(got.unwrap() == data);
    assert!(!stalled.is_finished());
    let stats = b.stats();
    assert!(stats.bytes_unread <= window, "{stats:?}");
    stalled.abort();
}

#[tokio::test]
async fn datagrams_arrive_and_large_ones_are_refused() {
    let (a, b) = pair();
    soon(a.established()).await.unwrap();
    soon(b.established()).await.unwrap();
    let longest = a.max_datagram_size().unwrap();
    assert_eq!(longest, 16_382 - 3);
    assert_eq!(a.send_datagram(vec![0; longest + 1].into()), Err(SendDatagramError::TooLarge));
    for len in [0, 1, 1_000, longest] {
        a.send_datagram(pattern(len, 4).into()).unwrap();
        assert!(soon(b.read_datagram()).await.unwrap() == pattern(len, 4));
    }
}

#[tokio::test]
async fn datagrams_can_be_off_on_either_side() {
    let (a, b) = pair_with(Config::default(), Config::default().max_datagram_frame_size(0));
    soon(a.established()).await.unwrap();
    soon(b.established()).await.unwrap();
    assert_eq!(a.max_datagram_size(), None);
    assert_eq!(a.send_datagram(Bytes::new()), Err(SendDatagramError::UnsupportedByPeer));
    assert_eq!(b.send_datagram(Bytes::new()), Err(SendDatagramError::Disabled));
}

#[tokio::test]
async fn a_close_reaches_everybody_with_its_code_and_reason() {
    let (a, b) = pair();
    let ((mut send, _recv), (mut back, mut there)) = soon(bi(&a, &b)).await;
    let reading = tokio::spawn(async move { there.read_chunk(10).await });
    let accepting = tokio::spawn({
        let b = b.clone();
        async move { b.accept_uni().await.map(|_| ()) }
    });
    tokio::task::yield_now().await;
    a.close(7, b"bye").unwrap();
    let expected = ConnectionError::ApplicationClosed { code: 7, reason: Bytes::from_static(b"bye") };
    assert_eq!(soon(b.closed()).await, expected);
    assert_eq!(soon(reading).await.unwrap(), Err(ReadError::ConnectionLost(expected.clone())));
    assert_eq!(soon(accepting).await.unwrap(), Err(expected.clone()));
    assert_eq!(back.write(b"x").await, Err(WriteError::ConnectionLost(expected.clone())));
    assert_eq!(b.open_bi().await.map(|_| ()), Err(expected.clone()));
    assert_eq!(b.ping().await, Err(expected));
    assert_eq!(send.write(b"x").await, Err(WriteError::ConnectionLost(ConnectionError::LocallyClosed)));
    assert_eq!(a.close_reason(), Some(ConnectionError::LocallyClosed));
    soon(a.drained()).await;
    soon(b.drained()).await;
}

#[tokio::test]
async fn what_was_delivered_before_a_close_can_still_be_read() {
    let (a, b) = pair();
    let mut send = soon(a.open_uni()).await.unwrap();
    send.write_all(b"last words").await.unwrap();
    send.finish().unwrap();
    soon(send.delivered()).await.unwrap();
    a.send_datagram(Bytes::from_static(b"and these")).unwrap();
    a.ping().await.unwrap();
    a.close(0, b"").unwrap();
    soon(b.closed()).await;
    let mut recv = soon(b.accept_uni()).await.unwrap();
    assert_eq!(recv.read_to_end(100).await.unwrap(), b"last words");
    assert_eq!(b.read_datagram().await.unwrap(), "and these");
    assert!(matches!(b.accept_uni().await, Err(ConnectionError::ApplicationClosed { code: 0, .. })));
}

#[tokio::test]
async fn dropping_the_last_handle_closes_with_code_0() {
    let (a, b) = pair();
    let ((send, recv), _theirs) = soon(bi(&a, &b)).await;
    drop((a, recv));
    assert_eq!(b.close_reason(), None);
    drop(send);
    let expected = ConnectionError::ApplicationClosed { code: 0, reason: Bytes::new() };
    assert_eq!(soon(b.closed()).await, expected);
}

#[tokio::test]
async fn a_carrier_that_just_ends_is_an_error_of_its_own() {
    let (a, b) = duplex(1 << 16);
    let a = Connection::new(a, Role::Client, Config::default());
    drop(b);
    let error = soon(a.closed()).await;
    assert!(matches!(error, ConnectionError::Carrier { .. }), "{error:?}");
    assert_eq!(soon(a.established()).await, Err(error));
    soon(a.drained()).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_times_out_and_the_carrier_is_released() {
    let (a, mut b) = duplex(1 << 16);
    let config = Config::default().max_idle_timeout(Some(Duration::from_secs(5)));
    let a = Connection::new(a, Role::Client, config);
    let begun = tokio::time::Instant::now();
    assert_eq!(a.closed().await, ConnectionError::TimedOut);
    assert_eq!(begun.elapsed().as_secs(), 5);
    a.drained().await;
    assert!(
        begun.elapsed() <= Duration::from_secs(5) + foctet_mux::CLOSE_TIMEOUT + Duration::from_millis(10)
    );
    let mut rest = Vec::new();
    b.read_to_end(&mut rest).await.unwrap();
    assert!(!rest.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_close_towards_a_peer_that_never_reads_ends_in_bounded_time() {
    let (a, b) = duplex(64);
    let a = Connection::new(a, Role::Client, Config::default());
    a.close(1, b"enough").unwrap();
    let begun = tokio::time::Instant::now();
    a.drained().await;
    assert!(begun.elapsed() <= foctet_mux::CLOSE_TIMEOUT + Duration::from_millis(10));
    drop(b);
}

#[tokio::test(start_paused = true)]
async fn keep_alive_keeps_an_unused_connection_and_its_lack_does_not() {
    let idle = Config::default().max_idle_timeout(Some(Duration::from_secs(10)));
    let (a, b) = pair_with(idle.clone().keep_alive(Some(Duration::from_secs(4))), idle.clone());
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!((a.close_reason(), b.close_reason()), (None, None));
    let (c, d) = pair_with(idle.clone(), idle);
    tokio::time::sleep(Duration::from_secs(60)).await;
    // Who notices second finds the carrier closed.
    let reasons = [c.close_reason().unwrap(), d.close_reason().unwrap()];
    assert!(reasons.contains(&ConnectionError::TimedOut), "{reasons:?}");
}

#[tokio::test]
async fn a_ping_measures_a_round_trip() {
    let (a, b) = pair();
    let rtt = soon(a.ping()).await.unwrap();
    assert!(rtt < GENEROUS);
    assert!(a.rtt().is_some());
    drop(b);
}

#[tokio::test]
async fn reads_and_writes_that_are_dropped_lose_nothing() {
    let small = Config::default().stream_receive_window(1_000).stream_send_window(1_000);
    let (a, b) = pair_with(small.clone(), small);
    let ((mut send, _r), (_s, mut there)) = soon(bi(&a, &b)).await;
    let data = pattern(300_000, 5);
    let expected = data.clone();
    let writing = tokio::spawn(async move {
        let mut rest = &data[..];
        while !rest.is_empty() {
            tokio::select! {
                biased;
                written = send.write(rest) => rest = &rest[written.unwrap()..],
                () = tokio::task::yield_now() => {}
            }
        }
        send.finish().unwrap();
        send.delivered().await.unwrap();
    });
    let mut got = Vec::new();
    let mut buf = [0; 777];
    soon(async {
        loop {
            tokio::select! {
                biased;
                read = there.read(&mut buf) => match read.unwrap() {
                    Some(len) => got.extend_from_slice(&buf[..len]),
                    None => break,
                },
                () = tokio::task::yield_now() => {}
            }
        }
    })
    .await;
    assert!(got == expected);
    soon(writing).await.unwrap();
}

#[tokio::test]
async fn a_cancelled_accept_or_open_loses_no_stream() {
    let (a, b) = pair();
    for _ in 0..50 {
        tokio::select! {
            biased;
            _ = b.accept_uni() => panic!("nothing was opened"),
            () = tokio::task::yield_now() => {}
        }
    }
    for index in 0..10_u8 {
        soon(a.open_uni()).await.unwrap().write_all(&[index]).await.unwrap();
    }
    for index in 0..10_u8 {
        let mut recv = soon(b.accept_uni()).await.unwrap();
        assert_eq!(recv.read_to_end(10).await.unwrap(), [index]);
    }
}

#[tokio::test]
async fn an_urgent_stream_overtakes_bulk() {
    // A narrow carrier, so that the queue is ours and not the carrier's.
    let (left, right) = duplex(1_000);
    let a = Connection::new(left, Role::Client, Config::default());
    let b = Connection::new(right, Role::Server, Config::default());
    let ((mut bulk, _r), (_s, mut bulk_in)) = soon(bi(&a, &b)).await;
    let ((mut urgent, _r2), (_s2, mut urgent_in)) = soon(bi(&a, &b)).await;
    urgent.set_priority(1);
    assert_eq!(urgent.priority(), 1);
    bulk.write_all(&vec![0; 900_000]).await.unwrap();
    bulk.finish().unwrap();
    urgent.write_all(b"now").await.unwrap();
    // In a task of its own, as the test's is the last that its runtime polls.
    let received = tokio::spawn({
        let b = b.clone();
        async move {
            urgent_in.read_exact(&mut [0; 3]).await.unwrap();
            b.stats().bytes_received
        }
    });
    let received = soon(received).await.unwrap();
    assert!(received < 200_000, "{received}");
    assert_eq!(soon(bulk_in.read_to_end(usize::MAX)).await.unwrap().len(), 900_000);
}

#[tokio::test]
async fn read_exact_and_read_to_end_say_what_was_wrong() {
    let (a, b) = pair();
    let ((mut send, _r), (_s, mut there)) = soon(bi(&a, &b)).await;
    send.write_all(b"abc").await.unwrap();
    send.finish().unwrap();
    assert_eq!(soon(there.read_exact(&mut [0; 10])).await, Err(ReadExactError::FinishedEarly(3)));
    let ((mut send, _r), (_s, mut there)) = soon(bi(&a, &b)).await;
    send.write_all(&[0; 100]).await.unwrap();
    assert_eq!(soon(there.read_to_end(99)).await, Err(ReadToEndError::TooLong));
}

#[test]
fn a_connection_whose_runtime_is_gone_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (a, _b) = duplex(64);
    let connection = runtime.block_on(async { Connection::new(a, Role::Client, Config::default()) });
    drop(runtime);
    assert!(matches!(connection.close_reason(), Some(ConnectionError::Carrier { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_at_once_lose_no_wake() {
    let small = Config::default()
        .stream_receive_window(5_000)
        .receive_window(20_000)
        .stream_send_window(3_000)
        .send_window(10_000)
        .max_streams_bidi(3);
    let (a, b) = pair_with(small.clone(), small);
    let server = tokio::spawn(async move {
        while let Ok((mut send, mut recv)) = b.accept_bi().await {
            tokio::spawn(async move { tokio::io::copy(&mut recv, &mut send).await.map(|_| send.finish()) });
        }
    });
    let mut tasks = tokio::task::JoinSet::new();
    for seed in 0..40 {
        let a = a.clone();
        tasks.spawn(async move {
            let (mut send, mut recv) = a.open_bi().await.unwrap();
            let data = pattern(60_000, seed);
            let writing = async {
                send.write_all(&data).await.unwrap();
                send.finish().unwrap();
            };
            let (got, ()) = tokio::join!(recv.read_to_end(usize::MAX), writing);
            assert!(got.unwrap() == data);
        });
    }
    soon(async {
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    })
    .await;
    a.close(0, b"").unwrap();
    soon(server).await.unwrap();
}
