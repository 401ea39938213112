//! Which of a QUIC connection's paths carries its data: the judgement, without I/O, clock or randomness.
//!
//! A [`PathAgent`] watches one connection from one end. The driver tells it what happens (paths open and close, counters
//! move, addresses come and go) and when ([`handle_timeout`](PathAgent::handle_timeout)), and does what
//! [`poll_action`](PathAgent::poll_action) says. What an application wants to hear is in
//! [`poll_event`](PathAgent::poll_event). The next time to call is [`poll_timeout`](PathAgent::poll_timeout).
//!
//! The rules:
//!
//! - Exactly one path carries data: the best one. A direct path beats a relayed one; between equals a path must be
//!   clearly faster to be worth a change, and IPv4 and IPv6 are equals. A probe can promote a path, never demote one: an
//!   idle, healthy path stays.
//! - A path dies by evidence, not by an idle timer. Packets that want an answer went out, and nothing came in for twice
//!   the probe timeout (RFC 9002, section 6.2) or 200 ms: the path is suspect, is pinged, and the next best carries the
//!   data. One probe timeout later it is closed, so that what was in flight on it is sent again; but only once another path
//!   has answered in the meantime. Where none does, the network is gone and not the path, and all are kept and
//!   pinged until one answers.
//! - Acknowledgements take the path that the peer sends on, whichever path they are for. So only the path that carries
//!   data is judged by the silence on it; an idle one shows that it works by echoes: what comes in where nothing went out
//!   for a second is answered by a ping. And when the peer leaves the path that both were on, for a reason that cannot
//!   be seen from here, the dialler follows.
//! - A path that died is not trusted at once when it opens again: it must carry a few round trips first, for longer
//!   each time.
//! - The dialler decides and starts the NAT traversal rounds; the acceptor follows, unless its own evidence says that
//!   the dialler's choice is dead.
//! - A round is worth nothing while nothing gets out, and none is started then; nor after a change of the network before
//!   something has come back. What time alone starts leaves one in a minute for what changes.
//! - A relay that the peer has left is left too: the data moves to a path through another one as soon as there is one, and
//!   the path is closed once that one has carried something.
//! - No address of ours is told before [`allow_direct`](PathAgent::allow_direct).

mod action;
mod agent;
mod candidate;
mod counters;
mod event;
mod key;
mod liveness;
mod relays;
mod rounds;
mod score;
mod state;
mod why;

pub use action::{Action, CloseReason, PathStatus};
pub use agent::{Config, MAX_PATHS_WATCHED, PathAgent, Role};
pub use candidate::MAX_CANDIDATES;
pub use counters::Counters;
pub use event::{ChangeReason, Event};
pub use key::PathKey;
pub use rounds::MAX_ROUNDS_PER_MINUTE;
pub use why::WhyNotDirect;

#[cfg(test)]
mod tests;
