//! What every server for others begins with: an address that is bound before anything starts, callers that come in one by one,
//! places for so many of them, a pace at which they ask, files of the passwords that they come with, and counters of how they ended.

mod counted;
mod listen;
mod pace;
mod places;
mod secrets;

pub use counted::{Counted, Counters};
pub use listen::{CannotListen, Door};
pub use pace::Pace;
pub use places::{Full, Place, Places};
pub use secrets::{BadSecrets, Login, SecretFile, check_password, is_visible};
