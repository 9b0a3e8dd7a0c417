pragma circom 2.1.6;

include "circomlib/circuits/babyjub.circom";
include "circomlib/circuits/escalarmulany.circom";
include "circomlib/circuits/bitify.circom";

// A public key on the curve Baby Jubjub, and its product with a scalar.
template Curve() {
    signal input secret;
    signal output key[2];
    signal output product[2];
    component pair = BabyPbk();
    pair.in <== secret;
    key <== [pair.Ax, pair.Ay];
    component bits = Num2Bits(251);
    bits.in <== secret;
    component any = EscalarMulAny(251);
    any.e <== bits.out;
    any.p <== key;
    product <== any.out;
}

component main = Curve();
