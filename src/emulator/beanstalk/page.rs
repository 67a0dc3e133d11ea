//! Pages of a listing: everything at once without MaxRecords, else MaxRecords at a time.

use crate::emulator::requests::Request;
use crate::emulator::wire::{Refusal, Xml};

/// Cuts out the page that a request asks for; `write` lists it, then the token of the next one follows.
pub(super) fn write<T>(
    request: &Request,
    items: Vec<T>,
    write: impl FnOnce(&mut Xml, Vec<T>),
) -> Result<Option<Xml>, Refusal> {
    let most = request.form.number("MaxRecords")?;
    if most.is_some_and(|most| !(1..=1000).contains(&most)) {
        return Err(Refusal::validation(
            "1 validation error detected: Value at 'maxRecords' failed to satisfy constraint: Member must be from 1 to 1000",
        ));
    }
    let size = items.len();
    let from = match request.form.get("NextToken") {
        None => 0,
        Some(token) => read_token(token, request)?,
    };
    let to = most.map_or(size, |most| (from + most).min(size));
    let page: Vec<T> = items.into_iter().skip(from).take(to.saturating_sub(from)).collect();
    let mut xml = Xml::new();
    write(&mut xml, page);
    if to < size {
        xml.put("NextToken", &format!("{to}.{:08x}", fingerprint(request)));
    }
    Ok(Some(xml))
}

fn read_token(token: &str, request: &Request) -> Result<usize, Refusal> {
    token
        .split_once('.')
        .filter(|(_, print)| u32::from_str_radix(print, 16).is_ok_and(|print| print == fingerprint(request)))
        .and_then(|(from, _)| from.parse().ok())
        .ok_or_else(|| Refusal::value("The specified NextToken is invalid for these parameters."))
}

/// All parameters but the token must come again unchanged (API reference, DescribeEnvironments, "NextToken").
fn fingerprint(request: &Request) -> u32 {
    request
        .form
        .fields()
        .iter()
        .filter(|(name, _)| *name != "NextToken")
        .flat_map(|(name, value)| name.bytes().chain([b'=']).chain(value.bytes()).chain([b'&']))
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
