//! A NodeId, from 32 bytes and from text. What is accepted has one spelling, whichever way it came.

use foctet_core::NodeId;

pub(crate) fn run(data: &[u8]) {
    if let Ok(id) = NodeId::try_from(data) {
        assert_eq!(id.as_bytes(), data);
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    let Ok(text) = str::from_utf8(data) else { return };
    match text.parse::<NodeId>() {
        Ok(id) => {
            assert_eq!(id.to_string(), text.to_ascii_lowercase());
            assert_eq!(NodeId::from_bytes(id.as_bytes()), Ok(id));
            assert!(text.to_ascii_lowercase().starts_with(&id.fmt_short()));
        }
        Err(error) => drop(error.to_string()),
    }
}
