pragma circom 2.0.0;

// Many short values in the witness, and a domain that is not full.
template Bits(n) {
    signal input value;
    signal input tag;
    signal output square;
    signal bit[n];
    var sum = 0;
    for (var i = 0; i < n; i++) {
        bit[i] <-- (value >> i) & 1;
        bit[i] * (bit[i] - 1) === 0;
        sum += bit[i] * (1 << i);
    }
    sum === value;
    square <== tag * value;
}

component main {public [tag]} = Bits(20);
