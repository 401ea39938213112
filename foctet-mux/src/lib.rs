//! foctet-mux.
