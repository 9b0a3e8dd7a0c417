//! [`Verdicts`]: keys that were judged, so that a repeated question does not read a whole key again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use zkflow_core::digest::Digest;
use zkflow_core::id::CircuitId;
use zkflow_core::service::tenant::TenantId;
use zkflow_evm::deploy::{Code, DeployError};

use super::turns::{Turn, Turns};

/// The code of a contract that was admitted, or the reason why it is not.
pub type Verdict = Result<Arc<Code>, Arc<DeployError>>;

/// Number of verdicts in memory, of about 10 KiB each.
const KEPT: usize = 64;

/// Requests that may wait for their turn.
const WAITING: usize = 16;

/// What a verdict depends on, by digests of files that were checked when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The circuit.
    pub circuit: CircuitId,
    /// Chain of the contract.
    pub chain_id: u64,
    /// SHA-256 of the proving key.
    pub zkey: Digest,
    /// SHA-256 of the record of the setup, if there is one.
    pub record: Option<Digest>,
    /// SHA-256 of the source of the contract.
    pub source: Digest,
}

/// Verdicts on contracts, and turns for judging.
#[derive(Debug)]
pub struct Verdicts {
    requests: Turns,
    workers: Turns,
    /// Most recently used last.
    kept: Mutex<VecDeque<(Question, Verdict)>>,
}

/// The caller that asks for a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker {
    /// A request, which may be one of many.
    Request,
    /// A worker with a deployment that was accepted. It does not wait for requests.
    Worker,
}

impl Verdicts {
    /// No verdicts. A tenant has at most `percent` of the requests that work and wait.
    pub fn new(percent: u64) -> Self {
        let (requests, workers) = (Turns::new(1, WAITING).with_share(percent), Turns::new(1, usize::MAX));
        Self { requests, workers, kept: Mutex::default() }
    }

    /// Waits for a turn for a circuit of `tenant`; `None` if too many requests wait already, of all or of the tenant.
    pub async fn turn(&self, asker: Asker, tenant: &TenantId) -> Option<Turn> {
        match asker {
            Asker::Request => self.requests.turn_of(tenant).await,
            Asker::Worker => self.workers.turn().await,
        }
    }

    /// The verdict, if it is in memory.
    pub fn get(&self, question: &Question) -> Option<Verdict> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(known, _)| known == question)?;
        let entry = kept.remove(place)?;
        let verdict = entry.1.clone();
        kept.push_back(entry);
        Some(verdict)
    }

    /// Keeps a verdict; forgets the least recently used one if there are too many.
    pub fn keep(&self, question: Question, verdict: Verdict) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((question, verdict));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(chain_id: u64) -> Question {
        let digest = Digest::of("x");
        Question {
            circuit: CircuitId::from_hash(&digest),
            chain_id,
            zkey: digest,
            record: None,
            source: digest,
        }
    }

    fn code(text: &str) -> Arc<Code> {
        let bytes = || text.as_bytes().to_vec().into();
        Arc::new(Code { creation: bytes(), runtime: bytes(), compiler: String::new() })
    }

    #[test]
    fn a_verdict_is_kept_for_its_question_only_and_the_oldest_is_forgotten() {
        let verdicts = Verdicts::new(50);
        let admitted = |verdicts: &Verdicts| verdicts.get(&question(0)).and_then(Result::ok);
        verdicts.keep(question(0), Ok(code("0")));
        assert_eq!(admitted(&verdicts), Some(code("0")));
        let other = Digest::of("y");
        for changed in [
            Question { zkey: other, ..question(0) },
            Question { record: Some(other), ..question(0) },
            Question { source: other, ..question(0) },
            Question { circuit: CircuitId::from_hash(&other), ..question(0) },
            question(1),
        ] {
            assert!(verdicts.get(&changed).is_none(), "{changed:?}");
        }
        for chain in 1..KEPT as u64 {
            verdicts.keep(question(chain), Ok(code("n")));
        }
        assert!(verdicts.get(&question(0)).is_some(), "the first is used, so the second goes next");
        verdicts.keep(question(1000), Ok(code("n")));
        assert!(verdicts.get(&question(0)).is_some() && verdicts.get(&question(1)).is_none());
    }

    #[tokio::test]
    async fn requests_wait_up_to_a_number_and_workers_do_not_wait_for_them() {
        let verdicts = Arc::new(Verdicts::new(100));
        let first = verdicts.turn(Asker::Request, &TenantId::default()).await.unwrap();
        let waiting: Vec<_> = (0..WAITING)
            .map(|_| {
                let verdicts = Arc::clone(&verdicts);
                tokio::spawn(
                    async move { verdicts.turn(Asker::Request, &TenantId::default()).await.is_some() },
                )
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(
            verdicts.turn(Asker::Request, &TenantId::default()).await.is_none(),
            "a further request waits"
        );
        assert!(verdicts.turn(Asker::Worker, &TenantId::default()).await.is_some());
        drop(first);
        for waited in waiting {
            assert!(waited.await.unwrap());
        }
        assert!(verdicts.turn(Asker::Request, &TenantId::default()).await.is_some());
    }
}
