//! What the program is to reach.

use super::{COLD_MILLISECONDS, FIRST_PEAK, FSYNC, RATE, SECOND_PEAK, SECONDS, SYNCED_RATE, SYNCED_SECONDS};
use crate::goal::Goal;

/// For one large file.
pub(super) const FILE_GOALS: [Goal; 14] = [
    Goal::at_least("foctet tcp, data not synced", RATE, 0.9, "floor"),
    Goal::at_least("foctet tcp, data not synced", RATE, 0.75, "socat over TLS"),
    Goal::at_least("foctet tcp, data not synced", RATE, 3.5, "scp"),
    Goal::at_least("foctet tcp", SYNCED_RATE, 0.9, "floor"),
    Goal::at_least("foctet tcp", SYNCED_RATE, 0.75, "socat over TLS"),
    Goal::at_least("foctet tcp", SYNCED_RATE, 3.5, "scp"),
    Goal::beside("foctet quic, data not synced", RATE, "floor"),
    Goal::beside("foctet quic", SYNCED_RATE, "floor"),
    Goal::beside("floor", FSYNC, "cp"),
    Goal::within("foctet tcp", FIRST_PEAK, 64.0),
    Goal::within("foctet tcp", SECOND_PEAK, 64.0),
    Goal::within("foctet quic", FIRST_PEAK, 64.0),
    Goal::within("foctet quic", SECOND_PEAK, 64.0),
    Goal::beside("foctet quic", SYNCED_RATE, "foctet tcp"),
];

/// For one of a byte.
pub(super) const BYTE_GOALS: [Goal; 3] = [
    Goal::within("foctet auto", COLD_MILLISECONDS, 40.0),
    Goal::within("foctet tcp", COLD_MILLISECONDS, 40.0),
    Goal::within("foctet quic", COLD_MILLISECONDS, 40.0),
];

/// For many small ones, with neither side's sync counted and with both.
pub(super) const TREE_GOALS: [Goal; 6] = [
    Goal::at_most("foctet tcp", SECONDS, 2.0, "cp"),
    Goal::at_most("foctet tcp", SECONDS, 1.0, "rsync daemon"),
    Goal::at_most("foctet tcp", SYNCED_SECONDS, 2.0, "cp"),
    Goal::at_most("foctet tcp", SYNCED_SECONDS, 1.0, "rsync daemon"),
    Goal::beside("foctet tcp", SYNCED_SECONDS, "tar over nc"),
    Goal::beside("foctet quic", SYNCED_SECONDS, "rsync daemon"),
];
