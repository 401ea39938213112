//! What a scan finds, what it leaves out, and what it refuses.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "these are tests, helpers included"
)]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use foctet_transfer::{EntryKind, ManifestError, NameRule, Offer, OfferError, Rule, ScanOptions, SkipReason};
use rustix::fs::{CWD, Mode, mkfifoat};
use tempfile::tempdir;

fn scan(paths: &[PathBuf]) -> Result<Offer, OfferError> {
    Offer::scan(paths, &ScanOptions::default())
}

fn paths(offer: &Offer) -> Vec<String> {
    offer.manifest().entries().map(|entry| entry.path()).collect()
}

/// What was left out below `dir`, and why.
fn skipped(offer: &Offer, dir: &Path) -> Vec<(Vec<u8>, SkipReason)> {
    let relative = |path: &Path| path.strip_prefix(dir).unwrap().as_os_str().as_bytes().to_vec();
    let mut skipped: Vec<_> =
        offer.skipped().iter().map(|skipped| (relative(&skipped.path), skipped.why.clone())).collect();
    skipped.sort_by(|a, b| a.0.cmp(&b.0));
    skipped
}

fn fifo(path: impl AsRef<Path>) {
    mkfifoat(CWD, path.as_ref(), Mode::RUSR | Mode::WUSR).unwrap();
}

#[test]
fn what_cannot_be_sent_is_left_out_with_a_reason_and_never_hangs() {
    let home = tempdir().unwrap();
    let tree = home.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("good"), "x").unwrap();
    fifo(tree.join("fifo"));
    let _listening = UnixListener::bind(tree.join("socket")).unwrap();
    fs::write(tree.join(OsStr::from_bytes(b"latin-\xe9")), "x").unwrap();
    fs::write(tree.join("a:b"), "x").unwrap();
    fs::write(tree.join("CON"), "x").unwrap();
    fs::write(tree.join("back\\slash"), "x").unwrap();
    fs::write(tree.join("Twin"), "x").unwrap();
    fs::write(tree.join("twin"), "x").unwrap();
    symlink("good", tree.join("inside")).unwrap();
    symlink("/etc/passwd", tree.join("absolute")).unwrap();
    symlink("../elsewhere", tree.join("outside")).unwrap();
    symlink("..", tree.join("loop")).unwrap();
    symlink(".", tree.join("self")).unwrap();

    let offer = scan(std::slice::from_ref(&tree)).unwrap();
    assert_eq!(paths(&offer), ["tree", "tree/Twin", "tree/good", "tree/inside", "tree/self"]);
    let name = |rule| SkipReason::Rule(Rule::Name(rule));
    let expected: Vec<(&[u8], SkipReason)> = vec![
        (b"CON", name(NameRule::Device)),
        (b"a:b", name(NameRule::Colon)),
        (b"absolute", SkipReason::Rule(Rule::LinkEscapes)),
        (b"back\\slash", name(NameRule::Backslash)),
        (b"fifo", SkipReason::Fifo),
        (b"latin-\xe9", name(NameRule::NotUtf8)),
        (b"loop", SkipReason::Rule(Rule::LinkEscapes)),
        (b"outside", SkipReason::Rule(Rule::LinkEscapes)),
        (b"socket", SkipReason::Socket),
        (b"twin", SkipReason::Rule(Rule::Duplicate)),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(path, why)| (path.to_vec(), why)).collect();
    assert_eq!(skipped(&offer, &tree), expected);
}

#[test]
fn what_may_not_be_read_is_left_out() {
    let home = tempdir().unwrap();
    let closed = home.path().join("d/closed");
    fs::create_dir(home.path().join("d")).unwrap();
    fs::write(&closed, "x").unwrap();
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    if fs::File::open(&closed).is_ok() {
        println!("SKIPPED: this user may read everything");
        return;
    }
    let offer = scan(&[home.path().join("d")]).unwrap();
    assert_eq!(paths(&offer), ["d"]);
    assert!(matches!(offer.skipped()[0].why, SkipReason::Unreadable(_)));
    assert!(matches!(scan(&[closed]), Err(OfferError::Unsendable { .. })));
}

#[test]
fn paths_given_must_exist_be_sendable_and_differ() {
    let home = tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    fs::create_dir_all(path("a")).unwrap();
    fs::create_dir_all(path("b")).unwrap();
    fs::write(path("a/same"), "1").unwrap();
    fs::write(path("b/Same"), "2").unwrap();
    fifo(path("fifo"));
    fs::write(path("a:b"), "x").unwrap();
    symlink("nowhere", path("dangling")).unwrap();

    assert_eq!(scan(&[path("missing")]).err(), Some(OfferError::NotFound { path: path("missing") }));
    assert_eq!(scan(&[path("dangling")]).err(), Some(OfferError::NotFound { path: path("dangling") }));
    let unsendable = |name: &str, why| Some(OfferError::Unsendable { path: path(name), why });
    assert_eq!(scan(&[path("fifo")]).err(), unsendable("fifo", SkipReason::Fifo));
    assert_eq!(
        scan(&["/dev/null".into()]).err().unwrap().to_string(),
        "/dev/null cannot be sent: it is a device"
    );
    assert_eq!(scan(&[path("a:b")]).err(), unsendable("a:b", SkipReason::Rule(Rule::Name(NameRule::Colon))));
    let same = OfferError::SameName { first: path("a/same"), second: path("b/Same") };
    assert_eq!(scan(&[path("a/same"), path("b/Same")]).err(), Some(same));
    assert!(matches!(scan(&["/".into()]), Err(OfferError::Unsendable { .. })));
}

#[test]
fn a_link_that_was_given_stands_for_what_it_points_to() {
    let home = tempdir().unwrap();
    fs::create_dir(home.path().join("v1.2")).unwrap();
    fs::write(home.path().join("v1.2/f"), "x").unwrap();
    symlink("v1.2", home.path().join("latest")).unwrap();
    symlink("v1.2/f", home.path().join("one")).unwrap();
    let offer = scan(&[home.path().join("latest"), home.path().join("one")]).unwrap();
    assert_eq!(paths(&offer), ["latest", "latest/f", "one"]);
    assert_eq!(offer.manifest().entry(0).unwrap().kind(), EntryKind::Directory);
    assert_eq!(offer.manifest().entry(2).unwrap().size(), 1);
}

#[test]
fn dots_are_resolved_to_the_directory_s_own_name() {
    let home = tempdir().unwrap();
    fs::create_dir_all(home.path().join("project/src")).unwrap();
    let offer = scan(&[home.path().join("project/src/..")]).unwrap();
    assert_eq!(paths(&offer), ["project", "project/src"]);
    let offer = scan(&[home.path().join("project/.")]).unwrap();
    assert_eq!(paths(&offer), ["project", "project/src"]);
}

#[test]
fn limits_end_the_scan() {
    let home = tempdir().unwrap();
    for name in ["a", "b", "c"] {
        fs::write(home.path().join(name), "").unwrap();
    }
    let options = ScanOptions::default().with_max_entries(3);
    let refused = Offer::scan(&[home.path().to_owned()], &options).err();
    assert_eq!(refused, Some(OfferError::Manifest(ManifestError::TooManyEntries { limit: 3 })));

    // A sparse file of a size that needs no disk.
    let sparse = fs::File::create(home.path().join("a")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    assert_eq!(scan(&[home.path().join("a")]).unwrap().manifest().total_bytes(), 1 << 40);

    let mut deep = home.path().join("deep");
    for _ in 0..260 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).unwrap();
    let offer = scan(&[home.path().join("deep")]).unwrap();
    assert_eq!(offer.manifest().len(), 256);
    assert_eq!(offer.skipped()[0].why, SkipReason::Rule(Rule::TooDeep));
}
