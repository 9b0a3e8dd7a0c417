pragma circom 2.1.6;

include "circomlib/circuits/bitify.circom";
include "circomlib/circuits/comparators.circom";

// Constrains `in` to min <= in <= max, both ends included. `min` and `max` fit in `bits` bits.
template InRange(min, max, bits) {
    signal input in;

    // The comparators are right for operands of `bits` bits alone.
    component width = Num2Bits(bits);
    width.in <== in;

    component notBelow = GreaterEqThan(bits);
    notBelow.in[0] <== in;
    notBelow.in[1] <== min;
    notBelow.out === 1;

    component notAbove = LessEqThan(bits);
    notAbove.in[0] <== in;
    notAbove.in[1] <== max;
    notAbove.out === 1;
}

// Proves: the prover knows n values, each of them with min <= value <= max, both ends included.
//
// Public:  randomPublicSignal, and n and the bounds, which are constants of the circuit.
// Private: values.
template BatchRangeCheck(n, min, max, bits) {
    signal input values[n];
    signal input randomPublicSignal;

    component inRange[n];
    for (var i = 0; i < n; i++) {
        inRange[i] = InRange(min, max, bits);
        inRange[i].in <== values[i];
    }

    // A value chosen by the verifier, which ties the proof to its use. Standing in a constraint
    // keeps it from being optimised away.
    signal bound <== randomPublicSignal * randomPublicSignal;
}

component main {public [randomPublicSignal]} =
    BatchRangeCheck({{n}}, {{min}}, {{max}}, {{bits}});
