pragma circom 2.1.6;

// The bits of a word. Each is checked to be 0 or 1.
template Bits() {
    signal input word;
    signal output bit[32];

    var sum = 0;
    for (var i = 0; i < 32; i++) {
        bit[i] <-- (word >> i) & 1;
        bit[i] * (bit[i] - 1) === 0;
        sum += bit[i] * 2 ** i;
    }
    sum === word;
}

// Rounds of XOR between two words and their rotations: every wire is a bit.
template Mix(n) {
    signal input a;
    signal input b;
    signal output out;

    component inA = Bits();
    component inB = Bits();
    inA.word <== a;
    inB.word <== b;

    signal x[n + 1][32];
    signal y[n + 1][32];
    x[0] <== inA.bit;
    y[0] <== inB.bit;
    for (var r = 0; r < n; r++) {
        for (var i = 0; i < 32; i++) {
            var p = x[r][i];
            var q = y[r][(i + 7) % 32];
            x[r + 1][i] <== p + q - 2 * p * q;
            var s = x[r][(i + 13) % 32];
            var t = y[r][i];
            y[r + 1][i] <== s + t - 2 * s * t;
        }
    }
    var sum = 0;
    for (var i = 0; i < 32; i++) {
        sum += x[n][i] * 2 ** i;
    }
    out <== sum;
}

component main = Mix(COUNT);
