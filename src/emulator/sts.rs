//! STS: who one is.

use super::beanstalk::Outcome;
use super::requests::Request;
use super::wire::{Refusal, Xml};
use super::world::World;

/// Carries out one call (API reference: GetCallerIdentity).
pub(crate) fn dispatch(world: &mut World, request: &mut Request) -> Outcome {
    if request.operation != "GetCallerIdentity" {
        return Err(Refusal::new(
            "InvalidAction",
            format!("Could not find operation {} for version 2011-06-15", request.operation),
        ));
    }
    let mut xml = Xml::new();
    xml.put("Arn", &format!("arn:aws:iam::{}:user/{}", world.account, request.key));
    xml.put("UserId", &request.key);
    xml.put("Account", &world.account);
    Ok(Some(xml))
}
