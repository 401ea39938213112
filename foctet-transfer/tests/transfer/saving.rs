//! What is sent arrives as it is.

use std::fs;
use std::sync::Mutex;

use foctet_transfer::{
    Event, Incoming, OnConflict, PARTIAL_PREFIX, ReceiveError, SaveOptions, SendError, Sender,
    wire::FailureCode,
};

use crate::pair::{Pair, secret};
use crate::tree::{Node, link, names, noise, set_mode, set_mtime, snapshot, write};

const MIB: usize = 1 << 20;

pub(crate) async fn files_of_every_size_arrive_with_their_hashes(pair: Pair) {
    let around = [1024, MIB, 2 * MIB, 3 * MIB];
    let sizes =
        around.into_iter().flat_map(|size| [size - 1, size, size + 1]).chain([0, 1, 5 * MIB + MIB / 2]);
    let mut total = 0;
    for size in sizes.clone() {
        write(pair.source().join(format!("tree/{size}")), noise(size as u64, size));
        total += size as u64;
    }
    let (sent, received) = pair.transfer(&["tree"], OnConflict::Fail).await;
    let (sent, received) = (sent.unwrap(), received.unwrap());
    assert_eq!(snapshot(pair.target()), snapshot(pair.source()));
    assert_eq!((sent.bytes, sent.files, sent.left_out), (total, sizes.count() as u32, 0));
    assert_eq!((received.bytes, received.files, received.blake3), (sent.bytes, sent.files, sent.blake3));
}

pub(crate) async fn a_single_file_is_told_by_its_own_hash(pair: Pair) {
    let content = noise(1, 2 * MIB + 77);
    write(pair.source().join("film.mkv"), &content);
    let (sent, received) = pair.transfer(&["film.mkv"], OnConflict::Fail).await;
    assert_eq!(sent.unwrap().blake3, *blake3::hash(&content).as_bytes());
    assert_eq!(received.unwrap().blake3, *blake3::hash(&content).as_bytes());
    assert_eq!(snapshot(pair.target()), snapshot(pair.source()));
}

pub(crate) async fn a_tree_arrives_with_modes_times_links_and_empty_things(pair: Pair) {
    let tree = pair.source().join("tree");
    write(tree.join("run.sh"), "#!/bin/sh\n");
    write(tree.join("secret"), "x");
    write(tree.join("read-only"), "x");
    write(tree.join("open"), "x");
    write(tree.join("empty"), "");
    write(tree.join("a/b/c/deep"), noise(3, 3 * MIB));
    write(tree.join("setuid"), "x");
    write(tree.join("Ünïcødé 日本/new\nline"), "odd names");
    fs::create_dir(tree.join("nothing inside")).unwrap();
    fs::create_dir(tree.join("closed")).unwrap();
    link("run.sh", tree.join("link"));
    link("../../secret", tree.join("a/b/up"));
    link("missing", tree.join("dangling"));
    link("a", tree.join("to a directory"));
    for (name, mode) in
        [("run.sh", 0o755), ("secret", 0o600), ("read-only", 0o444), ("open", 0o666), ("setuid", 0o6755)]
    {
        set_mode(tree.join(name), mode);
    }
    set_mtime(tree.join("secret"), 1);
    set_mtime(tree.join("run.sh"), 1_234_567_890_123_456_789);
    set_mode(tree.join("closed"), 0o500);
    set_mode(tree.join("a/b"), 0o777);
    set_mtime(tree.join("a/b"), 987_654_321);
    set_mode(&tree, 0o555);
    set_mtime(&tree, 1_000_000_000);
    let mut expected = snapshot(pair.source());

    let (sent, received) = pair.transfer(&["tree"], OnConflict::Fail).await;
    sent.unwrap();
    received.unwrap();
    if let Some(Node::File { mode, .. }) = expected.get_mut("tree/setuid") {
        *mode = 0o755;
    }
    assert_eq!(snapshot(pair.target()), expected);
    let (from, into) = (pair.source().join("tree/link"), pair.target().join("tree/link"));
    let mtime = |path| fs::symlink_metadata(path).unwrap().modified().unwrap();
    assert_eq!(mtime(into), mtime(from), "a link's own time");
    // So that everybody can remove them.
    set_mode(tree, 0o755);
    set_mode(pair.target().join("tree"), 0o755);
}

pub(crate) async fn several_paths_arrive_beside_each_other(pair: Pair) {
    write(pair.source().join("a/x"), "1");
    write(pair.source().join("b/x"), "2");
    write(pair.source().join("c"), "3");
    let (sent, received) = pair.transfer(&["c", "a", "b"], OnConflict::Fail).await;
    assert_eq!(sent.unwrap().blake3, received.unwrap().blake3);
    assert_eq!(snapshot(pair.target()), snapshot(pair.source()));
}

pub(crate) async fn an_offer_of_nothing_completes(pair: Pair) {
    let (sent, received) = pair.transfer(&[], OnConflict::Fail).await;
    assert_eq!((sent.unwrap().files, received.unwrap().files), (0, 0));
    fs::create_dir(pair.source().join("empty")).unwrap();
    let (sent, received) = pair.transfer(&["empty"], OnConflict::Fail).await;
    assert_eq!(sent.unwrap().blake3, received.unwrap().blake3);
    assert_eq!(names(pair.target()), ["empty"]);
}

pub(crate) async fn thousands_of_small_files_arrive(pair: Pair) {
    for index in 0..3000u32 {
        let path = pair.source().join(format!("tree/{}/{index}", index % 7));
        write(path, noise(index.into(), (index % 5000) as usize));
    }
    let (sent, received) = pair.transfer(&["tree"], OnConflict::Fail).await;
    assert_eq!(sent.unwrap().files, 3000);
    assert_eq!(received.unwrap().files, 3000);
    assert_eq!(snapshot(pair.target()), snapshot(pair.source()));
}

pub(crate) async fn nothing_is_on_disk_before_consent(pair: Pair) {
    write(pair.source().join("f"), "content");
    let (receiver, sender) = pair.connect().await;
    let serving = Sender::new(pair.offer(&["f"]), secret());
    let receive = async {
        let incoming = Incoming::fetch(&receiver, &secret()).await.unwrap();
        let paths: Vec<_> = incoming.manifest().entries().map(|entry| (entry.path(), entry.size())).collect();
        assert_eq!(paths, [("f".to_owned(), 7)]);
        let survey = incoming.survey(&pair.target()).unwrap();
        assert!(survey.existing.is_empty() && survey.free_bytes > 0);
        assert!(names(pair.target()).is_empty());
        incoming.save_into(&pair.target(), &SaveOptions::default(), |_| ()).await.unwrap();
    };
    let (sent, ()) = tokio::join!(serving.serve(&sender, |_| ()), receive);
    sent.unwrap();
    assert_eq!(names(pair.target()), ["f"]);
}

pub(crate) async fn a_leftover_partial_is_replaced_and_none_piles_up(pair: Pair) {
    write(pair.source().join("f"), noise(1, 8 * MIB));
    // What a killed receiver leaves behind, made by asking a live one for the name.
    let seen = Mutex::new(None);
    let note = |_| {
        let found = names(pair.target()).into_iter().find(|name| name.starts_with(PARTIAL_PREFIX));
        seen.lock().unwrap().get_or_insert(found.unwrap());
    };
    let offer = pair.offer(&["f"]);
    let noted = |event| {
        if matches!(event, Event::Progress { .. }) {
            note(event);
        }
    };
    let (sent, received) = pair.transfer_with(offer, &pair.target(), OnConflict::Fail, |_| (), noted).await;
    sent.unwrap();
    received.unwrap();
    let partial = pair.target().join(seen.into_inner().unwrap().unwrap());
    assert!(!partial.exists());

    fs::remove_file(pair.target().join("f")).unwrap();
    write(partial.join("f"), "half of it");
    write(partial.join("old/x"), "y");
    link("/etc", partial.join("old/link"));
    set_mode(partial.join("old"), 0o500);
    let (sent, received) = pair.transfer(&["f"], OnConflict::Fail).await;
    sent.unwrap();
    received.unwrap();
    assert_eq!(
        snapshot(pair.target()),
        snapshot(pair.source()),
        "the leftover is gone, and nothing else came"
    );
}

pub(crate) async fn two_receivers_into_one_directory_do_not_disturb_each_other(pair: Pair) {
    let content = noise(9, 6 * MIB);
    write(pair.source().join("f.bin"), &content);
    write(pair.source().join("d/x"), &content);
    let offer = pair.offer(&["f.bin", "d"]);
    let into = pair.target();
    let one = pair.transfer_with(offer.clone(), &into, OnConflict::Rename, |_| (), |_| ());
    let two = pair.transfer_with(offer, &into, OnConflict::Rename, |_| (), |_| ());
    for (sent, received) in <[_; 2]>::from(tokio::join!(one, two)) {
        sent.unwrap();
        received.unwrap();
    }
    assert_eq!(names(pair.target()), ["d", "d (1)", "f (1).bin", "f.bin"]);
    for name in ["f.bin", "f (1).bin", "d/x", "d (1)/x"] {
        assert_eq!(fs::read(pair.target().join(name)).unwrap(), content);
    }
}

pub(crate) async fn one_file_can_be_streamed_out(pair: Pair) {
    for size in [0, 1, 3 * MIB + 5, 24 * MIB] {
        let content = noise(size as u64, size);
        write(pair.source().join("f"), &content);
        let (receiver, sender) = pair.connect().await;
        let serving = Sender::new(pair.offer(&["f"]), secret());
        let mut output = Vec::new();
        let receive = async {
            let incoming = Incoming::fetch(&receiver, &secret()).await.unwrap();
            incoming.stream_into(&mut output, |_| ()).await.unwrap()
        };
        let (sent, received) = tokio::join!(serving.serve(&sender, |_| ()), receive);
        assert_eq!(sent.unwrap().blake3, *blake3::hash(&content).as_bytes());
        assert_eq!((received.bytes, received.blake3), (size as u64, *blake3::hash(&content).as_bytes()));
        assert!(output == content);
    }
}

pub(crate) async fn only_a_single_file_can_be_streamed_out(pair: Pair) {
    write(pair.source().join("d/f"), "x");
    let (receiver, sender) = pair.connect().await;
    let serving = Sender::new(pair.offer(&["d"]), secret());
    let receive = async {
        let incoming = Incoming::fetch(&receiver, &secret()).await.unwrap();
        incoming.stream_into(tokio::io::sink(), |_| ()).await
    };
    let (sent, received) = tokio::join!(serving.serve(&sender, |_| ()), receive);
    assert_eq!(received, Err(ReceiveError::NotOneFile));
    assert!(matches!(sent, Err(SendError::Receiver(failure)) if failure.code == FailureCode::Cancelled));
}

pub(crate) async fn progress_ends_at_the_total_on_both_sides(pair: Pair) {
    write(pair.source().join("d/f"), noise(5, 5 * MIB));
    write(pair.source().join("d/g"), "small");
    let total = 5 * MIB as u64 + 5;
    let (sent, received) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let target = pair.target();
    let results = pair.transfer_with(
        pair.offer(&["d"]),
        &target,
        OnConflict::Fail,
        |event| sent.lock().unwrap().push(event),
        |event| received.lock().unwrap().push(event),
    );
    let results = results.await;
    results.0.unwrap();
    results.1.unwrap();
    let (sent, received) = (sent.into_inner().unwrap(), received.into_inner().unwrap());
    assert_eq!(sent.get(..2), Some(&[Event::Admitted, Event::Accepted { total, files: 2 }][..]));
    let complete = Event::Progress { bytes: total, total, files: 2 };
    assert_eq!(sent.last(), Some(&complete));
    assert_eq!(received.get(received.len() - 2..), Some(&[complete, Event::Flushing][..]));
    for events in [sent, received] {
        let bytes: Vec<_> = events
            .into_iter()
            .filter_map(|event| match event {
                Event::Progress { bytes, .. } => Some(bytes),
                _ => None,
            })
            .collect();
        assert!(bytes.is_sorted(), "{bytes:?}");
    }
}

pub(crate) async fn names_as_long_as_names_may_be_arrive(pair: Pair) {
    let long = "n".repeat(255);
    write(pair.source().join(&long), "x");
    let (sent, received) = pair.transfer(&[&long], OnConflict::Rename).await;
    sent.unwrap();
    received.unwrap();
    assert_eq!(names(pair.target()), [long]);
}
