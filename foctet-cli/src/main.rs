//! The `foctet` program.

fn main() {}
