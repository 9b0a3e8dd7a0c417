// Scalars as signed digits: s = sum over w of digit_w 2^(window w), |digit_w| <= 2^(window - 1).
#pragma once

#include "field.h"

// The integer of least magnitude in the class of a scalar, of which digits are taken from the lowest on. So -1 has one
// digit. The magnitude is below 2^253, and ceil(254 / window) digits represent it.
struct Digits {
    Words rest;
    u32 carry;
    bool negative;

    static DEVICE Digits of(const Fr& scalar) {
        Fr number = scalar.number();
        const Words half = ScalarModulus::half();
        const Words modulus = ScalarModulus::p();
        Words unused, rest;
        bool negative = subtract_words(unused.word, half.word, number.word) != 0;
        u32(&kept)[8] = rest.word;
        for (int i = 0; i < 8; ++i) kept[i] = number.word[i];
        if (negative) subtract_words(kept, modulus.word, number.word);
        return {rest, 0, negative};
    }

    // Takes the next digit of `window` bits (1 to 31): its magnitude, and whether its sign is minus.
    DEVICE u32 next(u32 window, bool& minus) {
        u32 digit = (rest.word[0] & ((1u << window) - 1)) + carry;
        for (int i = 0; i < 7; ++i) rest.word[i] = rest.word[i] >> window | rest.word[i + 1] << (32 - window);
        rest.word[7] >>= window;
        carry = digit > 1u << (window - 1);
        minus = negative != bool(carry);
        return carry ? (1u << window) - digit : digit;
    }
};
