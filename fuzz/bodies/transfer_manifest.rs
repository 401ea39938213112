//! The entries of a manifest. What is accepted is safe to write, and has one spelling.

use foctet_transfer::{EntryKind, MAX_DEPTH, MAX_PATH_LEN, MODE_BITS, Manifest, check_name};

pub(crate) fn run(data: &[u8]) {
    let manifest = match Manifest::decode(data) {
        Ok(manifest) => manifest,
        Err(error) => return drop(error.to_string()),
    };
    assert_eq!(manifest.encode(), data);
    let mut total = 0u64;
    for entry in manifest.entries() {
        let path = entry.path();
        assert!(path.len() <= MAX_PATH_LEN && !path.starts_with('/'));
        assert!(path.split('/').count() <= MAX_DEPTH.into());
        assert!(path.split('/').all(|name| check_name(name.as_bytes()).is_ok()), "{path:?}");
        assert_eq!(entry.mode() & !MODE_BITS, 0);
        assert!(entry.parent().is_none_or(|parent| parent.kind() == EntryKind::Directory));
        total = total.checked_add(entry.size()).expect("sizes add up");
        if let Some(target) = entry.target() {
            // However many steps up, there are as many directories of the same tree above.
            let up = target.split('/').filter(|step| *step == "..").count();
            assert!(up + 2 <= path.split('/').count(), "{path:?} -> {target:?}");
        }
    }
    assert_eq!(total, manifest.total_bytes());
}
