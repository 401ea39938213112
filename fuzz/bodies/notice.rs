//! The notices of an acceptor, in pieces as they arrive. What decodes is written again so that it decodes to the same.

use foctet_core::{MAX_NOTICE, MAX_RELAYS, Notice, NoticeReader};

/// Bytes before the body.
const HEADER: usize = 3;

fn notices(data: &[u8], piece: usize) -> (Vec<Notice>, bool) {
    let mut reader = NoticeReader::default();
    let mut notices = Vec::new();
    for bytes in data.chunks(piece) {
        reader.push(bytes);
        loop {
            match reader.next() {
                Ok(Some(notice)) => notices.push(notice),
                Ok(None) => break,
                Err(error) => {
                    drop(error.to_string());
                    return (notices, false);
                }
            }
        }
    }
    (notices, true)
}

pub(crate) fn run(data: &[u8]) {
    let all = notices(data, data.len().max(1));
    assert_eq!(all, notices(data, 1), "how bytes arrive changes nothing");
    for notice in all.0 {
        if let Notice::Relays(relays) = &notice {
            assert!(relays.len() <= MAX_RELAYS && relays.iter().all(|relay| relay.token().is_none()));
            let others = |n: usize| relays.iter().skip(n + 1);
            assert!(relays.iter().enumerate().all(|(n, relay)| others(n).all(|r| r.id() != relay.id())));
        }
        let wire = notice.encode();
        assert!(wire.len() <= HEADER + MAX_NOTICE);
        assert_eq!(notices(&wire, wire.len()), (vec![notice], true));
    }
}
