//! Content both ways, on few long streams and on many short ones.
#![forbid(unsafe_code)]

use foctet_interop::{Payload, Peer, Settings, Way, every_way};
use tokio::task::JoinSet;

const TEN_MEGABYTES: usize = 10_000_000;

every_way! {
    tokio::test(flavor = "multi_thread", worker_threads = 2):
    ten_megabytes_travel_both_ways_on_one_bidirectional_stream,
    ten_megabytes_travel_each_way_on_unidirectional_streams,
    eight_streams_at_once_each_carry_their_own_content,
    a_thousand_short_streams_are_each_answered,
    a_thousand_short_unidirectional_streams_all_arrive,
    a_stream_finished_without_data_arrives_empty,
    an_answer_follows_a_finished_question,
    a_thousand_messages_of_one_byte_go_back_and_forth,
}

async fn ten_megabytes_travel_both_ways_on_one_bidirectional_stream(way: Way) {
    let (opener, other) = way.over_tcp(&Settings::default()).await;
    let (there, back) = (Payload::new(1, TEN_MEGABYTES), Payload::new(2, TEN_MEGABYTES));
    let (mut send, mut recv) = opener.open_bi().await.unwrap();
    let answer = tokio::spawn(async move {
        let (mut send, mut recv) = other.accept_bi().await.unwrap();
        tokio::join!(back.send(&mut send), there.expect(&mut recv));
        other
    });
    tokio::join!(there.send(&mut send), back.expect(&mut recv));
    answer.await.unwrap();
}

async fn ten_megabytes_travel_each_way_on_unidirectional_streams(way: Way) {
    let (opener, other) = way.over_tcp(&Settings::default()).await;
    let (there, back) = (Payload::new(1, TEN_MEGABYTES), Payload::new(2, TEN_MEGABYTES));
    let send = async |peer: &Peer, payload: Payload| {
        payload.send(&mut peer.open_uni().await.unwrap()).await;
    };
    let expect = async |peer: &Peer, payload: Payload| {
        payload.expect(&mut peer.accept_uni().await.unwrap()).await;
    };
    tokio::join!(send(&opener, there), expect(&other, there), send(&other, back), expect(&opener, back));
}

async fn eight_streams_at_once_each_carry_their_own_content(way: Way) {
    let (opener, other) = way.over_tcp(&Settings::default()).await;
    let mut tasks = JoinSet::new();
    for seed in 0..8_u8 {
        let opener = opener.clone();
        tasks.spawn(async move {
            let (mut send, mut recv) = opener.open_bi().await.unwrap();
            send.write_all(&[seed]).await.unwrap();
            Payload::new(seed.into(), 1_000_000).send(&mut send).await;
            Payload::new(u64::from(seed) + 100, 1_000_000).expect(&mut recv).await;
        });
        let other = other.clone();
        tasks.spawn(async move {
            let (mut send, mut recv) = other.accept_bi().await.unwrap();
            let mut seed = [0];
            assert_eq!(recv.read(&mut seed).await, Ok(Some(1)));
            Payload::new(seed[0].into(), 1_000_000).expect(&mut recv).await;
            Payload::new(u64::from(seed[0]) + 100, 1_000_000).send(&mut send).await;
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

async fn a_thousand_short_streams_are_each_answered(way: Way) {
    let (opener, other) = way.over_tcp(&Settings::default()).await;
    let mut tasks = JoinSet::new();
    for number in 0..1_000_u32 {
        let opener = opener.clone();
        tasks.spawn(async move {
            let (mut send, mut recv) = opener.open_bi().await.unwrap();
            send.write_all(&number.to_be_bytes()).await.unwrap();
            send.finish();
            assert_eq!(recv.read_to_end().await.unwrap(), (!number).to_be_bytes());
        });
        let other = other.clone();
        tasks.spawn(async move {
            let (mut send, mut recv) = other.accept_bi().await.unwrap();
            let question: [u8; 4] = recv.read_to_end().await.unwrap().try_into().unwrap();
            send.write_all(&(!u32::from_be_bytes(question)).to_be_bytes()).await.unwrap();
            send.finish();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

async fn a_thousand_short_unidirectional_streams_all_arrive(way: Way) {
    let (opener, other) = way.over_tcp(&Settings::default()).await;
    let accepted = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.len() < 1_000 {
            let content = other.accept_uni().await.unwrap().read_to_end().await.unwrap();
            seen.push(u32::from_be_bytes(content.try_into().unwrap()));
        }
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..1_000), "each exactly once");
        other
    });
    for number in 0..1_000_u32 {
        let mut send = opener.open_uni().await.unwrap();
        send.write_all(&number.to_be_bytes()).await.unwrap();
        send.finish();
    }
    accepted.await.unwrap();
}

async fn a_stream_finished_without_data_arrives_empty(way: Way) {
    let (opener, other) = way.over_tcp(&Settings::default()).await;
    opener.open_uni().await.unwrap().finish();
    let mut recv = other.accept_uni().await.unwrap();
    assert_eq!(recv.read_to_end().await, Ok(Vec::new()));
}

async fn an_answer_follows_a_finished_question(way: Way) {
    let (opener, other) = way.over_tcp(&Settings::default()).await;
    let (question, answer) = (Payload::new(3, 100), Payload::new(4, 1_000_000));
    let (mut send, mut recv) = opener.open_bi().await.unwrap();
    question.send(&mut send).await;
    let (mut back, mut there) = other.accept_bi().await.unwrap();
    question.expect(&mut there).await;
    tokio::join!(answer.send(&mut back), answer.expect(&mut recv));
}

async fn a_thousand_messages_of_one_byte_go_back_and_forth(way: Way) {
    let (opener, other) = way.over_tcp(&Settings::default()).await;
    let echo = tokio::spawn(async move {
        let (mut send, mut recv) = other.accept_bi().await.unwrap();
        let mut byte = [0];
        while recv.read(&mut byte).await.unwrap().is_some() {
            send.write_all(&byte).await.unwrap();
        }
        send.finish();
        other
    });
    let (mut send, mut recv) = opener.open_bi().await.unwrap();
    for number in 0..1_000_u32 {
        let asked = number.to_be_bytes()[3];
        send.write_all(&[asked]).await.unwrap();
        let mut answered = [0];
        assert_eq!(recv.read(&mut answered).await, Ok(Some(1)));
        assert_eq!(answered, [asked]);
    }
    send.finish();
    assert_eq!(recv.read_to_end().await, Ok(Vec::new()));
    echo.await.unwrap();
}
