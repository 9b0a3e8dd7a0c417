pragma circom 2.0.0;

// Constraints and public signals that fill a domain of 32 to the last row: 28 + 3 + 1.
template Chain(n) {
    signal input x;
    signal input y;
    signal output last;
    signal output first;
    signal step[n];
    step[0] <== x * y;
    for (var i = 1; i < n; i++) {
        step[i] <== step[i - 1] * (step[i - 1] + i);
    }
    first <== step[0];
    last <== step[n - 1];
}

component main {public [y]} = Chain(28);
