pragma circom 2.1.6;

include "circomlib/circuits/poseidon.circom";

// The root of a Merkle tree from a leaf and its siblings.
template Root(depth) {
    signal input leaf;
    signal input siblings[depth];
    signal input sides[depth];
    signal output root;
    signal nodes[depth + 1];
    signal shifts[depth];
    nodes[0] <== leaf;
    for (var i = 0; i < depth; i++) {
        sides[i] * (sides[i] - 1) === 0;
        shifts[i] <== sides[i] * (siblings[i] - nodes[i]);
        nodes[i + 1] <== Poseidon(2)([nodes[i] + shifts[i], siblings[i] - shifts[i]]);
    }
    root <== nodes[depth];
}

component main = Root(4);
