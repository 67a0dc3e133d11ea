//! SDK set-up: clients, connectors, deadlines, the allow-list of verbs, the
//! rate budget. Every call to AWS passes [`call()`] and the governed connector.

mod budget;
mod call;
mod connect;
mod errors;
mod governed;
mod network;
mod tables;
mod verbs;

pub use budget::{Budget, Rate, Rates};
pub use call::{Dated, call};
pub use connect::{AwsError, Caller, Clients, Connection, Origin};
pub use errors::{CallError, refused};
pub use governed::{Gate, OpenGate, ShutGate};
pub use tables::{Conditional, Item, TableClient, TableError, table_call};
pub use verbs::{VERBS, Verb};
