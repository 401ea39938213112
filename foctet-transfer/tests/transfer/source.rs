//! Files that are not what was offered any more.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use foctet_transfer::wire::SourceChange;
use foctet_transfer::{Event, OnConflict, ReceiveError, SendError};

use crate::pair::{Pair, Results};
use crate::tree::{names, noise, set_mtime, write};

fn changed(results: &Results, path: &str, how: SourceChange) {
    assert_eq!(results.0, Err(SendError::SourceChanged { path: path.into(), how }));
    assert_eq!(results.1, Err(ReceiveError::SourceChanged { path: path.into(), how }));
}

type Change = fn(&Path);

fn grow(path: &Path) {
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"more").unwrap();
}

fn shrink(path: &Path) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(path.metadata().unwrap().len() / 2).unwrap();
}

fn replace(path: &Path) {
    let content = fs::read(path).unwrap();
    let mtime = path.metadata().unwrap().modified().unwrap();
    let other = path.with_extension("new");
    write(&other, content);
    fs::File::open(&other).unwrap().set_modified(mtime).unwrap();
    fs::rename(other, path).unwrap();
}

fn edit(path: &Path) {
    use std::os::unix::fs::FileExt;
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(b"edited", path.metadata().unwrap().len() - 6).unwrap();
    drop(file);
    set_mtime(path, 77);
}

fn vanish(path: &Path) {
    fs::remove_file(path).unwrap();
}

fn become_link(path: &Path) {
    fs::remove_file(path).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
}

fn become_directory(path: &Path) {
    fs::remove_file(path).unwrap();
    fs::create_dir(path).unwrap();
}

fn become_fifo(path: &Path) {
    fs::remove_file(path).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, path, mode).unwrap();
}

fn lose_directory(path: &Path) {
    let dir = path.parent().unwrap();
    fs::rename(dir, dir.with_extension("moved")).unwrap();
}

fn directory_becomes_link(path: &Path) {
    lose_directory(path);
    std::os::unix::fs::symlink("/etc", path.parent().unwrap()).unwrap();
}

pub(crate) async fn a_source_that_changes_before_it_is_sent_is_noticed_on_both_sides(pair: Pair) {
    // When the directory is gone, what is asked for first is named.
    let cases: [(Change, SourceChange, &str); 10] = [
        (grow, SourceChange::Grew, "passwd"),
        (shrink, SourceChange::Shrank, "passwd"),
        (replace, SourceChange::Replaced, "passwd"),
        (edit, SourceChange::Edited, "passwd"),
        (vanish, SourceChange::Vanished, "passwd"),
        (become_link, SourceChange::Replaced, "passwd"),
        (become_directory, SourceChange::Replaced, "passwd"),
        (become_fifo, SourceChange::Replaced, "passwd"),
        (lose_directory, SourceChange::Vanished, "before"),
        (directory_becomes_link, SourceChange::Replaced, "before"),
    ];
    for (number, (change, how, named)) in cases.into_iter().enumerate() {
        let top = format!("case{number}");
        write(pair.source().join(&top).join("d/before"), "fine");
        let path = pair.source().join(&top).join("d/passwd");
        write(&path, noise(number as u64, 100_000));
        let offer = pair.offer(&[&top]);
        change(&path);
        let results = pair.transfer_with(offer, &pair.target(), OnConflict::Fail, |_| (), |_| ()).await;
        changed(&results, &format!("{top}/d/{named}"), how);
        assert!(names(pair.target()).is_empty());
    }
}

pub(crate) async fn a_source_that_changes_while_it_is_sent_is_never_committed(pair: Pair) {
    for (number, (change, how)) in
        [(grow as Change, SourceChange::Grew), (shrink, SourceChange::Shrank), (edit, SourceChange::Edited)]
            .into_iter()
            .enumerate()
    {
        let name = format!("f{number}");
        let path = pair.source().join(&name);
        // More than both sides and the transport can hold, so that the sender is still reading.
        write(&path, noise(number as u64, 96 << 20));
        let once = Mutex::new(false);
        let meddle = |event| {
            if matches!(event, Event::Progress { .. }) && !std::mem::replace(&mut *once.lock().unwrap(), true)
            {
                change(&path);
            }
        };
        let offer = pair.offer(&[&name]);
        let results = pair.transfer_with(offer, &pair.target(), OnConflict::Fail, |_| (), meddle).await;
        changed(&results, &name, how);
        assert!(names(pair.target()).is_empty());
    }
}
