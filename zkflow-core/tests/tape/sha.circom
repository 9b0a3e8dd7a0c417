pragma circom 2.1.6;

include "circomlib/circuits/sha256/sha256.circom";

// SHA-256 of eight bits.
template Sha() {
    signal input bits[8];
    signal output hash[256];
    hash <== Sha256(8)(bits);
}

component main = Sha();
