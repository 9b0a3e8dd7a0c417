pragma circom 2.0.0;

// Two outputs, two public inputs (listed in another order than declared), two private inputs,
// one of which no constraint uses.
template Tiny() {
    signal input a;
    signal input secret;
    signal input b;
    signal input unused;
    signal output product;
    signal output sum[2];
    signal m;
    m <== a * secret;
    product <== m * b;
    sum[0] <== a + 3 * b;
    sum[1] <== m * m - secret + 5;
}

component main {public [b, a]} = Tiny();
