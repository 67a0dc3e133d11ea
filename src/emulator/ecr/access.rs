//! The way in: passwords, the account's settings, and where the registry is reached.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use data_encoding::{BASE64, HEXLOWER};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::wire::{Authorization, Setting, moment};
use super::{Refusal, Registry};

/// How long an authorization token is good for ("Private registry
/// authentication": twelve hours).
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(12);

/// So many passwords are known at a time; the oldest go first.
const MOST_PASSWORDS: usize = 1000;

/// What a password opens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Access {
    /// Everything.
    Granted,
    /// Nothing any more.
    Expired,
    /// It was never given out, or long ago.
    Unknown,
}

impl Registry {
    pub(super) fn get_authorization_token(
        &mut self,
        request: Authorization,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        for registry in &request.registry_ids {
            self.check_registry(Some(registry))?;
        }
        self.tokens += 1;
        let password = HEXLOWER.encode(&Sha256::digest(format!("{}/{}", self.account, self.tokens)));
        let token = BASE64.encode(format!("AWS:{password}").as_bytes());
        // Expired ones are known for as long again, so that they are told from invented ones.
        self.passwords.retain(|_, until| *until + TOKEN_LIFE > now);
        if self.passwords.len() >= MOST_PASSWORDS
            && let Some((oldest, _)) = self.passwords.iter().min_by_key(|(_, until)| **until)
        {
            let oldest = oldest.clone();
            self.passwords.remove(&oldest);
        }
        self.passwords.insert(password, now + TOKEN_LIFE);
        Ok(json!({"authorizationData": [{
            "authorizationToken": token,
            "expiresAt": moment(now + TOKEN_LIFE),
            "proxyEndpoint": self.endpoint(),
        }]}))
    }

    /// What the password of the user `AWS` opens at the moment.
    pub(crate) fn access(&self, password: &str, now: Timestamp) -> Access {
        match self.passwords.get(password) {
            Some(until) if *until > now => Access::Granted,
            Some(_) => Access::Expired,
            None => Access::Unknown,
        }
    }

    /// Says at which address of this machine the registry protocol is served.
    pub(crate) fn serve_at(&mut self, mut address: SocketAddr) {
        // All addresses of a machine are none that a client could name.
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        self.served = Some(address);
    }

    /// Where the registry protocol is spoken: on this machine where it is served, else where AWS would serve it.
    pub(crate) fn endpoint(&self) -> String {
        match self.served {
            Some(address) => format!("http://{address}"),
            None => format!("https://{}", self.host()),
        }
    }

    pub(super) fn get_account_setting(&self, request: Setting) -> Result<Value, Refusal> {
        check_setting(&request.name)?;
        Ok(json!({"name": request.name, "value": switch(self.blob_mounting)}))
    }

    pub(super) fn put_account_setting(&mut self, request: Setting) -> Result<Value, Refusal> {
        check_setting(&request.name)?;
        self.blob_mounting = match request.value.as_deref() {
            Some("ENABLED") => true,
            Some("DISABLED") => false,
            _ => return Err(Refusal::invalid("value", "Member must be ENABLED or DISABLED")),
        };
        Ok(json!({"name": request.name, "value": switch(self.blob_mounting)}))
    }
}

fn switch(on: bool) -> &'static str {
    if on { "ENABLED" } else { "DISABLED" }
}

fn check_setting(name: &str) -> Result<(), Refusal> {
    if name == "BLOB_MOUNTING" {
        return Ok(());
    }
    Err(Refusal::invalid("name", "of the account's settings, BLOB_MOUNTING is built here"))
}
