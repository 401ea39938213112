//! foctet-net.

mod identity;
pub use identity::{Authorize, Identity, IdentityError, KeyFile, KeyFileError, Rejection, TlsError};
