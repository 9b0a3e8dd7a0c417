//! [`CappedSigner`]: limits of what an account pays, checked directly before each signature.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use zkflow_core::service::chain::{
    Address, ChainError, SignedTransaction, TransactionSigner, UnsignedTransaction,
};

/// Wei in a gwei.
const GWEI: u128 = 1_000_000_000;
/// The period of [`SpendingLimits::daily_gwei`], and the steps in which it moves.
const HOURS: u64 = 24;
const HOUR: Duration = Duration::from_secs(3600);

/// Limits of the transactions of one account, in gwei: 10^9 gwei are one coin of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendingLimits {
    /// Highest price of a unit of gas.
    pub fee_gwei: u64,
    /// Highest gas limit of a transaction.
    pub gas: u64,
    /// Highest cost of a transaction: gas limit times price.
    pub cost_gwei: u64,
    /// Highest cost of all transactions that are signed within 24 hours, for each chain.
    pub daily_gwei: u64,
}

impl Default for SpendingLimits {
    /// 300 gwei, 8 million gas, 0.5 and 2 coins. The largest verifier contract needs about 6.5 million gas.
    fn default() -> Self {
        Self { fee_gwei: 300, gas: 8_000_000, cost_gwei: 500_000_000, daily_gwei: 2_000_000_000 }
    }
}

/// A signer with limits. What a node says about fees and gas cannot exceed them.
///
/// # Behaviour
/// - A transaction above a limit, or of another chain, is not signed: [`ChainError::Limit`].
/// - A signed transaction counts with its highest cost, whether it is mined or not. Of transactions with one nonce, the most
///   expensive one counts: a chain mines one of them at most.
/// - A transaction that the signer did not sign, because it is down or refuses, does not count.
/// - The sum of a day is that of this value: a new process starts at zero.
pub struct CappedSigner<S> {
    signer: S,
    limits: SpendingLimits,
    /// Chains that it signs for; `None`: any.
    chains: Option<Vec<u64>>,
    spent: Mutex<Ledger>,
}

impl<S: TransactionSigner> CappedSigner<S> {
    /// A signer for any chain.
    pub fn new(signer: S, limits: SpendingLimits) -> Self {
        Self { signer, limits, chains: None, spent: Mutex::default() }
    }

    /// Signs for `chains` only.
    pub fn only_on(self, chains: Vec<u64>) -> Self {
        Self { chains: Some(chains), ..self }
    }

    fn check(&self, transaction: &UnsignedTransaction) -> Result<u128, ChainError> {
        let UnsignedTransaction { chain_id, gas, fees, .. } = *transaction;
        let SpendingLimits { fee_gwei, gas: most_gas, cost_gwei, .. } = self.limits;
        if self.chains.as_ref().is_some_and(|chains| !chains.contains(&chain_id)) {
            return Err(over(format!("the signer does not sign for chain {chain_id}")));
        }
        let price = fees.highest();
        if price > u128::from(fee_gwei) * GWEI {
            let asked = price.div_ceil(GWEI);
            return Err(over(format!("the price of gas is {asked} gwei, the limit is {fee_gwei} gwei")));
        }
        if gas > most_gas {
            return Err(over(format!("the gas limit is {gas}, the highest allowed is {most_gas}")));
        }
        let cost = price.saturating_mul(gas.into());
        if cost > u128::from(cost_gwei) * GWEI {
            let asked = cost.div_ceil(GWEI);
            return Err(over(format!(
                "the transaction can cost {asked} gwei, the limit of a transaction is {cost_gwei} gwei"
            )));
        }
        Ok(cost)
    }

    /// Checks a transaction, and adds its cost to the sum of the day.
    fn count(&self, transaction: &UnsignedTransaction) -> Result<Added, ChainError> {
        let cost = self.check(transaction)?;
        let daily = self.limits.daily_gwei;
        let mut spent = self.spent();
        let of = (transaction.chain_id, transaction.nonce);
        spent.add(of, cost, u128::from(daily) * GWEI).map_err(|before| {
            let (before, cost) = (before.div_ceil(GWEI), cost.div_ceil(GWEI));
            over(format!(
                "{before} gwei are signed for within 24 hours on chain {}, {cost} more exceed the limit of {daily} gwei",
                transaction.chain_id
            ))
        })
    }

    fn spent(&self) -> MutexGuard<'_, Ledger> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<S: TransactionSigner> TransactionSigner for CappedSigner<S> {
    fn address(&self) -> Address {
        self.signer.address()
    }

    async fn sign(&self, transaction: &UnsignedTransaction) -> Result<SignedTransaction, ChainError> {
        // The cost is added before the signature: two signatures at once do not exceed the limit together.
        let added = self.count(transaction)?;
        let signed = self.signer.sign(transaction).await;
        if signed.is_err() {
            self.spent().remove(added);
        }
        signed
    }
}

impl<S: TransactionSigner> fmt::Debug for CappedSigner<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limits, chains, .. } = self;
        let address = self.address();
        f.debug_struct("CappedSigner")
            .field("address", &address)
            .field("limits", limits)
            .field("chains", chains)
            .finish_non_exhaustive()
    }
}

fn over(reason: String) -> ChainError {
    ChainError::Limit(reason)
}

/// Highest number of nonces whose costs are remembered. A forgotten nonce counts again in full.
const NONCES: usize = 1024;

/// Costs in wei by chain, in steps of an hour.
#[derive(Debug)]
struct Ledger {
    began: Instant,
    chains: BTreeMap<u64, VecDeque<(u64, u128)>>,
    /// The costs of recent nonces, oldest first.
    recent: VecDeque<Counted>,
    /// Number of the last addition.
    last: u64,
}

/// The cost of the most expensive transaction of a nonce.
#[derive(Debug, Clone, Copy)]
struct Counted {
    /// Chain and nonce.
    of: (u64, u64),
    hour: u64,
    cost: u128,
    /// Number of the addition.
    number: u64,
}

/// An addition, and what was counted for its nonce before.
#[derive(Debug)]
#[must_use]
struct Added {
    number: u64,
    before: Option<Counted>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { began: Instant::now(), chains: BTreeMap::new(), recent: VecDeque::new(), last: 0 }
    }
}

impl Ledger {
    /// Adds the cost of a transaction with a chain and a nonce, unless the sum of the last 24 hours would exceed `limit`. `Err`
    /// is the sum without it.
    fn add(&mut self, of: (u64, u64), cost: u128, limit: u128) -> Result<Added, u128> {
        let hour = self.began.elapsed().as_secs() / HOUR.as_secs();
        self.add_at(hour, of, cost, limit)
    }

    fn add_at(&mut self, hour: u64, of: (u64, u64), cost: u128, limit: u128) -> Result<Added, u128> {
        let (chain, _) = of;
        let hours = self.chains.entry(chain).or_default();
        // An hour counts until a whole day after its end.
        while hours.front().is_some_and(|(past, _)| past + HOURS < hour) {
            hours.pop_front();
        }
        let earlier = self.recent.iter().position(|counted| counted.of == of && counted.hour + HOURS >= hour);
        let before = earlier.map(|at| self.recent[at]);
        let (then, counted) = before.map_or((hour, 0), |before| (before.hour, before.cost));
        let cost = cost.max(counted);
        let sum = hours.iter().fold(0_u128, |sum, (_, cost)| sum.saturating_add(*cost));
        let others = sum.saturating_sub(counted);
        if others.saturating_add(cost) > limit {
            return Err(others);
        }
        // The whole cost moves to the present hour.
        if let Some((_, sum)) = hours.iter_mut().find(|(past, _)| *past == then) {
            *sum = sum.saturating_sub(counted);
        }
        match hours.back_mut() {
            Some((last, sum)) if *last == hour => *sum = sum.saturating_add(cost),
            _ => hours.push_back((hour, cost)),
        }
        if let Some(at) = earlier {
            self.recent.remove(at);
        }
        self.last += 1;
        let number = self.last;
        self.recent.push_back(Counted { of, hour, cost, number });
        if self.recent.len() > NONCES {
            self.recent.pop_front();
        }
        Ok(Added { number, before })
    }

    /// Takes an addition back. After another addition with the same nonce it stays: its cost may be that of both.
    fn remove(&mut self, added: Added) {
        let Some(at) = self.recent.iter().position(|counted| counted.number == added.number) else { return };
        let Some(Counted { of, hour, cost, .. }) = self.recent.remove(at) else { return };
        let hours = self.chains.entry(of.0).or_default();
        for (past, sum) in hours {
            if *past == hour {
                *sum = sum.saturating_sub(cost);
            }
            if let Some(before) = added.before.filter(|before| before.hour == *past) {
                *sum = sum.saturating_add(before.cost);
            }
        }
        // It is put back as the newest: at most it is remembered for longer.
        self.recent.extend(added.before);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use zkflow_core::service::chain::{Fees, TransactionHash};

    use super::*;

    /// Counts its signatures. It refuses those with a gas limit of [`REFUSED`].
    #[derive(Debug, Default)]
    struct Pen(AtomicUsize);

    const REFUSED: u64 = 999;

    #[async_trait]
    impl TransactionSigner for Pen {
        fn address(&self) -> Address {
            Address([7; 20])
        }

        async fn sign(&self, transaction: &UnsignedTransaction) -> Result<SignedTransaction, ChainError> {
            if transaction.gas == REFUSED {
                return Err(ChainError::Unavailable("the remote signer: no connection".to_owned()));
            }
            self.0.fetch_add(1, Ordering::Relaxed);
            let (sender, nonce) = (self.address(), transaction.nonce);
            Ok(SignedTransaction { sender, nonce, hash: TransactionHash([0; 32]), raw: String::new() })
        }
    }

    /// Each call has a nonce of its own.
    fn asks(chain_id: u64, gas: u64, fees: Fees) -> UnsignedTransaction {
        static NONCE: AtomicU64 = AtomicU64::new(0);
        let nonce = NONCE.fetch_add(1, Ordering::Relaxed);
        UnsignedTransaction { chain_id, nonce, gas, fees, code: bytes::Bytes::new() }
    }

    fn market(gwei: u128) -> Fees {
        Fees::Market { max: gwei * GWEI, priority: 0 }
    }

    #[tokio::test]
    async fn what_exceeds_a_limit_is_not_signed() {
        let limits = SpendingLimits { fee_gwei: 100, gas: 1000, cost_gwei: 50_000, daily_gwei: 120_000 };
        let signer = CappedSigner::new(Pen::default(), limits).only_on(vec![1, 5]);
        let legacy = |gwei: u128| Fees::Legacy { price: gwei * GWEI };
        let tip = Fees::Market { max: GWEI, priority: 101 * GWEI };
        for (transaction, part) in [
            (asks(2, 1, market(1)), "chain 2"),
            (asks(1, 1, market(101)), "101 gwei"),
            (asks(1, 1, Fees::Legacy { price: 100 * GWEI + 1 }), "101 gwei"),
            (asks(1, 1, tip), "101 gwei"),
            (asks(1, 1001, market(1)), "1001"),
            (asks(1, 1000, legacy(51)), "51000 gwei"),
            (asks(1, u64::MAX, legacy(u128::MAX / GWEI)), "gwei"),
            (asks(1, u64::MAX, Fees::Market { max: u128::MAX, priority: u128::MAX }), "gwei"),
        ] {
            let error = signer.sign(&transaction).await.unwrap_err();
            assert!(matches!(&error, ChainError::Limit(why) if why.contains(part)), "{error}");
        }
        assert_eq!(signer.signer.0.load(Ordering::Relaxed), 0);
        signer.sign(&asks(1, 1000, market(50))).await.unwrap();
        signer.sign(&asks(1, 1000, legacy(50))).await.unwrap();
        let error = signer.sign(&asks(1, 1000, market(21))).await.unwrap_err();
        assert!(error.to_string().contains("100000 gwei are signed for"), "{error}");
        signer.sign(&asks(1, 1000, market(20))).await.unwrap();
        signer.sign(&asks(5, 1000, market(50))).await.unwrap();
        assert_eq!(signer.signer.0.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn transactions_of_one_nonce_count_as_the_most_expensive_one() {
        let limits = SpendingLimits { fee_gwei: 100, gas: 1000, cost_gwei: 90_000, daily_gwei: 120_000 };
        let signer = CappedSigner::new(Pen::default(), limits);
        let first = asks(1, 1000, market(50));
        let raised = |gwei| UnsignedTransaction { fees: market(gwei), ..first.clone() };
        for gwei in [50, 60, 70, 40, 80] {
            signer.sign(&raised(gwei)).await.unwrap();
        }
        let error = signer.sign(&asks(1, 1000, market(41))).await.unwrap_err();
        assert!(error.to_string().contains("80000 gwei are signed for"), "{error}");
        signer.sign(&asks(1, 1000, market(40))).await.unwrap();
        let error = signer.sign(&raised(81)).await.unwrap_err();
        assert!(error.to_string().contains("40000 gwei are signed for"), "{error}");
        // The same nonce of another chain is another transaction.
        signer.sign(&UnsignedTransaction { chain_id: 5, ..raised(90) }).await.unwrap();
        let error = signer.sign(&asks(5, 1000, market(31))).await.unwrap_err();
        assert!(error.to_string().contains("90000 gwei are signed for"), "{error}");
    }

    #[tokio::test]
    async fn what_is_not_signed_does_not_count() {
        let limits = SpendingLimits { fee_gwei: 100, gas: 1000, cost_gwei: 100_000, daily_gwei: 100_000 };
        let signer = CappedSigner::new(Pen::default(), limits);
        for _ in 0..5 {
            let error = signer.sign(&asks(1, REFUSED, market(100))).await.unwrap_err();
            assert!(matches!(error, ChainError::Unavailable(_)), "{error}");
        }
        let first = asks(1, 1000, market(50));
        signer.sign(&first).await.unwrap();
        // The refused replacement leaves what the signed transaction can cost.
        let replacement = UnsignedTransaction { gas: REFUSED, fees: market(90), ..first.clone() };
        assert!(signer.sign(&replacement).await.is_err());
        let error = signer.sign(&asks(1, 1000, market(51))).await.unwrap_err();
        assert!(error.to_string().contains("50000 gwei are signed for"), "{error}");
        signer.sign(&asks(1, 1000, market(50))).await.unwrap();
        assert_eq!(signer.signer.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn an_addition_is_taken_back_exactly() {
        let sum = |ledger: &Ledger| -> u128 { ledger.chains[&1].iter().map(|(_, cost)| cost).sum() };
        let mut ledger = Ledger::default();
        let first = ledger.add_at(0, (1, 7), 10, 100).unwrap();
        let raised = ledger.add_at(3, (1, 7), 30, 100).unwrap();
        // A later addition of the nonce covers the one before it, whose cost stays.
        let lower = ledger.add_at(4, (1, 7), 20, 100).unwrap();
        ledger.remove(raised);
        assert_eq!(sum(&ledger), 30);
        ledger.remove(lower);
        assert_eq!((sum(&ledger), ledger.chains[&1][1]), (30, (3, 30)));
        ledger.remove(first);
        assert_eq!(sum(&ledger), 30, "it was replaced");
        let other = ledger.add_at(4, (1, 8), 70, 100).unwrap();
        assert_eq!(ledger.add_at(4, (1, 9), 1, 100).unwrap_err(), 100);
        ledger.remove(other);
        assert_eq!(sum(&ledger), 30);
        let late = ledger.add_at(4 + HOURS, (1, 8), 70, 100).unwrap();
        ledger.remove(late);
        assert_eq!(sum(&ledger), 0, "a day is over");
    }

    #[test]
    fn a_day_ends_and_the_ledger_stays_small() {
        let mut ledger = Ledger::default();
        let _ = ledger.add_at(0, (1, 0), 10, 10).unwrap();
        assert_eq!(ledger.add_at(HOURS, (1, 1), 1, 10).unwrap_err(), 10, "less than a day may have passed");
        let _ = ledger.add_at(HOURS + 1, (1, 1), 1, 10).unwrap();
        for hour in HOURS + 1..10 * HOURS {
            for of in 0..10 {
                let _ = ledger.add_at(hour, (1, 10 * hour + of), 0, 10);
            }
        }
        assert!(ledger.chains[&1].len() <= HOURS as usize + 2);
        assert!(ledger.recent.len() == NONCES, "{}", ledger.recent.len());
    }

    #[test]
    fn a_replacement_counts_for_a_day_after_it_was_signed() {
        let mut ledger = Ledger::default();
        let _ = ledger.add_at(0, (1, 7), 10, 20).unwrap();
        let _ = ledger.add_at(HOURS, (1, 7), 12, 20).unwrap();
        assert_eq!(ledger.add_at(HOURS + 1, (1, 8), 9, 20).unwrap_err(), 12);
        assert_eq!(ledger.add_at(2 * HOURS, (1, 8), 9, 20).unwrap_err(), 12);
        let _ = ledger.add_at(2 * HOURS + 1, (1, 8), 9, 20).unwrap();
    }
}
