use foctet_core::TicketError;

use super::{Exit, Failure};

impl From<TicketError> for Failure {
    fn from(error: TicketError) -> Self {
        let (code, hint) = match error {
            TicketError::Newer { .. } => {
                ("ticket-newer", "install a newer foctet here, or send with the same version as here")
            }
            TicketError::Truncated => {
                ("ticket-truncated", "copy the whole ticket: a terminal may show it on several lines")
            }
            TicketError::Alphabet | TicketError::Mistyped => {
                ("ticket-mistyped", "copy and paste the ticket instead of typing it")
            }
            TicketError::NotATicket => {
                ("ticket-invalid", "give the text that `foctet send` printed, from `foctet1` to its end")
            }
            _ => ("ticket-invalid", "ask the sender for a new ticket"),
        };
        Self::new(Exit::Usage, code, error.to_string(), hint)
    }
}
