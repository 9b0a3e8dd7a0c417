pragma circom 2.1.6;

include "circomlib/circuits/poseidon.circom";

// Proves: the prover knows n field elements whose Poseidon hash is `hash`.
//
// Public:  hash (output).
// Private: preimage.
//
// The hash hides a preimage only if that is hard to guess: a preimage of low entropy, such as an
// age, can be found by trying. Add a random element to it in that case.
template PoseidonPreimage(n) {
    signal input preimage[n];
    signal output hash;

    hash <== Poseidon(n)(preimage);
}

component main = PoseidonPreimage({{n}});
