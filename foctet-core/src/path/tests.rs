//! In virtual time: single rules, and two ends over simulated paths. Anything at all is in `fuzz/bodies/path_agent.rs`.

mod pair;
mod rounds;
mod rules;
mod sim;
mod why;
