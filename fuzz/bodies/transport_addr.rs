//! A transport address from text. What is accepted is canonical and survives its own text.

use foctet_core::TransportAddr;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match text.parse::<TransportAddr>() {
        Ok(addr) => {
            assert_eq!(addr.to_string().parse(), Ok(addr));
            assert_eq!(addr.to_canonical(), addr);
            // Neither may panic, whatever the address.
            let _ = (addr.is_dialable(), addr.is_link_local_v6());
        }
        Err(error) => drop(error.to_string()),
    }
}
