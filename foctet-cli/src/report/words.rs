//! Events in words.

use std::time::Duration;

use super::{escape, units};
use crate::events::{Event, Path};

/// The first characters of a NodeId, enough to tell peers apart.
const SHORT_NODE_ID: usize = 10;

/// Which end of a transfer this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Sender,
    Receiver,
    /// Either end of a benchmark.
    Bench,
}

/// What people read about an event; empty where the bar or the asking code says it.
pub(crate) fn describe(event: &Event, role: Role) -> String {
    match event {
        Event::Listening { ticket, .. } if role == Role::Bench => {
            format!("On the other computer run:\n  foctet bench {ticket}")
        }
        Event::Listening { ticket, .. } => format!("On the other computer run:\n  foctet receive {ticket}"),
        Event::Connected { node_id, path } => {
            // Zero until it was measured.
            let round_trip = (path.rtt_ms > 0.0).then(|| format!(", {}", units::round_trip(path.rtt_ms)));
            format!("Connected to {}, {}{}", short(node_id), way(path), round_trip.unwrap_or_default())
        }
        Event::Path { path, why, .. } => format!("Now {}: {}", whole_way(path), escape(why)),
        Event::Interrupted { why } => format!("The connection was lost ({}); reconnecting.", escape(why)),
        Event::Reconnected { path, bytes: 0 } => format!("Reconnected, {}.", whole_way(path)),
        Event::Reconnected { path, bytes } => {
            format!("Reconnected, {}; going on after {}.", whole_way(path), units::bytes(*bytes))
        }
        Event::Ping { seconds, rtt_ms, path, .. } => {
            format!("{seconds:>7.1} s  {:>8}  {}", units::round_trip(*rtt_ms), whole_way(path))
        }
        Event::Pinged { count, min_ms, median_ms, max_ms, path, why_not_direct } => {
            let [min, median, max] = [min_ms, median_ms, max_ms].map(|millis| units::round_trip(*millis));
            let trips = if *count == 1 { "1 round trip".to_owned() } else { format!("{count} round trips") };
            let why = why_not_direct.as_ref().map(|why| format!("\nNot direct: {}.", escape(why)));
            let why = why.unwrap_or_default();
            format!("{trips}: {min} to {max}, median {median}; {}{why}", way(path))
        }
        Event::Stalled { node_id: Some(node_id), .. } => {
            format!("{} has not answered for some seconds; still trying.", short(node_id))
        }
        Event::Stalled { node_id: None, .. } => {
            "The other side has not answered for some seconds; still trying.".to_owned()
        }
        Event::Manifest { .. } | Event::Progress { .. } => String::new(),
        Event::Waiting { why: Some(why), .. } => escape(why),
        Event::Waiting { why: None, .. } => "Waiting for another receiver.".to_owned(),
        Event::Skipped { path, why } => {
            format!("Skipped {}: {}", escape::escape_within(path, escape::NAME_COLUMNS), escape(why))
        }
        Event::Renamed { path, name } => format!(
            "Saved {} as {}",
            escape::escape_within(path, escape::NAME_COLUMNS),
            escape::escape_within(name, escape::NAME_COLUMNS)
        ),
        Event::Done { bytes, seconds, .. } => format!(
            "Done: {} in {}, {}",
            units::bytes(*bytes),
            units::duration(Duration::try_from_secs_f64(*seconds).unwrap_or_default()),
            match role {
                Role::Sender => "verified by the receiver.",
                Role::Receiver | Role::Bench => "verified.",
            }
        ),
        // People read them in a table.
        Event::Settings { .. }
        | Event::Sample { .. }
        | Event::Figure(_)
        | Event::Disk { .. }
        | Event::Speeds { .. }
        | Event::Bottleneck { .. } => String::new(),
        Event::Relay { address } => address.clone(),
        Event::Reloaded { why: None } => "The configuration is in force.".to_owned(),
        Event::Reloaded { why: Some(why) } => {
            format!("The configuration cannot be used, and what was in force stays so: {}", escape(why))
        }
        Event::Error { message, hint, .. } => error_lines(message, hint, false),
    }
}

/// `direct, QUIC`.
pub(super) fn way(path: &Path) -> String {
    format!("{}, {}", path.kind, path.transport.to_uppercase())
}

/// `direct, QUIC, 192.0.2.1:7, 12 ms`.
pub(crate) fn whole_way(path: &Path) -> String {
    // Zero until it was measured.
    let round_trip = (path.rtt_ms > 0.0).then(|| format!(", {}", units::round_trip(path.rtt_ms)));
    format!("{}, {}{}", way(path), path.remote, round_trip.unwrap_or_default())
}

/// One line of cause, one of what to do.
pub(crate) fn error_lines(message: &str, hint: &str, color: bool) -> String {
    let (error, tip) =
        if color { ("\x1b[1;31merror:\x1b[0m", "\x1b[1;36mhint:\x1b[0m") } else { ("error:", "hint:") };
    let message = escape(message);
    if hint.is_empty() {
        format!("{error} {message}")
    } else {
        format!("{error} {message}\n{tip} {}", escape(hint))
    }
}

fn short(node_id: &str) -> &str {
    node_id.get(..SHORT_NODE_ID).unwrap_or(node_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> Path {
        Path {
            kind: "direct".to_owned(),
            transport: "quic",
            remote: "192.0.2.1:7".to_owned(),
            rtt_ms: 12.3,
            why_not_direct: None,
        }
    }

    #[test]
    fn a_connection_names_the_peer_and_the_way() {
        let node_id = "k4rq2m5xyaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned();
        let event = Event::Connected { node_id, path: path() };
        assert_eq!(describe(&event, Role::Sender), "Connected to k4rq2m5xya, direct, QUIC, 12 ms");
    }

    #[test]
    fn the_end_says_who_verified() {
        let event = Event::Done {
            bytes: 381_000_000,
            files: 1,
            seconds: 4.1,
            blake3: String::new(),
            path: path(),
            node_id: None,
        };
        assert_eq!(describe(&event, Role::Sender), "Done: 381 MB in 4.1 s, verified by the receiver.");
        assert_eq!(describe(&event, Role::Receiver), "Done: 381 MB in 4.1 s, verified.");
    }

    #[test]
    fn errors_are_a_cause_and_a_hint_whatever_is_in_them() {
        assert_eq!(error_lines("bad\nname \x1b[2J", "try", false), "error: bad\\nname \\u{1b}[2J\nhint: try");
        assert_eq!(error_lines("cause", "", false), "error: cause");
        assert!(error_lines("cause", "", true).starts_with("\x1b["));
    }
}
