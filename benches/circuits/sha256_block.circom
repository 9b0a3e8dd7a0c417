pragma circom 2.1.6;

include "circomlib/circuits/sha256/sha256.circom";

// One block of SHA-256: nearly all wires are bits.
template Block() {
    signal input bits[512];
    signal output hash[256];
    hash <== Sha256(512)(bits);
}

component main = Block();
