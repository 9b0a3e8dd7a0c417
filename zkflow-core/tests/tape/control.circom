pragma circom 2.1.6;

// The number of bits; the number of rounds depends on the value.
function bits(x) {
    var count = 0;
    while (x != 0) {
        count += 1;
        x = x >> 1;
    }
    return count;
}

// 1 if a < b as numbers of several digits, else 0; returns at the first digit that differs.
function isBelow(n, a, b) {
    for (var i = n - 1; i >= 0; i--) {
        if (a[i] < b[i]) {
            return 1;
        }
        if (a[i] > b[i]) {
            return 0;
        }
    }
    return 0;
}

// The greatest common divisor; its number of rounds is not the number of bits.
function gcd(a, b) {
    while (b != 0) {
        var rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// Returns from conditions within conditions, and from loops whose rounds depend on inputs.
function nestedReturns(n, a, limit) {
    var sum = 0;
    if (a[0] > limit) {
        sum = 1;
        if (a[1] > limit) {
            sum = 2;
            if (a[2] > limit) {
                return sum + a[2];
            }
            sum = sum * 5;
        } else {
            if (a[3] > limit) {
                return sum * 7;
            }
        }
        sum += a[1];
    }
    var left = limit & 15;
    while (left > 0) {
        if (sum == left * 3) {
            return left;
        }
        sum += left;
        left -= 1;
    }
    return sum;
}

// Control flow that depends on inputs in every possible way.
template Control(n) {
    signal input a[n];
    signal input b[n];
    signal input place;
    signal output o[8];
    var sorted[n];
    for (var i = 0; i < n; i++) {
        sorted[i] = a[i];
    }
    for (var i = 0; i < n; i++) {
        for (var j = 0; j + 1 < n - i; j++) {
            if (sorted[j] > sorted[j + 1]) {
                var swap = sorted[j];
                sorted[j] = sorted[j + 1];
                sorted[j + 1] = swap;
            }
        }
    }
    o[0] <-- bits(a[0]);
    o[1] <-- isBelow(n, a, b);
    o[2] <-- gcd(a[0], b[0]);
    o[3] <-- sorted[place];
    sorted[place] = 7;
    o[4] <-- sorted[1];
    var first = n;
    for (var i = 0; i < n && first == n; i++) {
        if (a[i] == b[i]) {
            first = i;
        }
    }
    o[5] <-- first;
    var mixed = 0;
    if (a[0] > 10) {
        if (b[0] > 10) {
            mixed = a[1] * b[1];
        } else {
            mixed = a[1] / (b[0] + 1);
        }
    } else if (a[0] == b[0]) {
        mixed = 3;
    }
    o[6] <-- mixed;
    o[7] <-- nestedReturns(n, a, b[0]);
    assert(place < n);
    // Gives the inputs wires, with which a witness is compared.
    signal products[n];
    for (var i = 0; i < n; i++) {
        products[i] <== a[i] * b[i];
    }
    signal square <== place * place;
}

component main = Control(4);
