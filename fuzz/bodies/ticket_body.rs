//! The body of a ticket, put into a text whose length and checksum are right: what mere mutation of the text would
//! never get past.

use data_encoding::BASE32_NOPAD;
use foctet_core::{MAX_ADDRS, Ticket, TicketError};

pub(crate) fn run(body: &[u8]) {
    let Ok(length) = u16::try_from(body.len()) else { return };
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend_from_slice(body);
    let checksum = blake3::Hasher::new().update(b"foctet1").update(&bytes).finalize();
    bytes.extend_from_slice(&checksum.as_bytes()[..4]);
    let text = format!("foctet1{}", BASE32_NOPAD.encode(&bytes));

    match text.parse::<Ticket>() {
        Ok(ticket) => {
            assert!(ticket.addr().addrs().len() <= MAX_ADDRS);
            assert!(
                !ticket.addr().addrs().any(|addr| addr.is_link_local_v6() || addr.to_canonical() != addr)
            );
            let again: Ticket = ticket.to_string().parse().expect("what we write, we read");
            assert_eq!((again.addr(), again.secret()), (ticket.addr(), ticket.secret()));
            assert_eq!(again.unread_addrs(), 0);
        }
        // A body over the bound is called mistyped; nothing else may be, with a checksum that is right.
        Err(TicketError::Mistyped) => assert!(body.len() > foctet_core::MAX_TICKET_BODY),
        Err(error) => assert!(matches!(error, TicketError::Malformed | TicketError::NodeId(_)), "{error:?}"),
    }
}
