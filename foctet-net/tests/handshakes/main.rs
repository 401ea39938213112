//! Handshakes that must not succeed, and the odd ones that must: each in both directions and on both transports,
//! with the cause on the side that can know it, the alert that tells the other side, and not one byte of application
//! data delivered.

mod certificates;
mod forge;
mod hostile;
mod openssl;
mod ours;
mod protocols;
mod raw;
mod tickets;
