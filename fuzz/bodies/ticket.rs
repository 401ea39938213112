//! A ticket from text, as somebody pastes it.

use foctet_core::{MAX_ADDRS, MAX_TICKET_TEXT, Ticket};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match text.parse::<Ticket>() {
        Ok(ticket) => {
            assert!(text.trim().len() <= MAX_TICKET_TEXT);
            assert!(ticket.addr().addrs().len() <= MAX_ADDRS);
            assert_eq!(text.to_ascii_uppercase().parse(), Ok(ticket.clone()));
            let again: Ticket = ticket.to_string().parse().expect("what we write, we read");
            assert_eq!((again.addr(), again.secret()), (ticket.addr(), ticket.secret()));
        }
        Err(error) => drop(error.to_string()),
    }
}
