pragma circom 2.0.0;

// There is no public signal.
template AllPrivate() {
    signal input a;
    signal input b;
    signal input c;
    a * b === c;
}

component main = AllPrivate();
