//! A simulated network, in virtual time.
