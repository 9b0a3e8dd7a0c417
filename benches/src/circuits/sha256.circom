pragma circom 2.1.6;

include "circomlib/circuits/sha256/sha256.circom";

// SHA-256 of 512 bits, which is two compressions, repeated on its own result.
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
