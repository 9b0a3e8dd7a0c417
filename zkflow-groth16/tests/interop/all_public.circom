pragma circom 2.0.0;

// There is no private input.
template AllPublic() {
    signal input x;
    signal input y;
    signal output sum;
    signal square;
    square <== x * x;
    sum <== square * y + x;
}

component main {public [x, y]} = AllPublic();
