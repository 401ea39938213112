//! Where the ticket comes from: the command line, the environment or stdin.

use foctet_core::Ticket;

use crate::ask;
use crate::exit::{Exit, Failure};

/// Reads and parses the ticket. `-` means stdin.
///
/// # Errors
/// When there is none, or it does not parse. No message repeats any of it: it holds a secret.
///
/// # Cancel safety
/// What was read of stdin is lost.
pub(crate) async fn read(given: Option<&str>) -> Result<Ticket, Failure> {
    let none = || {
        Failure::new(
            Exit::Usage,
            "ticket-missing",
            "there is no ticket",
            "give it as an argument, on stdin with `foctet receive -`, or in FOCTET_CODE",
        )
    };
    match given.map(str::trim) {
        None | Some("") => Err(none()),
        Some("-") => match ask::read_line().await {
            Ok(Some(line)) if !line.trim().is_empty() => Ok(line.parse::<Ticket>()?),
            Ok(_) => Err(none()),
            Err(error) => Err(Failure::new(
                Exit::Usage,
                "ticket-invalid",
                format!("cannot read a ticket from stdin: {error}"),
                "send one line with the text that `foctet send` printed",
            )),
        },
        Some(ticket) => Ok(ticket.parse::<Ticket>()?),
    }
}
