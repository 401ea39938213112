//! foctet-transfer.
