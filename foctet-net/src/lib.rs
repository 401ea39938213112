//! foctet-net.
