pragma circom 2.1.6;

include "circomlib/circuits/sha256/sha256.circom";

// A chain of SHA-256 over 512 bits (two compressions). The result replaces the first 256 bits of the next input.
template Chain(n) {
    signal input in[512];
    signal output out[256];

    component hash[n];
    for (var i = 0; i < n; i++) {
        hash[i] = Sha256(512);
        for (var j = 0; j < 512; j++) {
            if (i == 0 || j >= 256) {
                hash[i].in[j] <== in[j];
            } else {
                hash[i].in[j] <== hash[i - 1].out[j];
            }
        }
    }
    out <== hash[n - 1].out;
}

component main = Chain(COUNT);
