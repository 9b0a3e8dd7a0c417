// Points of the curves G1 (over Fq) and G2 (over Fq2): y^2 = x^3 + b.
//
// Formulas: the Explicit-Formulas Database, short Weierstrass curves with a = 0, coordinates XYZZ
// (https://hyperelliptic.org/EFD/g1p/auto-shortw-xyzz.html): x = X / ZZ, y = Y / ZZZ, ZZ^3 = ZZZ^2. None uses b.
#pragma once

#include "field.h"

// A point by its coordinates. (0, 0), which is not on the curves, stands for infinity, as in zkey files.
template <class F>
struct Affine {
    F x, y;

    DEVICE bool is_infinity() const { return x.is_zero() && y.is_zero(); }
};

// A point as a sum builds it up. ZZ = 0 stands for infinity.
template <class F>
struct Xyzz {
    F x, y, zz, zzz;

    static DEVICE Xyzz infinity() { return {F::zero(), F::zero(), F::zero(), F::zero()}; }
    static DEVICE Xyzz of(const Affine<F>& point) {
        if (point.is_infinity()) return infinity();
        return {point.x, point.y, F::one(), F::one()};
    }
    DEVICE bool is_infinity() const { return zz.is_zero(); }

    // dbl-2008-s-1.
    DEVICE Xyzz twice() const {
        F u = y.twice();
        F v = u.square();
        F w = u.multiply(v);
        F s = x.multiply(v);
        F square = x.square();
        F m = square.twice().add(square);
        F x3 = m.square().subtract(s.twice());
        return {x3, m.multiply(s.subtract(x3)).subtract(w.multiply(y)), v.multiply(zz), w.multiply(zzz)};
    }

    // madd-2008-s, and doubling where the points are equal.
    DEVICE Xyzz add(const Affine<F>& point) const {
        if (is_infinity()) return of(point);
        if (point.is_infinity()) return *this;
        F p = point.x.multiply(zz).subtract(x);
        F r = point.y.multiply(zzz).subtract(y);
        if (p.is_zero()) return r.is_zero() ? twice() : infinity();
        F pp = p.square();
        F ppp = p.multiply(pp);
        F q = x.multiply(pp);
        F x3 = r.square().subtract(ppp).subtract(q.twice());
        F y3 = r.multiply(q.subtract(x3)).subtract(y.multiply(ppp));
        return {x3, y3, zz.multiply(pp), zzz.multiply(ppp)};
    }

    // add-2008-s, and doubling where the points are equal.
    DEVICE Xyzz add(const Xyzz& other) const {
        if (is_infinity()) return other;
        if (other.is_infinity()) return *this;
        F u1 = x.multiply(other.zz);
        F s1 = y.multiply(other.zzz);
        F p = other.x.multiply(zz).subtract(u1);
        F r = other.y.multiply(zzz).subtract(s1);
        if (p.is_zero()) return r.is_zero() ? twice() : infinity();
        F pp = p.square();
        F ppp = p.multiply(pp);
        F q = u1.multiply(pp);
        F x3 = r.square().subtract(ppp).subtract(q.twice());
        F y3 = r.multiply(q.subtract(x3)).subtract(s1.multiply(ppp));
        return {x3, y3, zz.multiply(other.zz).multiply(pp), zzz.multiply(other.zzz).multiply(ppp)};
    }

    // The point by its coordinates, given 1 / ZZZ.
    DEVICE Affine<F> affine(const F& inverse_zzz) const {
        // ZZ / ZZZ = 1 / Z, and its square is 1 / ZZ.
        F inverse_z = zz.multiply(inverse_zzz);
        return {x.multiply(inverse_z.square()), y.multiply(inverse_zzz)};
    }
};
