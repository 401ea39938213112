//! Runs the body of a target over its committed corpus, so that plain `cargo test` replays what fuzzing found.

use std::fs;
use std::path::Path;

/// Runs `run` over every file of `corpus/<target>`, and fails if there is none: a moved corpus must not pass.
pub(crate) fn corpus(target: &str, run: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut names: Vec<_> = fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.expect("the directory can be read to its end").path())
        .filter(|path| path.is_file())
        .collect();
    names.sort();
    assert!(!names.is_empty(), "{} is empty", dir.display());
    for path in names {
        // Printed only when the test fails: the last one named is the culprit.
        println!("{}", path.display());
        run(&fs::read(&path).expect("the file can be read"));
    }
}
