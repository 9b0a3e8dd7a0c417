pragma circom 2.0.0;

// The public signals are o[0], o[1], a, c: outputs, then inputs in order of declaration, not of the list.
template Order() {
    signal input a;
    signal input b;
    signal input c;
    signal output o[2];
    o[0] <== a * b;
    o[1] <== b * c + 7;
}

component main {public [c, a]} = Order();
