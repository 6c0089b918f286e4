//! What do clients ask of the cluster while it has faults, and what were they told?
//!
//! One client a host, which asks that host's controller. Registers are node attributes. A *write* sets
//! one; a *read* sets an attribute of the client's own first, so that the answer is no older than that:
//! a command ends when this controller has applied it. A *change* reads the configuration and gives one
//! back in which a counter is one higher, unless somebody was faster.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lockstep_engine::parse::{Document, Limits};
use lockstep_node::clock::Clock;
use lockstep_node::cluster::status;
use lockstep_node::http::client::{Client, ClientError};
use lockstep_node::http::types::{AppliedAnswer, AttributeRequest, ConfigAnswer, LifetimeText};

use crate::checkers::linearizable::{Call, Operation, Value};
use crate::differential::random::Random;

/// The node whose attributes registers are.
const NODE: &str = "n1";
/// Registers that are written.
const REGISTERS: [&str; 2] = ["register-a", "register-b"];
/// The one that is only changed.
const COUNTER: &str = "counter";
/// A client gives up after this; what it asked may happen all the same.
const PATIENCE: Duration = Duration::from_secs(5);

/// Clients at work.
#[derive(Debug)]
pub(super) struct Workload {
    calls: Arc<Mutex<Vec<Call>>>,
    stop: Arc<AtomicBool>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Workload {
    /// Begins with a client for each API.
    #[must_use]
    pub(super) fn begin(apis: Vec<Client>, random: &mut Random) -> Self {
        let (calls, stop) = (Arc::default(), Arc::<AtomicBool>::default());
        let clients = (1..)
            .zip(apis)
            .map(|(number, api)| {
                let mut asker = Asker {
                    number,
                    asked: 0,
                    api,
                    random: Random::new(random.next()),
                    clock: Clock::start(),
                    calls: Arc::clone(&calls),
                };
                let stop = Arc::clone(&stop);
                tokio::spawn(async move {
                    while !stop.load(Ordering::Acquire) {
                        asker.ask().await;
                        let pause = asker.random.between(30, 250) as u64;
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                    }
                    // What is there in the end is read everywhere.
                    for register in REGISTERS.into_iter().chain([COUNTER]) {
                        asker.read(register).await;
                    }
                })
            })
            .collect();
        Self {
            calls,
            stop,
            clients,
        }
    }

    /// Has the clients read everything once more, and end; returns what they were told.
    pub(super) async fn end(self) -> Vec<Call> {
        self.stop.store(true, Ordering::Release);
        for client in self.clients {
            // A client that panicked has told what it did before.
            let _ = client.await;
        }
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One client.
struct Asker {
    number: u64,
    asked: u64,
    api: Client,
    random: Random,
    clock: Clock,
    calls: Arc<Mutex<Vec<Call>>>,
}

/// What came of a request.
enum Answer<T> {
    /// It was done.
    Done(T),
    /// It certainly was not, and will not be.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl Asker {
    async fn ask(&mut self) {
        let register = self.random.word(&REGISTERS);
        match self.random.below(10) {
            0..4 => self.write(register).await,
            4..8 => self.read(register).await,
            8 => self.read(COUNTER).await,
            _ => self.change().await,
        }
    }

    /// A value that nobody else writes.
    fn fresh(&mut self) -> u64 {
        self.asked += 1;
        self.number * 1_000_000 + self.asked
    }

    async fn write(&mut self, register: &str) {
        let value = self.fresh();
        let called = self.clock.unix_us();
        let answer = self.set(register, value).await;
        self.note(register, Operation::Write(value), called, &answer);
    }

    async fn read(&mut self, register: &str) {
        let own = format!("barrier-{}", self.number);
        let value = self.fresh();
        let called = self.clock.unix_us();
        if !matches!(self.set(&own, value).await, Answer::Done(())) {
            return;
        }
        if let Some(cib) = self.configuration().await {
            let read = Operation::Read(value_of(&cib, register));
            self.note(register, read, called, &Answer::Done(()));
        }
    }

    async fn change(&mut self) {
        let Some(mut cib) = self.configuration().await else {
            return;
        };
        let number = |name| status::number(&cib, name);
        let path = format!(
            "/v1/config?expected={}.{}",
            number("admin_epoch"),
            number("epoch")
        );
        let from = value_of(&cib, COUNTER);
        // Not just one higher: who has changed it is in the value.
        let to = self.fresh();
        status::set_permanent(&mut cib, NODE, COUNTER, Some(&to.to_string()));
        let called = self.clock.unix_us();
        let sent = self
            .api
            .post::<ConfigAnswer>(&path, cib.to_xml().into_bytes());
        let answer = answer(sent).await;
        self.note(COUNTER, Operation::Change(from, to), called, &answer);
    }

    async fn set(&self, name: &str, value: u64) -> Answer<()> {
        let request = AttributeRequest {
            node: NODE.to_owned(),
            name: name.to_owned(),
            value: Some(value.to_string()),
            lifetime: LifetimeText::Forever,
        };
        match answer(
            self.api
                .post_json::<AppliedAnswer>("/v1/attribute", &request),
        )
        .await
        {
            Answer::Done(_) => Answer::Done(()),
            Answer::Refused => Answer::Refused,
            Answer::Unknown => Answer::Unknown,
        }
    }

    async fn configuration(&self) -> Option<Document> {
        let text = tokio::time::timeout(PATIENCE, self.api.get_text("/v1/cib"))
            .await
            .ok()?
            .ok()?;
        Document::parse(text.as_bytes(), &Limits::default()).ok()
    }

    fn note<T>(&self, register: &str, operation: Operation, called: u64, answer: &Answer<T>) {
        let answered = match answer {
            Answer::Refused => return,
            Answer::Done(_) => Some(self.clock.unix_us()),
            Answer::Unknown => None,
        };
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Call {
                register: register.to_owned(),
                operation,
                called,
                answered,
            });
    }
}

async fn answer<T>(sent: impl Future<Output = Result<T, ClientError>>) -> Answer<T> {
    match tokio::time::timeout(PATIENCE, sent).await {
        Ok(Ok(told)) => Answer::Done(told),
        // Refused, or made from an epoch that is over.
        Ok(Err(
            ClientError::Refused {
                code: 400..=499, ..
            }
            | ClientError::Unreachable { .. },
        )) => Answer::Refused,
        _ => Answer::Unknown,
    }
}

/// A register's value in a configuration.
fn value_of(cib: &Document, register: &str) -> Value {
    let mut pairs = cib
        .descendants(cib.root())
        .filter(|e| cib.name(*e) == "nvpair");
    let pair = pairs.find(|pair| cib.attr(*pair, "name") == Some(register))?;
    cib.attr(pair, "value")?.parse().ok()
}
