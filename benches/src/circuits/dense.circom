pragma circom 2.1.6;

include "circomlib/circuits/poseidon.circom";

// A chain of hashes: nearly every wire is a full-size field element.
template Chain(n) {
    signal input in[2];
    signal output out;

    component hash[n];
    for (var i = 0; i < n; i++) {
        hash[i] = Poseidon(2);
        hash[i].inputs[0] <== i == 0 ? in[0] : hash[i - 1].out;
        hash[i].inputs[1] <== in[1];
    }
    out <== hash[n - 1].out;
}

component main = Chain(COUNT);
