//! What makes environments: Elastic Beanstalk, the bundles and images that it
//! deploys. Each method is one question or one complete request; decisions
//! are made elsewhere.

mod beanstalk;
mod bundles;
mod decode;
mod mutate;
mod platform;
mod proof;
mod registry;

pub use beanstalk::{Beanstalk, Listing, VersionSource};
pub use bundles::Bundles;
pub use mutate::Accepted;
pub use proof::{AdoptableOrphan, MayEnd, NamedOrphan, OwnedEnvironment};
pub use registry::{Registry, RegistryHome};
