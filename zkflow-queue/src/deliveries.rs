//! [`owe`]: stores the delivery of an event before the end that it is about.

use zkflow_core::service::catalog::{Catalog, CatalogError, Delivery};

/// Stores a delivery as pending. Call it before the document of its subject becomes final, and push its
/// [job](zkflow_core::service::catalog::Document::job) afterwards: after a crash between the two, the
/// [`Reconciler`](crate::Reconciler) pushes it.
///
/// A call for the same end again returns the delivery as it is: it may have been sent. If the subject has a delivery of an
/// earlier end, that one is [renewed](Delivery::renew).
///
/// # Errors
/// The catalog fails.
pub async fn owe(catalog: &dyn Catalog, delivery: Delivery) -> Result<Delivery, CatalogError> {
    loop {
        let (mut present, added) = catalog.deliveries().insert(delivery.clone()).await?;
        if added || present.beginning >= delivery.beginning {
            return Ok(present);
        }
        present.renew(&delivery);
        match catalog.deliveries().replace(present).await {
            Err(CatalogError::Stale(_)) => {}
            replaced => return replaced,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use zkflow_core::digest::Digest;
    use zkflow_core::id::CircuitId;
    use zkflow_core::service::catalog::{Document as _, ProofRequest, Sealed};
    use zkflow_core::service::clock::Timestamp;
    use zkflow_core::service::id::ProofId;
    use zkflow_store::memory::MemoryCatalog;

    use super::*;

    #[tokio::test]
    async fn an_end_is_owed_once_and_a_further_end_is_a_further_event() {
        let catalog = MemoryCatalog::default();
        let at = Timestamp::from_millis;
        let circuit = CircuitId::from_hash(&Digest::of("c"));
        let mut proof =
            ProofRequest::new(ProofId::generate(at(1)), circuit, None, None, at(1), Duration::MAX);
        proof.life.callback = Some(Sealed(vec![1]));
        let owed = |proof: &ProofRequest, now| Delivery::owed_by(proof, at(now)).unwrap();

        let mut first = owe(&catalog, owed(&proof, 2)).await.unwrap();
        first.deliver(Duration::ZERO, at(3)).unwrap();
        let first = catalog.deliveries().replace(first).await.unwrap();
        // Another run of the same work, after the event was sent.
        let again = owe(&catalog, owed(&proof, 4)).await.unwrap();
        assert_eq!((again.round, again.is_final()), (0, true));
        // The document starts again, and is made again.
        proof.life.restarts = 1;
        let second = owe(&catalog, owed(&proof, 5)).await.unwrap();
        assert_eq!((&second.id, second.round, second.is_final()), (&first.id, 1, false));
        (proof.life.restarts, proof.life.created_at) = (0, at(6));
        assert_eq!(owe(&catalog, owed(&proof, 7)).await.unwrap().round, 2);
        // A run of the first document that comes late.
        proof.life.created_at = at(1);
        assert_eq!(owe(&catalog, owed(&proof, 8)).await.unwrap().round, 2);
    }
}
