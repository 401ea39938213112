//! The tokio driver: moves bytes between a carrier and the state machine and wakes those who wait.

mod carrier;
mod connection;
mod recv_stream;
mod send_stream;
mod shared;
mod task;
mod wakers;

pub use carrier::Carrier;
pub use connection::Connection;
pub use recv_stream::RecvStream;
pub use send_stream::SendStream;
