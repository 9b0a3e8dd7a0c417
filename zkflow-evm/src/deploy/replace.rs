//! [`replacement`]: a transaction that waits for too long, at a higher price.

use zkflow_core::service::chain::{Address, Attempts, ChainClient, ChainError, Fees, UnsignedTransaction};

use crate::transaction::unsigned;

/// Highest number of transactions of a nonce that are replaced.
const REPLACEMENTS: usize = 3;

/// The newest of `attempts` with the same nonce at a higher price; `None` if a higher price does not help.
///
/// It does not help if transactions of the account with lower nonces wait too, or if the nonce was used in the meantime. The
/// transaction of an account other than `sender` would deploy a second contract, so there is none.
///
/// # Errors
/// The node does not answer, or the stored transaction is damaged.
pub(super) async fn replacement(
    chain: &dyn ChainClient,
    sender: Address,
    salt: u32,
    attempts: &Attempts,
) -> Result<Option<UnsignedTransaction>, ChainError> {
    let Some(waiting) = &attempts.transaction else { return Ok(None) };
    if attempts.replaced.len() >= REPLACEMENTS || sender != waiting.sender {
        return Ok(None);
    }
    let head = chain.head().await?;
    if chain.mined_nonces(&waiting.sender, head).await? != waiting.nonce {
        return Ok(None);
    }
    let waiting = unsigned(waiting)?;
    let fees = raised(waiting.fees, salted(chain.fees().await?, salt));
    Ok(Some(UnsignedTransaction { fees, ..waiting }))
}

/// Adds the lower 20 bits of the salt of an order to the price in wei. The cost is negligible: about 0.001 gwei per unit of gas.
pub(super) fn salted(fees: Fees, salt: u32) -> Fees {
    let more = u128::from(salt & 0xf_ffff);
    match fees {
        Fees::Market { max, priority } => Fees::Market { max: max.saturating_add(more), priority },
        Fees::Legacy { price } => Fees::Legacy { price: price.saturating_add(more) },
    }
}

/// The present price of gas, but at least an eighth more than that of the waiting transaction: nodes refuse a replacement
/// whose prices are not clearly higher. The kind of the fees stays.
fn raised(waiting: Fees, present: Fees) -> Fees {
    let above = |price: u128| price.saturating_add((price / 8).saturating_add(1));
    match waiting {
        Fees::Market { max, priority } => {
            let tip = match present {
                Fees::Market { priority, .. } => priority,
                Fees::Legacy { .. } => 0,
            };
            let priority = above(priority).max(tip);
            Fees::Market { max: above(max).max(present.highest()).max(priority), priority }
        }
        Fees::Legacy { price } => Fees::Legacy { price: above(price).max(present.highest()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raised_price_is_an_eighth_higher_and_not_below_the_present_one() {
        let market = |max, priority| Fees::Market { max, priority };
        let legacy = |price| Fees::Legacy { price };
        for (waiting, present, expected) in [
            (market(80, 8), market(10, 1), market(91, 10)),
            (market(80, 8), market(900, 70), market(900, 70)),
            (market(80, 0), market(10, 0), market(91, 1)),
            (market(80, 8), legacy(900), market(900, 10)),
            (market(8, 8), market(0, 50), market(50, 50)),
            (legacy(80), legacy(1), legacy(91)),
            (legacy(80), market(900, 1), legacy(900)),
            (market(u128::MAX, u128::MAX), legacy(1), market(u128::MAX, u128::MAX)),
        ] {
            assert_eq!(raised(waiting, present), expected, "{waiting:?} {present:?}");
        }
        for price in (0..2_000).chain([10_u128.pow(18) + 7]) {
            let Fees::Legacy { price: found } = raised(legacy(price), legacy(0)) else { unreachable!() };
            assert!(found * 8 >= price * 9 && found > price, "{price}: {found}");
        }
    }
}
