/// When the peer of a connection may learn this node's addresses, so that a direct path can be found beside a relayed
/// one. An address tells where somebody is; the relay tells a peer nothing of the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DirectPolicy {
    /// When the application takes the connection: from `connect` or from `accept`.
    #[default]
    WhenAccepted,
    /// When the application says so, by [`Connection::allow_direct`](crate::Connection::allow_direct). Only then is a peer
    /// told of changes of this node's relays, either, which it otherwise is when the application takes the connection.
    Manual,
    /// Never.
    Never,
}
