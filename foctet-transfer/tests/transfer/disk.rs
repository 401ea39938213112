//! Disks that fail, and destinations that somebody else moves about.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use foctet_transfer::wire::{DiskCause, FailureCode};
use foctet_transfer::{Event, OnConflict, PARTIAL_PREFIX, ReceiveError, SendError};

use crate::pair::{Pair, Results};
use crate::tree::{names, noise, snapshot, write};

fn told(results: &Results, code: FailureCode, cause: DiskCause) {
    match &results.0 {
        Err(SendError::Receiver(failure)) => {
            assert_eq!((failure.code, DiskCause::from_detail(failure.detail)), (code, cause));
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_directory_that_is_missing_is_told_on_both_sides(pair: Pair) {
    write(pair.source().join("f"), "x");
    let missing = pair.target().join("missing");
    let results = pair.transfer_with(pair.offer(&["f"]), &missing, OnConflict::Fail, |_| (), |_| ()).await;
    assert!(
        matches!(&results.1, Err(ReceiveError::Disk(e)) if e.kind == io::ErrorKind::NotFound && e.path == missing)
    );
    told(&results, FailureCode::Disk, DiskCause::Gone);
    let file = pair.source().join("f");
    let results = pair.transfer_with(pair.offer(&["f"]), &file, OnConflict::Fail, |_| (), |_| ()).await;
    assert!(matches!(&results.1, Err(ReceiveError::Disk(e)) if e.kind == io::ErrorKind::NotADirectory));
}

/// Runs once, when the first content has been verified.
fn at_first_content(action: impl FnOnce() + Send) -> impl Fn(Event) + Send + Sync {
    let action = Mutex::new(Some(action));
    move |event| {
        if matches!(event, Event::Progress { .. })
            && let Some(action) = action.lock().unwrap().take()
        {
            action();
        }
    }
}

pub(crate) async fn links_swapped_into_the_partial_are_not_followed(pair: Pair) {
    write(pair.source().join("d/a/big"), noise(1, 48 << 20));
    for index in 0..50 {
        write(pair.source().join(format!("d/b/{index}")), "small");
    }
    let swap = at_first_content(|| {
        let partial = names(pair.target()).into_iter().find(|name| name.starts_with(PARTIAL_PREFIX)).unwrap();
        let victim = pair.target().join(partial).join("d/b");
        fs::rename(&victim, victim.with_extension("gone")).unwrap();
        symlink(pair.outside(), victim).unwrap();
    });
    let results =
        pair.transfer_with(pair.offer(&["d"]), &pair.target(), OnConflict::Fail, |_| (), swap).await;
    assert!(matches!(&results.1, Err(ReceiveError::Disk(_))), "{:?}", results.1);
    assert!(names(pair.outside()).is_empty());
    assert!(names(pair.target()).is_empty());
}

pub(crate) async fn a_destination_moved_away_keeps_receiving(pair: Pair) {
    write(pair.source().join("d/big"), noise(1, 24 << 20));
    write(pair.source().join("d/small"), "x");
    let moved = pair.target().with_extension("moved");
    let swap = at_first_content(|| {
        fs::rename(pair.target(), &moved).unwrap();
        symlink(pair.outside(), pair.target()).unwrap();
    });
    let results =
        pair.transfer_with(pair.offer(&["d"]), &pair.target(), OnConflict::Fail, |_| (), swap).await;
    results.1.unwrap();
    results.0.unwrap();
    assert!(names(pair.outside()).is_empty());
    assert_eq!(snapshot(moved), snapshot(pair.source()));
}

/// A small filesystem of its own, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(pair: &Pair, size: &str) -> Option<Self> {
        let path = pair.target();
        let options = format!("size={size}");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            Some(Self(path))
        } else {
            println!("SKIPPED: a small filesystem cannot be mounted here");
            None
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().unwrap();
    }
}

pub(crate) async fn a_full_disk_is_told_on_both_sides(pair: Pair) {
    let Some(disk) = SmallDisk::mount(&pair, "64m") else { return };
    write(pair.source().join("d/big"), noise(1, 40 << 20));
    write(pair.source().join("d/small"), "x");
    // Fits when it is checked; then somebody else fills the disk.
    let fill = at_first_content(|| {
        let mut filler = fs::File::create(disk.0.join("filler")).unwrap();
        io::copy(&mut io::repeat(1), &mut filler).unwrap_err();
    });
    let results = pair.transfer_with(pair.offer(&["d"]), &disk.0, OnConflict::Fail, |_| (), fill).await;
    assert!(
        matches!(&results.1, Err(ReceiveError::Disk(e)) if e.kind == io::ErrorKind::StorageFull),
        "{results:?}"
    );
    told(&results, FailureCode::DiskFull, DiskCause::Full);
    assert_eq!(names(&disk.0), ["filler"]);
}

pub(crate) async fn more_than_fits_is_refused_before_anything_is_sent(pair: Pair) {
    let Some(disk) = SmallDisk::mount(&pair, "4m") else { return };
    write(pair.source().join("f"), noise(1, 5 << 20));
    let (sent, received) = pair.transfer(&["f"], OnConflict::Fail).await;
    match received {
        Err(ReceiveError::NoSpace { needed, free }) => assert!(needed == 5 << 20 && free <= 4 << 20),
        other => panic!("{other:?}"),
    }
    assert!(matches!(sent, Err(SendError::Receiver(failure)) if failure.code == FailureCode::DiskFull));
    assert!(names(&disk.0).is_empty());
}
