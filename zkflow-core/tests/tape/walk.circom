pragma circom 2.1.6;
// A walk through a table: each entry is the next index.
template Walk(n, steps) {
    signal input table[n];
    signal input start;
    signal output end;
    signal at[steps + 1];
    signal hit[steps][n];
    at[0] <== start;
    for (var s = 0; s < steps; s++) {
        var found = 0;
        for (var i = 0; i < n; i++) {
            hit[s][i] <-- at[s] == i;
            hit[s][i] * (at[s] - i) === 0;
            found += hit[s][i];
        }
        found === 1;
        at[s + 1] <-- table[at[s]];
    }
    // The sums constrain the looked-up values.
    signal part[steps][n];
    for (var s = 0; s < steps; s++) {
        var sum = 0;
        for (var i = 0; i < n; i++) {
            part[s][i] <== hit[s][i] * table[i];
            sum += part[s][i];
        }
        at[s + 1] === sum;
    }
    end <== at[steps];
}
component main = Walk(16, 8);
