pragma circom 2.1.6;

include "circomlib/circuits/poseidon.circom";

// A chain of hashes: nearly all wires are full-size elements.
template Chain(n) {
    signal input in[2];
    signal output out;
    signal link[n + 1];
    link[0] <== in[0];
    for (var i = 0; i < n; i++) {
        link[i + 1] <== Poseidon(2)([link[i], in[1]]);
    }
    out <== link[n];
}

component main = Chain(250);
