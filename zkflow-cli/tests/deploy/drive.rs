//! One order on a chain whose blocks the test mines.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::json;
use tokio::sync::watch;
use zkflow_core::digest::Digest;
use zkflow_core::format::json as snarkjs;
use zkflow_core::proof::PublicSignals;
use zkflow_core::service::catalog::DeploymentStage;
use zkflow_core::service::chain::{
    Address, Attempts, ChainClient, ChainError, Fees, Receipt, SignedTransaction, TransactionHash,
    TransactionSigner as _, UnsignedTransaction,
};
use zkflow_evm::deploy::{Code, DeployError, Journal, Order, Statement, Stopped, drive};
use zkflow_evm::{Endpoint, EvmClient, LocalSigner};
use zkflow_server::client::LocalChain;

use crate::support::{ANVIL, PATIENCE, World, transactions};

/// A journal in memory.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) attempts: Attempts,
    pub(crate) stages: Vec<DeploymentStage>,
    /// The attempts, for the test beside the order.
    pub(crate) seen: watch::Sender<Attempts>,
}

#[async_trait]
impl Journal for Memory {
    type Error = std::convert::Infallible;

    fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    async fn signed(&mut self, _: u64, transaction: SignedTransaction) -> Result<(), Self::Error> {
        self.attempts.add(transaction);
        self.seen.send_replace(self.attempts.clone());
        Ok(())
    }

    async fn stage(&mut self, stage: DeploymentStage) -> Result<(), Self::Error> {
        self.stages.push(stage);
        Ok(())
    }
}

/// The code of a contract and a proof for it.
pub(crate) async fn contract(min: u32) -> (Code, Statement) {
    let world = World::new(&[]);
    let params = json!({"min": min, "max": 120, "bits": 8});
    let circuit = world.client.circuit("rangeCheck", params, PATIENCE).await.unwrap();
    let id = circuit["circuitId"].as_str().unwrap();
    let request = world
        .client
        .request_proof(id, json!({"age": "42"}), json!({"randomPublicSignal": "7"}))
        .await
        .unwrap();
    let proof = world.client.proof(&request, PATIENCE).await.unwrap()["artifacts"].clone();
    let url = format!("{}/v1/circuits/{id}/artifacts/verification_key.json", world.server.base());
    let key = snarkjs::read_vkey(&reqwest::get(url).await.unwrap().bytes().await.unwrap()).unwrap();
    let signals = snarkjs::public_from_json(&proof["publicSignals"]).unwrap();
    let statement = Statement::new(
        &snarkjs::proof_from_json(&proof["proof"]).unwrap(),
        &PublicSignals::for_key(&key, signals).unwrap(),
    );
    (Code::of_key(&key).unwrap(), statement)
}

pub(crate) fn client(chain: &LocalChain) -> EvmClient {
    EvmClient::new(Endpoint::configured(chain.url()).unwrap()).unwrap()
}

pub(crate) fn order<'a>(code: &'a Code, statement: &'a Statement, confirmations: u64) -> Order<'a> {
    let verification_key = Digest::of("key");
    Order {
        chain_id: ANVIL,
        code,
        verification_key,
        statement: Some(statement),
        salt: 0xdead_beef,
        turn: None,
        confirmations,
        replace_after: Duration::from_secs(300),
        deadline: None,
    }
}

#[tokio::test]
async fn a_contract_counts_when_it_lies_deep_enough() {
    let (code, statement) = contract(18).await;
    let chain = LocalChain::start(&["--no-mining"]).unwrap();
    let (node, signer) = (client(&chain), LocalSigner::from_hex(&chain.keys()[0]).unwrap());
    let mut journal = Memory::default();
    let order = order(&code, &statement, 4);
    let wait = Duration::from_millis(700);
    let drive_on = async |journal: &mut Memory| {
        tokio::time::timeout(wait, drive(&node, Some(&signer), order, journal)).await
    };
    assert!(drive_on(&mut journal).await.is_err(), "no block is mined yet");
    chain.call("anvil_mine", json!(["0x1"])).await.unwrap();
    chain.call("anvil_mine", json!(["0x2"])).await.unwrap();
    assert!(drive_on(&mut journal).await.is_err(), "three blocks are mined, four are required");
    chain.call("anvil_mine", json!(["0x1"])).await.unwrap();
    let deployed = drive_on(&mut journal).await.unwrap().unwrap();
    assert_eq!(deployed.chain_id, ANVIL);
    assert_eq!(
        journal.attempts.signatures, 1,
        "the order is signed once, although it was driven three times"
    );
    assert_eq!(transactions(&chain).await, 1);
    assert_eq!(journal.stages.last(), Some(&DeploymentStage::Check));
}

#[tokio::test]
async fn a_deployment_has_twelve_transactions_in_all_runs_together() {
    let (code, statement) = contract(18).await;
    let chain = LocalChain::start(&[]).unwrap();
    let (node, signer) = (client(&chain), LocalSigner::from_hex(&chain.keys()[0]).unwrap());
    let mut journal = Memory::default();
    journal.attempts.signatures = 12;
    let error = drive(&node, Some(&signer), order(&code, &statement, 1), &mut journal).await;
    assert!(matches!(error, Err(Stopped::Deploy(DeployError::Contested(12)))), "{error:?}");
    assert_eq!(transactions(&chain).await, 0);
    journal.attempts.signatures = 11;
    drive(&node, Some(&signer), order(&code, &statement, 1), &mut journal).await.unwrap();
    assert_eq!((journal.attempts.signatures, transactions(&chain).await), (12, 1));
}

#[tokio::test]
async fn what_is_not_the_contract_is_noticed() {
    let ((ours, _), (_, other_statement)) = tokio::join!(contract(18), contract(19));
    let chain = LocalChain::start(&[]).unwrap();
    let (node, signer) = (client(&chain), LocalSigner::from_hex(&chain.keys()[0]).unwrap());
    // The code matches, but the contract rejects a proof for a different key.
    let error = drive(&node, Some(&signer), order(&ours, &other_statement, 1), &mut Memory::default()).await;
    assert!(matches!(error, Err(Stopped::Deploy(DeployError::WrongAnswer { .. }))), "{error:?}");
    // The code differs.
    let mut expected = ours.clone();
    expected.runtime = [expected.runtime.as_ref(), &[0]].concat().into();
    let error =
        drive(&node, Some(&signer), order(&expected, &other_statement, 1), &mut Memory::default()).await;
    assert!(matches!(error, Err(Stopped::Deploy(DeployError::OtherCode(_)))), "{error:?}");
    // The creation fails.
    let mut broken = ours;
    broken.creation = [0xfe].as_slice().into();
    let error =
        drive(&node, Some(&signer), order(&broken, &other_statement, 1), &mut Memory::default()).await;
    assert!(matches!(error, Err(Stopped::Deploy(DeployError::Chain(_)))), "{error:?}");
}

#[tokio::test]
async fn a_nonce_that_another_transaction_took_is_given_up_for_another() {
    let (code, statement) = contract(18).await;
    let chain = LocalChain::start(&["--no-mining"]).unwrap();
    let (node, signer) = (client(&chain), LocalSigner::from_hex(&chain.keys()[0]).unwrap());
    let mut journal = Memory::default();
    let order = order(&code, &statement, 1);
    let wait = Duration::from_millis(300);
    assert!(tokio::time::timeout(wait, drive(&node, Some(&signer), order, &mut journal)).await.is_err());
    let lost = journal.attempts.transaction.clone().unwrap();
    // A wallet of the same account replaces the transaction with a higher price.
    let accounts = chain.call("eth_accounts", json!([])).await.unwrap();
    let payment = json!({
        "from": accounts[0], "to": accounts[1], "value": "0x1", "nonce": format!("{:#x}", lost.nonce),
        "maxFeePerGas": "0x174876e800", "maxPriorityFeePerGas": "0x174876e800",
    });
    chain.call("eth_sendTransaction", json!([payment])).await.unwrap();
    chain.call("anvil_mine", json!(["0x1"])).await.unwrap();

    // Without a signer the order fails; with a signer it continues.
    let mut without = Memory::default();
    without.attempts.add(lost.clone());
    let error = drive(&node, None, order, &mut without).await;
    assert!(
        matches!(error, Err(Stopped::Deploy(DeployError::NonceTaken(hash))) if hash == lost.hash),
        "{error:?}"
    );
    chain.call("evm_setAutomine", json!([true])).await.unwrap();
    let deployed = drive(&node, Some(&signer), order, &mut journal).await.unwrap();
    assert_ne!(deployed.transaction, Some(lost.hash));
    assert_eq!(journal.attempts.transaction.unwrap().nonce, lost.nonce + 1);
    assert_eq!(signer.address(), lost.sender);
}

/// A node that knows the nonces of a new block before its receipts.
#[derive(Debug)]
struct LateReceipts {
    node: EvmClient,
    /// Questions for a receipt that are still answered with none.
    unanswered: AtomicU32,
}

#[async_trait]
impl ChainClient for LateReceipts {
    async fn chain_id(&self) -> Result<u64, ChainError> {
        self.node.chain_id().await
    }

    async fn head(&self) -> Result<u64, ChainError> {
        self.node.head().await
    }

    async fn mined_nonces(&self, account: &Address, block: u64) -> Result<u64, ChainError> {
        self.node.mined_nonces(account, block).await
    }

    async fn creation(&self, sender: &Address, code: Bytes) -> Result<UnsignedTransaction, ChainError> {
        self.node.creation(sender, code).await
    }

    async fn fees(&self) -> Result<Fees, ChainError> {
        self.node.fees().await
    }

    async fn broadcast(&self, transaction: &SignedTransaction) -> Result<(), ChainError> {
        self.node.broadcast(transaction).await
    }

    async fn receipt(&self, hash: &TransactionHash) -> Result<Option<Receipt>, ChainError> {
        let unanswered =
            self.unanswered.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if unanswered.is_ok() { Ok(None) } else { self.node.receipt(hash).await }
    }

    async fn code(&self, address: &Address) -> Result<Bytes, ChainError> {
        self.node.code(address).await
    }

    async fn call(&self, contract: &Address, data: Bytes, gas: u64) -> Result<Bytes, ChainError> {
        self.node.call(contract, data, gas).await
    }
}

#[tokio::test]
async fn a_receipt_that_comes_after_the_nonce_is_waited_for() {
    let (code, statement) = contract(18).await;
    let chain = LocalChain::start(&[]).unwrap();
    let node = LateReceipts { node: client(&chain), unanswered: AtomicU32::new(3) };
    let signer = LocalSigner::from_hex(&chain.keys()[0]).unwrap();
    let mut journal = Memory::default();
    drive(&node, Some(&signer), order(&code, &statement, 1), &mut journal).await.unwrap();
    assert_eq!(journal.attempts.signatures, 1, "the transaction was mined, so no other one is signed");
    assert_eq!(transactions(&chain).await, 1);
}
