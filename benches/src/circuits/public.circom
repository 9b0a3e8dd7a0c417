pragma circom 2.1.6;

// Many public inputs, each used once.
template Product(n) {
    signal input in[n];
    signal output out;

    signal product[n];
    product[0] <== in[0] * in[0];
    for (var i = 1; i < n; i++) {
        product[i] <== product[i - 1] * in[i];
    }
    out <== product[n - 1];
}

component main {public [in]} = Product(COUNT);
