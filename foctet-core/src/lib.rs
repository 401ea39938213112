//! foctet-core.
