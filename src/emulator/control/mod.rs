//! The control socket: what a test or a curious person changes in the world while it runs.
//!
//! One command a line, as words (`speed 60`) or as a JSON object with one member (`{"speed": 60}`); one JSON object
//! a line in reply, with the member `error` when the command was not understood. `docs/emulator.md` lists them.

mod command;

use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::throttle::Throttle;
use super::world::{Breakage, World};
use super::{Emulator, Fault};
use command::{Command, Quota};

/// No command is longer; a list of faults is the longest.
const LONGEST: u64 = 1 << 20;

impl Emulator {
    /// Takes commands on a Unix socket until `shutdown`; the socket file is made anew and removed at the end.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub async fn serve_control(&self, socket: &Path, shutdown: CancellationToken) -> std::io::Result<()> {
        match std::fs::remove_file(socket) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(socket)?;
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            if let Ok((stream, _)) = accepted {
                tokio::spawn(self.clone().converse(stream, shutdown.clone()));
            }
        }
        std::fs::remove_file(socket)
    }

    async fn converse(self, stream: UnixStream, shutdown: CancellationToken) {
        let (from, mut to) = stream.into_split();
        let mut lines = BufReader::new(tokio::io::AsyncReadExt::take(from, LONGEST)).lines();
        loop {
            let line = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                line = lines.next_line() => line,
            };
            let Ok(Some(line)) = line else { break };
            let reply = format!("{}\n", self.control(&line));
            if to.write_all(reply.as_bytes()).await.is_err() {
                break;
            }
        }
    }

    /// Carries out one command of the control socket and gives its reply.
    pub fn control(&self, line: &str) -> Value {
        match Command::read(line).and_then(|command| self.carry_out(command)) {
            Ok(reply) => reply,
            Err(error) => json!({"error": error}),
        }
    }

    fn carry_out(&self, command: Command) -> Result<Value, String> {
        match command {
            Command::Speed(speed) => {
                self.set_speed(speed);
                Ok(json!({"speed": speed}))
            }
            Command::Clock(ahead) => {
                self.jump(ahead);
                Ok(json!({"now": self.now()}))
            }
            Command::Now => Ok(json!({"now": self.now()})),
            Command::Lapse => Ok(self.with(lapse)),
            Command::Faults(faults) => {
                let count = faults.len();
                self.faults(faults);
                Ok(json!({"faults": count}))
            }
            Command::Fault(fault) => Ok(self.with(|world| add_fault(world, *fault))),
            Command::Hits => Ok(self.hits()),
            Command::Calls(since) => {
                let calls = self.calls_since(since);
                let last = calls.last().map_or(since, |call| call.seq);
                Ok(json!({"calls": calls, "last": last}))
            }
            Command::World => {
                self.with(|world| serde_json::to_value(&*world)).map_err(|error| error.to_string())
            }
            other => self.with(|world| change(world, other)),
        }
    }

    fn hits(&self) -> Value {
        let hits = self.fault_hits();
        let rows: Vec<Value> = hits
            .iter()
            .map(|(operation, kind, hits)| json!({"operation": operation, "kind": kind, "hits": hits}))
            .collect();
        json!({"hits": rows})
    }
}

fn lapse(world: &mut World) -> Value {
    let (now, next) = (world.now(), world.next_change());
    json!({"now": now, "next": next, "in": next.map(|next| next.duration_since(now).as_secs_f64())})
}

fn add_fault(world: &mut World, fault: Fault) -> Value {
    let now = world.now();
    world.faults.add(fault, now);
    json!({"ok": true})
}

/// Commands that change one thing in the world.
fn change(world: &mut World, command: Command) -> Result<Value, String> {
    match command {
        Command::Quota(quota, number) => {
            let quotas = &mut world.quotas;
            *match quota {
                Quota::Applications => &mut quotas.applications,
                Quota::Versions => &mut quotas.versions,
                Quota::Environments => &mut quotas.environments,
                Quota::Templates => &mut quotas.templates,
            } = number;
            Ok(json!({"quotas": world.quotas}))
        }
        Command::Health(name, health) => {
            let found = world.named(&name).or_else(|| world.environments.get(&name));
            let id = found.map(|environment| environment.id.clone());
            let id = id.ok_or_else(|| format!("no environment is called '{name}'"))?;
            world.set_health(&id, health);
            Ok(json!({"environment": id, "health": health.colour(), "status": health.word()}))
        }
        Command::Break(stage, matching, times) => {
            world.breakages.push(Breakage { stage, matching, times });
            Ok(json!({"breakages": world.breakages}))
        }
        Command::Mend(matching) => {
            world
                .breakages
                .retain(|breakage| matching.as_ref().is_some_and(|text| *text != breakage.matching));
            Ok(json!({"breakages": world.breakages}))
        }
        Command::Strangers(prefixes) => {
            world.strangers.extend(prefixes);
            Ok(json!({"strangers": world.strangers}))
        }
        Command::See(key, sight) => {
            world.sights.insert(key, sight);
            Ok(json!({"sights": world.sights}))
        }
        Command::Reading(switch, value) => {
            world.settings.readings = world.settings.readings.with(&switch, &value)?;
            Ok(json!({"readings": world.settings.readings}))
        }
        Command::Rate(rate) => {
            world.throttle = Throttle::new(rate, world.now());
            Ok(json!({"rate": rate}))
        }
        Command::Push(repository, tag) => {
            let now = world.now();
            let digest = world.registry.seed_image(&repository, &tag, now);
            Ok(json!({"image": format!("{}/{repository}:{tag}", world.registry.host()), "digest": digest}))
        }
        other => Err(format!("{other:?} changes nothing in the world")),
    }
}
