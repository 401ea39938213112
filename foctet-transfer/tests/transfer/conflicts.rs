//! Names that exist at the destination.

use std::fs;
use std::sync::Mutex;

use foctet_transfer::{Event, OnConflict, ReceiveError, SendError, SkipReason, wire::FailureCode};

use crate::pair::{Pair, Results};
use crate::tree::{link, names, noise, snapshot, write};

/// Both sides must say that the name exists.
fn refused(pair: &Pair, results: &Results, name: &str) {
    assert_eq!(results.1, Err(ReceiveError::Exists { path: pair.target().join(name) }));
    match &results.0 {
        Err(SendError::Receiver(failure)) => {
            assert_eq!((failure.code, failure.path.as_deref()), (FailureCode::NameExists, Some(name)));
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn fail_refuses_before_anything_is_sent(pair: Pair) {
    write(pair.source().join("f"), "new");
    write(pair.source().join("g"), "new");
    write(pair.target().join("g"), "old");
    let results = pair.transfer(&["f", "g"], OnConflict::Fail).await;
    refused(&pair, &results, "g");
    assert_eq!(names(pair.target()), ["g"]);
    assert_eq!(fs::read(pair.target().join("g")).unwrap(), b"old");
}

pub(crate) async fn skip_keeps_what_exists_and_fetches_what_is_missing(pair: Pair) {
    for name in ["d/both", "d/new", "d/sub/both", "d/sub/new", "d/fresh/x", "f", "d/file here"] {
        write(pair.source().join(name), "new");
    }
    for name in ["d/both", "d/sub/both", "d/theirs", "f"] {
        write(pair.target().join(name), "old");
    }
    write(pair.source().join("d/dir here/x"), "new");
    write(pair.target().join("d/dir here"), "old");
    fs::create_dir(pair.target().join("d/file here")).unwrap();
    let skipped = Mutex::new(Vec::new());
    let note = |event| {
        if let Event::Skipped { path, why } = event {
            assert_eq!(why, SkipReason::Exists);
            skipped.lock().unwrap().push(path);
        }
    };
    let offer = pair.offer(&["d", "f"]);
    let (sent, received) = pair.transfer_with(offer, &pair.target(), OnConflict::Skip, |_| (), note).await;
    let (sent, received) = (sent.unwrap(), received.unwrap());
    assert_eq!((received.files, received.left_out), (3, 5));
    assert_eq!((sent.files, sent.left_out, sent.blake3), (3, 5, received.blake3));
    let mut skipped = skipped.into_inner().unwrap();
    skipped.sort();
    assert_eq!(skipped, ["d/both", "d/dir here", "d/file here", "d/sub/both", "f"]);
    let read = |name: &str| fs::read_to_string(pair.target().join(name)).unwrap();
    for name in ["d/both", "d/sub/both", "d/theirs", "f", "d/dir here"] {
        assert_eq!(read(name), "old", "{name}");
    }
    for name in ["d/new", "d/sub/new", "d/fresh/x"] {
        assert_eq!(read(name), "new", "{name}");
    }
    assert_eq!(names(pair.target()), ["d", "f"]);

    let (sent, received) = pair.transfer(&["d", "f"], OnConflict::Skip).await;
    assert_eq!((sent.unwrap().files, received.unwrap().files), (0, 0), "nothing is missing any more");
}

pub(crate) async fn rename_finds_free_names(pair: Pair) {
    write(pair.source().join("a.txt"), "new");
    write(pair.source().join("d/x"), "new");
    write(pair.target().join("a.txt"), "old");
    write(pair.target().join("a (1).txt"), "old");
    write(pair.target().join("d/x"), "old");
    let renamed = Mutex::new(Vec::new());
    let note = |event| {
        if let Event::Renamed { path, name } = event {
            renamed.lock().unwrap().push((path, name));
        }
    };
    let offer = pair.offer(&["a.txt", "d"]);
    let (sent, received) = pair.transfer_with(offer, &pair.target(), OnConflict::Rename, |_| (), note).await;
    sent.unwrap();
    received.unwrap();
    assert_eq!(names(pair.target()), ["a (1).txt", "a (2).txt", "a.txt", "d", "d (1)"]);
    let pairs =
        [("a.txt", "a (2).txt"), ("d", "d (1)")].map(|(path, name)| (path.to_owned(), name.to_owned()));
    assert_eq!(renamed.into_inner().unwrap(), pairs);
    assert_eq!(fs::read(pair.target().join("d/x")).unwrap(), b"old");
    assert_eq!(fs::read(pair.target().join("d (1)/x")).unwrap(), b"new");
}

pub(crate) async fn overwrite_replaces_files_and_merges_directories(pair: Pair) {
    for name in ["f", "d/both", "d/sub/both", "d/sub/new", "d/fresh/x"] {
        write(pair.source().join(name), "new");
    }
    link("both", pair.source().join("d/link"));
    for name in ["f", "d/both", "d/sub/both", "d/theirs", "d/link"] {
        write(pair.target().join(name), "old");
    }
    let (sent, received) = pair.transfer(&["d", "f"], OnConflict::Overwrite).await;
    sent.unwrap();
    received.unwrap();
    let mut into = snapshot(pair.target());
    assert!(into.remove("d/theirs").is_some(), "what else is there stays");
    let (from, into): (Vec<_>, Vec<_>) =
        (snapshot(pair.source()).into_keys().collect(), into.into_keys().collect());
    assert_eq!(into, from);
    for name in ["f", "d/both", "d/sub/both", "d/sub/new", "d/fresh/x", "d/link"] {
        assert_eq!(fs::read(pair.target().join(name)).unwrap(), b"new", "{name}");
    }
}

pub(crate) async fn overwrite_never_replaces_a_directory_by_a_file_or_the_other_way_round(pair: Pair) {
    write(pair.source().join("d/x"), "new");
    write(pair.source().join("f"), "new");
    write(pair.target().join("d"), "old");
    let results = pair.transfer(&["d"], OnConflict::Overwrite).await;
    refused(&pair, &results, "d");
    fs::create_dir(pair.target().join("f")).unwrap();
    let results = pair.transfer(&["f"], OnConflict::Overwrite).await;
    refused(&pair, &results, "f");
    assert_eq!(names(pair.target()), ["d", "f"]);
}

pub(crate) async fn a_target_that_appears_after_the_check_is_not_replaced(pair: Pair) {
    write(pair.source().join("f"), noise(1, 3 << 20));
    write(pair.source().join("d/x"), "new");
    for name in ["f", "d"] {
        let appear = |event| {
            if event == Event::Flushing {
                write(pair.target().join(name), "theirs");
            }
        };
        let offer = pair.offer(&[name]);
        let results = pair.transfer_with(offer, &pair.target(), OnConflict::Fail, |_| (), appear).await;
        refused(&pair, &results, name);
        assert_eq!(fs::read(pair.target().join(name)).unwrap(), b"theirs");
    }
    assert_eq!(names(pair.target()), ["d", "f"], "and no partial is left");
}

pub(crate) async fn links_at_the_destination_are_replaced_and_never_followed(pair: Pair) {
    write(pair.source().join("f"), "new");
    write(pair.source().join("d/x"), "new");
    write(pair.outside().join("victim"), "theirs");
    link("../outside/victim", pair.target().join("f"));
    link("../outside", pair.target().join("d"));
    for policy in [OnConflict::Fail, OnConflict::Overwrite] {
        let results = pair.transfer(&["d"], policy).await;
        refused(&pair, &results, "d");
    }
    let (sent, received) = pair.transfer(&["d", "f"], OnConflict::Skip).await;
    assert_eq!((sent.unwrap().files, received.unwrap().files), (0, 0));
    let (sent, received) = pair.transfer(&["f"], OnConflict::Overwrite).await;
    sent.unwrap();
    received.unwrap();
    assert!(!pair.target().join("f").is_symlink());
    let (sent, received) = pair.transfer(&["d"], OnConflict::Rename).await;
    sent.unwrap();
    received.unwrap();
    assert_eq!(names(pair.target()), ["d", "d (1)", "f"]);
    assert_eq!(names(pair.outside()), ["victim"]);
    assert_eq!(fs::read(pair.outside().join("victim")).unwrap(), b"theirs");
}
