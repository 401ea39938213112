//! How the program ends: exit codes, and the failures behind them.

mod bench;
mod network;
mod ticket;
mod transfer;

/// The exit codes that scripts rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and verified by the receiver.
    Success = 0,
    /// A failure that has no code of its own.
    Other = 1,
    /// Usage, including a ticket that does not parse.
    Usage = 2,
    /// Someone said no.
    Declined = 3,
    /// The peer was not reached, or not in time.
    Unreachable = 4,
    /// Identity, ticket or authorisation refused.
    Refused = 5,
    /// The peer offered what must not be written here.
    Unsafe = 6,
    /// The local disk, including a name that exists.
    Disk = 7,
    /// What is sent changed meanwhile.
    SourceChanged = 8,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Success,
        Self::Other,
        Self::Usage,
        Self::Declined,
        Self::Unreachable,
        Self::Refused,
        Self::Unsafe,
        Self::Disk,
        Self::SourceChanged,
        Self::Interrupted,
    ];

    /// What it says to whoever reads the manual page.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Success => "Done, and verified by the receiver; with -n N by all N.",
            Self::Other => "Another failure.",
            Self::Usage => "Usage, including a ticket that does not parse.",
            Self::Declined => "Declined.",
            Self::Unreachable => "The peer was not reachable, timed out, or was lost on the way.",
            Self::Refused => "Identity, ticket or authorisation refused.",
            Self::Unsafe => "Unsafe content refused.",
            Self::Disk => "Local disk, including a name that exists.",
            Self::SourceChanged => "The source changed.",
            Self::Interrupted => "Interrupted.",
        }
    }

    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }
}

/// Why the program ends without success: one line of cause, one of what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// A word for scripts; `docs/cli.md` lists them.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: String,
}

impl Failure {
    /// The code of a payload that no one reads any more.
    pub(crate) const OUTPUT_CLOSED: &'static str = "output-closed";

    pub(crate) fn new(
        exit: Exit,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { exit, code, message: message.into(), hint: hint.into() }
    }

    /// The user stopped it.
    pub(crate) fn interrupted(hint: &str) -> Self {
        Self::new(Exit::Interrupted, "interrupted", "stopped", hint)
    }

    /// The same about a program other than `foctet send` on the other side.
    pub(crate) fn about(mut self, program: &str) -> Self {
        self.hint = self.hint.replace("foctet send", program).replace("foctet receive", "foctet bench");
        self.hint = self.hint.replace("the sender", "the other side");
        self
    }

    /// The event that tells it.
    pub(crate) fn event(&self) -> crate::events::Event {
        crate::events::Event::Error {
            code: self.code,
            message: self.message.clone(),
            hint: self.hint.clone(),
        }
    }
}
