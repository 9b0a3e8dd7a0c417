pragma circom 2.1.6;
include "circomlib/circuits/comparators.circom";
// Many comparisons with zero and with each other.
template Comparisons(n) {
    signal input in[n];
    signal output zeros;
    signal output descents;
    component zero[n];
    component less[n - 1];
    var countZero = 0;
    var countLess = 0;
    for (var i = 0; i < n; i++) {
        zero[i] = IsZero();
        zero[i].in <== in[i] - 7;
        countZero += zero[i].out;
        if (i > 0) {
            less[i - 1] = LessThan(32);
            less[i - 1].in <== [in[i], in[i - 1]];
            countLess += less[i - 1].out;
        }
    }
    zeros <== countZero;
    descents <== countLess;
}
component main = Comparisons(16);
