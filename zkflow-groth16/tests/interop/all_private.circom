pragma circom 2.0.0;

// No public signal at all.
template AllPrivate() {
    signal input a;
    signal input b;
    signal input c;
    a * b === c;
}

component main = AllPrivate();
