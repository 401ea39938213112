use std::fs;

use super::*;

fn key() -> SecretKey {
    SecretKey::from_bytes([0xa5; 32])
}

fn names(directory: &Path) -> Vec<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Writes `text` as a key file that nobody else can read.
fn put(path: &Path, text: impl AsRef<[u8]>) {
    os::create_new(path).unwrap().write_all(text.as_ref()).unwrap();
}

#[test]
fn a_key_comes_back_as_it_was_and_leaves_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    KeyFile::create(&path, &key()).unwrap();
    assert_eq!(KeyFile::load(&path).unwrap().to_bytes(), key().to_bytes());
    assert_eq!(names(directory.path()), ["key"]);
}

#[test]
fn the_file_is_one_line_of_text() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    KeyFile::create(&path, &key()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let body = text.strip_prefix("foctet-secret-key-1 ").unwrap().strip_suffix('\n').unwrap();
    assert_eq!(body.len(), 52);
    assert!(body.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7')), "{body}");
}

#[test]
fn what_exists_is_never_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    put(&path, "precious");
    assert_eq!(KeyFile::create(&path, &key()), Err(KeyFileError::Exists { path: path.clone() }));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    assert_eq!(names(directory.path()), ["key"]);
}

#[test]
fn without_links_a_new_file_is_written_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    write_new(&path, &render(&key())).unwrap();
    assert_eq!(KeyFile::load(&path).unwrap().to_bytes(), key().to_bytes());
    assert_eq!(write_new(&path, b"other").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert!(KeyFile::load(&path).is_ok());
}

#[test]
fn load_or_create_makes_a_key_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    let made = KeyFile::load_or_create(&path).unwrap();
    assert_eq!(KeyFile::load_or_create(&path).unwrap().to_bytes(), made.to_bytes());
}

#[test]
fn racing_creators_end_with_one_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    let ids: Vec<_> = std::thread::scope(|scope| {
        let racers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| KeyFile::load_or_create(&path).unwrap().node_id())).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(names(directory.path()), ["key"]);
}

#[test]
fn either_case_and_any_newline_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let body = String::from_utf8(render(&key()).to_vec()).unwrap();
    let body = body.strip_prefix(PREFIX).unwrap().trim_end();
    for (at, text) in [
        format!("{PREFIX}{body}"),
        format!("{PREFIX}{body}\r\n"),
        format!("{PREFIX}{}\n", body.to_uppercase()),
    ]
    .iter()
    .enumerate()
    {
        let path = directory.path().join(at.to_string());
        put(&path, text);
        assert_eq!(KeyFile::load(&path).unwrap().to_bytes(), key().to_bytes(), "{text:?}");
    }
}

#[test]
fn what_is_no_key_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let good = String::from_utf8(render(&key()).to_vec()).unwrap();
    let line = good.trim_end();
    for (at, text) in [
        String::new(),
        "\n".into(),
        "-----BEGIN PRIVATE KEY-----\n".into(),
        line[..line.len() - 1].into(),
        format!("{line}a\n"),
        format!("{line} \n"),
        format!(" {line}\n"),
        format!("{line}\n\n"),
        format!("{good}{good}"),
        format!("{}1\n", &line[..line.len() - 1]),
        // The last character has four bits to spare, which must be zero.
        format!("{}b\n", &line[..line.len() - 1]),
        format!("{good}{}", "a".repeat(1 << 20)),
    ]
    .iter()
    .enumerate()
    {
        let path = directory.path().join(at.to_string());
        put(&path, text);
        let outcome = KeyFile::load(&path).map(|_| ());
        assert_eq!(outcome, Err(KeyFileError::Malformed { path }), "case {at}");
    }
    let binary = directory.path().join("binary");
    put(&binary, [0xff, 0xfe, 0]);
    assert_eq!(KeyFile::load(&binary).map(|_| ()), Err(KeyFileError::Malformed { path: binary }));
}

#[test]
fn a_later_version_is_named_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    put(&path, "foctet-secret-key-2 something\n");
    assert_eq!(KeyFile::load(&path).map(|_| ()), Err(KeyFileError::Newer { path }));
}

#[test]
fn a_missing_file_says_so() {
    let path = tempfile::tempdir().unwrap().path().join("key");
    let error = KeyFile::load(&path).map(|_| ()).unwrap_err();
    assert!(matches!(error, KeyFileError::Io { kind: io::ErrorKind::NotFound, .. }), "{error:?}");
}

#[test]
fn a_directory_is_no_key_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    assert_eq!(KeyFile::load(&path).map(|_| ()), Err(KeyFileError::NotAFile { path }));
}

#[test]
fn errors_do_not_show_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    put(&path, format!("{PREFIX}{}", "topsecret".repeat(5)));
    let error = KeyFile::load(&path).map(|_| ()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("topsecret"));
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn the_file_and_its_new_directories_are_for_their_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/key");
        KeyFile::create(&path, &key()).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&directory.path().join("a/b")), 0o700);
        assert_eq!(mode(&directory.path().join("a")), 0o700);
        assert_eq!(fs::metadata(&path).unwrap().nlink(), 1);
    }

    #[test]
    fn a_file_that_others_have_any_access_to_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        KeyFile::create(&path, &key()).unwrap();
        for mode in [0o640, 0o604, 0o644, 0o620, 0o610, 0o601, 0o660, 0o777] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = KeyFile::load(&path).map(|_| ()).unwrap_err();
            assert_eq!(error, KeyFileError::Exposed { path: path.clone(), mode });
            assert!(error.to_string().contains(&format!("{mode:04o}")), "{error}");
        }
        for mode in [0o400, 0o600, 0o700] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(KeyFile::load(&path).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn creation_does_not_follow_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (directory.path().join("key"), directory.path().join("elsewhere"));
        symlink(&elsewhere, &path).unwrap();
        assert_eq!(KeyFile::create(&path, &key()), Err(KeyFileError::Exists { path }));
        assert!(!elsewhere.exists());
    }

    #[test]
    fn a_link_is_read_through_and_the_file_behind_it_counts() {
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("key"), directory.path().join("link"));
        KeyFile::create(&path, &key()).unwrap();
        symlink(&path, &link).unwrap();
        assert!(KeyFile::load(&link).is_ok());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(KeyFile::load(&link), Err(KeyFileError::Exposed { mode: 0o644, .. })));
    }

    #[test]
    fn a_fifo_and_a_device_are_refused_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg("-m600").arg(&path).status();
        if made.is_ok_and(|status| status.success()) {
            assert_eq!(KeyFile::load(&path).map(|_| ()), Err(KeyFileError::NotAFile { path }));
        } else {
            eprintln!("SKIPPED: mkfifo not found");
        }
        let path = PathBuf::from("/dev/zero");
        assert_eq!(KeyFile::load(&path).map(|_| ()), Err(KeyFileError::NotAFile { path }));
    }
}
