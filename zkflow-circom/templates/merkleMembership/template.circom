pragma circom 2.1.6;

include "circomlib/circuits/poseidon.circom";

// Proves: the prover knows a leaf, and its place, in the Merkle tree with the given root. An inner
// node is Poseidon(left, right); the tree has exactly `depth` levels, so that no inner node passes
// for a leaf.
//
// Public:  root.
// Private: leaf, pathElements (the siblings, from the leaf upwards), pathIndices (0: the node so
//          far is the left child, 1: the right one).
//
// The proof shows neither which leaf it is nor that two proofs are about the same one. A leaf
// should be the hash of something secret, or anyone who knows the tree can make this proof.
template MerkleMembership(depth) {
    signal input leaf;
    signal input pathElements[depth];
    signal input pathIndices[depth];
    signal input root;

    signal nodes[depth + 1];
    signal shifts[depth];
    nodes[0] <== leaf;

    for (var i = 0; i < depth; i++) {
        // An index that is neither 0 nor 1 would mix the two children.
        pathIndices[i] * (pathIndices[i] - 1) === 0;

        // left = index ? sibling : node; right is the other one.
        shifts[i] <== pathIndices[i] * (pathElements[i] - nodes[i]);
        nodes[i + 1] <== Poseidon(2)([nodes[i] + shifts[i], pathElements[i] - shifts[i]]);
    }

    root === nodes[depth];
}

component main {public [root]} = MerkleMembership({{depth}});
