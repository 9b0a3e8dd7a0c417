//! The way from a point Q of the twist to T = \[6x + 2\]Q + ψ(Q) − ψ²(Q).
//!
//! T is in homogeneous coordinates: (X/Z, Y/Z). Formulas: C. Costello, T. Lange and M. Naehrig, *Faster Pairing
//! Computations on Curves with High-Degree Twists*, 2010; doublings are scaled by 4, so that no halving is needed.

use ark_bn254::{Config, Fq, Fq2, g2};
use ark_ec::bn::BnConfig;
use ark_ec::short_weierstrass::SWCurveConfig;
use ark_ff::AdditiveGroup;

use super::{Step, steps};
use crate::field::{Arithmetic, Coordinate, Lanes, MAX_WIDTH, Quadratic, invert_all};
use crate::{Backend, Task};

/// Fewer points than this walk one after the other in single lanes.
pub(super) const FEW: usize = 3;

/// The lines of a walk as three elements of Fq²: d, n and m, with the slope n/d and s·x_T − y_T = m/d; each as its two parts.
pub(super) type Walked = [Vec<Fq>; 6];

/// The walks of at most [`MAX_WIDTH`] points on the twist, none at infinity. `None` if one is outside the group of order r.
pub(super) struct Walk<'a> {
    pub(super) points: &'a [(Fq2, Fq2)],
}

impl Task for Walk<'_> {
    type Output = Option<Vec<Walked>>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let mut all = Vec::with_capacity(self.points.len());
        for points in self.points.chunks(B::Fq::WIDTH) {
            all.extend(B::run(InLanes::<B::Fq> { points, lines: Vec::with_capacity(steps().count()) })?);
        }
        Some(all)
    }
}

/// [`Walk`] of at most as many points as there are lanes.
struct InLanes<'a, L> {
    points: &'a [(Fq2, Fq2)],
    lines: Vec<[Quadratic<L>; 3]>,
}

impl<L: Lanes<Field = Fq>> Task for InLanes<'_, L> {
    type Output = Option<Vec<Walked>>;

    #[inline(always)]
    fn run<B: Backend>(mut self) -> Self::Output {
        let q = self.load();
        let image = psi(q);
        let (image_x, image_y) = psi(image);
        let (mut t, minus) = (Multiple { x: q.0, y: q.1, z: Quadratic::one() }, q.1.neg());
        for step in steps() {
            self.lines.push(match step {
                Step::Double => B::run(Double(&mut t)),
                Step::Add => B::run(Add(&mut t, q)),
                Step::Subtract => B::run(Add(&mut t, (q.0, minus))),
                Step::AddImage => B::run(Add(&mut t, image)),
                Step::SubtractImage => B::run(Add(&mut t, (image_x, image_y.neg()))),
            });
        }
        // If T is ±Q' before it is added, d is zero, and Z becomes zero and stays zero. No point on the twist does so.
        let (x, y) = psi((image_x, image_y));
        let same = t.x.sub(x.mul(t.z)).zero_mask() & t.y.add(y.mul(t.z)).zero_mask() & !t.z.zero_mask();
        if same & L::ALL == L::ALL { Some(self.store()) } else { None }
    }
}

impl<L: Lanes<Field = Fq>> InLanes<'_, L> {
    /// The points, and the first one in further lanes.
    #[inline(always)]
    fn load(&self) -> (Quadratic<L>, Quadratic<L>) {
        let mut parts = [[Fq::ZERO; MAX_WIDTH]; 4];
        for lane in 0..MAX_WIDTH {
            let (x, y) = self.points.get(lane).unwrap_or(&self.points[0]);
            for (part, value) in parts.iter_mut().zip([x.c0, x.c1, y.c0, y.c1]) {
                part[lane] = value;
            }
        }
        let [x0, x1, y0, y1] = &parts;
        (Quadratic { c0: L::load(x0), c1: L::load(x1) }, Quadratic { c0: L::load(y0), c1: L::load(y1) })
    }

    #[inline(always)]
    fn store(&self) -> Vec<Walked> {
        let mut all: Vec<Walked> = self
            .points
            .iter()
            .map(|_| std::array::from_fn(|_| Vec::with_capacity(self.lines.len())))
            .collect();
        for [d, n, m] in &self.lines {
            let values = [d.c0, d.c1, n.c0, n.c1, m.c0, m.c1];
            for part in 0..values.len() {
                let mut elements = [Fq::ZERO; MAX_WIDTH];
                values[part].store(&mut elements);
                for (walked, element) in all.iter_mut().zip(elements) {
                    walked[part].push(element);
                }
            }
        }
        all
    }
}

/// A multiple T of Q.
struct Multiple<L> {
    x: Quadratic<L>,
    y: Quadratic<L>,
    z: Quadratic<L>,
}

/// d, n and m of [`Walked`].
type Line<L> = [Quadratic<L>; 3];

#[inline(always)]
fn triple<L: Lanes>(a: Quadratic<L>) -> Quadratic<L> {
    a.double().add(a)
}

/// T = 2T; returns the tangent.
struct Double<'a, L>(&'a mut Multiple<L>);

impl<L: Lanes<Field = Fq>> Task for Double<'_, L> {
    type Output = Line<L>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Line<L> {
        let Multiple { x, y, z } = *self.0;
        let (b, zz) = (y.square(), z.square());
        // y² = x³ + b' with b' = COEFF_B.
        let e = triple(zz.mul(Quadratic::broadcast(&g2::Config::COEFF_B)));
        let f = triple(e);
        let h = y.mul(z).double();
        let sum = b.add(f);
        *self.0 = Multiple {
            x: x.mul(y).mul(b.sub(f)).double(),
            y: sum.square().sub(triple(e.square()).double().double()),
            z: b.mul(h).double().double(),
        };
        [h, triple(x.square()), b.sub(e)]
    }
}

/// T = T + Q'; returns the line through both.
struct Add<'a, L>(&'a mut Multiple<L>, (Quadratic<L>, Quadratic<L>));

impl<L: Lanes<Field = Fq>> Task for Add<'_, L> {
    type Output = Line<L>;

    #[inline(always)]
    fn run<B: Backend>(self) -> Line<L> {
        let Self(t, (qx, qy)) = self;
        let d = t.x.sub(qx.mul(t.z));
        let n = t.y.sub(qy.mul(t.z));
        let dd = d.square();
        let (ddd, g) = (d.mul(dd), t.x.mul(dd));
        let h = ddd.add(n.square().mul(t.z)).sub(g.double());
        *t = Multiple { x: d.mul(h), y: n.mul(g.sub(h)).sub(ddd.mul(t.y)), z: t.z.mul(ddd) };
        [d, n, n.mul(qx).sub(d.mul(qy))]
    }
}

/// The endomorphism of the twist that multiplies by p on the group of order r.
#[inline(always)]
fn psi<L: Lanes<Field = Fq>>((x, y): (Quadratic<L>, Quadratic<L>)) -> (Quadratic<L>, Quadratic<L>) {
    (
        x.conjugate().mul(Quadratic::broadcast(&Config::TWIST_MUL_BY_Q_X)),
        y.conjugate().mul(Quadratic::broadcast(&Config::TWIST_MUL_BY_Q_Y)),
    )
}

/// The slopes s = n/d and m/d of the lines of a walk, in their parts, filled up with zeros, whose inverses are zero.
pub(super) struct Slopes<'a>(pub(super) &'a Walked);

impl Task for Slopes<'_> {
    type Output = [Vec<Fq>; 4];

    #[inline(always)]
    fn run<B: Backend>(self) -> Self::Output {
        let count = self.0[0].len();
        let filled = count.next_multiple_of(MAX_WIDTH);
        let mut padded = self.0.clone();
        for part in &mut padded {
            part.resize(filled, Fq::ZERO);
        }
        let mut inverses = Vec::with_capacity(filled / B::Fq::WIDTH);
        for first in (0..filled).step_by(B::Fq::WIDTH) {
            inverses.push(load::<B::Fq>(&padded, 0, first).norm());
        }
        invert_all(&mut inverses);
        let mut parts: [Vec<Fq>; 4] = std::array::from_fn(|_| vec![Fq::ZERO; filled]);
        for (inverse, first) in inverses.into_iter().zip((0..filled).step_by(B::Fq::WIDTH)) {
            let inverse = load::<B::Fq>(&padded, 0, first).inverse_by_norm(inverse);
            let (s, m) = (load(&padded, 2, first).mul(inverse), load(&padded, 4, first).mul(inverse));
            let values = [s.c0, s.c1, m.c0, m.c1];
            for part in 0..values.len() {
                values[part].store(&mut parts[part][first..]);
            }
        }
        parts
    }
}

/// The element of Fq² with the parts `part` and `part + 1` of lines from `first` on.
#[inline(always)]
fn load<L: Lanes<Field = Fq>>(walked: &Walked, part: usize, first: usize) -> Quadratic<L> {
    Quadratic { c0: L::load(&walked[part][first..]), c1: L::load(&walked[part + 1][first..]) }
}
