pragma circom 2.1.6;

include "circomlib/circuits/bitify.circom";
include "circomlib/circuits/sha256/sha256.circom";

// Proves: the prover knows `n` bytes whose SHA-256 hash is the public one.
//
// Public:  hash (output), the 32 bytes of the digest as two big-endian integers of 128 bits: a
//          whole digest does not fit in one field element.
// Private: preimage.
//
// The hash hides a preimage only if that is hard to guess.
template Sha256Preimage(n) {
    signal input preimage[n];
    signal output hash[2];

    // Num2Bits(8) also refuses a "byte" above 255. SHA-256 reads the highest bit first.
    component bytes[n];
    component sha = Sha256(8 * n);
    for (var i = 0; i < n; i++) {
        bytes[i] = Num2Bits(8);
        bytes[i].in <== preimage[i];
        for (var bit = 0; bit < 8; bit++) {
            sha.in[8 * i + bit] <== bytes[i].out[7 - bit];
        }
    }

    for (var half = 0; half < 2; half++) {
        var value = 0;
        for (var bit = 0; bit < 128; bit++) {
            value = 2 * value + sha.out[128 * half + bit];
        }
        hash[half] <== value;
    }
}

component main = Sha256Preimage({{n}});
