pragma circom 2.1.6;

include "circomlib/circuits/babyjub.circom";
include "circomlib/circuits/eddsaposeidon.circom";

// Proves: the prover knows an EdDSA signature of `message` under `publicKey`, on the curve Baby
// Jubjub with Poseidon as its hash (circomlibjs' `signPoseidon`).
//
// Public:  publicKey (the point A), message.
// Private: signatureR8 (the point R8), signatureS.
//
// What is enforced beyond the equation S * B8 = R8 + 8 * h * A:
// - Both points lie on the curve. circomlib's verifier takes that for granted, and its addition
//   has no unique result for other points.
// - S is below the order of the subgroup, so that a signature has one form only.
// - A is not of small order: such a key would have signed everything.
// A itself may lie outside the subgroup of prime order, as EdDSA allows; the equation uses 8 * A.
template EddsaSignature() {
    signal input publicKey[2];
    signal input message;
    signal input signatureR8[2];
    signal input signatureS;

    component keyOnCurve = BabyCheck();
    keyOnCurve.x <== publicKey[0];
    keyOnCurve.y <== publicKey[1];

    component r8OnCurve = BabyCheck();
    r8OnCurve.x <== signatureR8[0];
    r8OnCurve.y <== signatureR8[1];

    component verifier = EdDSAPoseidonVerifier();
    verifier.enabled <== 1;
    verifier.Ax <== publicKey[0];
    verifier.Ay <== publicKey[1];
    verifier.R8x <== signatureR8[0];
    verifier.R8y <== signatureR8[1];
    verifier.S <== signatureS;
    verifier.M <== message;
}

component main {public [publicKey, message]} = EddsaSignature();
