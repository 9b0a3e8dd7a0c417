pragma circom 2.1.6;

include "circomlib/circuits/bitify.circom";
include "circomlib/circuits/comparators.circom";

// Proves: the prover knows an `age` with min <= age <= max, both ends included.
//
// Public:  randomPublicSignal, and the bounds, which are constants of the circuit.
// Private: age.
//
// `min` and `max` must fit in `bits` bits; the manifest checks that before the source is rendered.
template RangeCheck(min, max, bits) {
    signal input age;
    signal input randomPublicSignal;

    // The comparators are right for operands of `bits` bits alone: a field element such as
    // p - 1 would wrap around and pass them. So the width of `age` is enforced first.
    component width = Num2Bits(bits);
    width.in <== age;

    component notBelow = GreaterEqThan(bits);
    notBelow.in[0] <== age;
    notBelow.in[1] <== min;
    notBelow.out === 1;

    component notAbove = LessEqThan(bits);
    notAbove.in[0] <== age;
    notAbove.in[1] <== max;
    notAbove.out === 1;

    // A value chosen by the verifier, such as a session's nonce, which ties the proof to its use.
    // Standing in a constraint keeps it from being optimised away: another value, another proof.
    signal bound <== randomPublicSignal * randomPublicSignal;
}

component main {public [randomPublicSignal]} = RangeCheck({{min}}, {{max}}, {{bits}});
