//! foctet.
