pragma circom 2.1.6;

// Every operator on two values.
template Operators() {
    signal input a;
    signal input b;
    signal output o[24];
    o[0] <-- a + b;
    o[1] <-- a - b;
    o[2] <-- a * b;
    o[3] <-- b != 0 ? a / b : 0;
    o[4] <-- b != 0 ? a \ b : 0;
    o[5] <-- b != 0 ? a % b : 0;
    o[6] <-- a ** b;
    o[7] <-- -a;
    o[8] <-- a << b;
    o[9] <-- a >> b;
    o[10] <-- a & b;
    o[11] <-- a | b;
    o[12] <-- a ^ b;
    o[13] <-- ~a;
    o[14] <-- a == b;
    o[15] <-- a != b;
    o[16] <-- a < b;
    o[17] <-- a > b;
    o[18] <-- a <= b;
    o[19] <-- a >= b;
    o[20] <-- a && b;
    o[21] <-- a || b;
    o[22] <-- !a;
    o[23] <-- (a >> 3) & 1;
    // Gives the inputs wires, with which a witness is compared.
    signal product <== a * b;
}

component main = Operators();
