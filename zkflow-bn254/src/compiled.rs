//! Compiles generic code for the two curves.
//!
//! A generic function is compiled in every crate that uses it, and functions that run a kernel are large.
//! These methods belong to concrete types, so they are compiled once, in this crate.

use ark_bn254::{g1, g2};
use ark_ec::short_weierstrass::{Affine, Projective};

use crate::Kernel;
use crate::msm::{self, Combinations, FixedBases, HiddenScalars, Options, Scalars, Weights};
use crate::points::{
    Columns, CurveLanes, Factors, Layer, double_points, multiply_points, one_layer, two_layers,
};

/// Functions that run a kernel on the points of a curve.
pub(crate) trait Compiled: CurveLanes {
    /// [`FixedBases::prepare`].
    fn prepare(points: &[Affine<Self>], options: Options) -> FixedBases<Self>;
    /// [`FixedBases::with_multiples`].
    fn with_multiples(bases: &FixedBases<Self>, table_bytes: usize) -> Option<FixedBases<Self>>;
    /// [`FixedBases::read`].
    fn read(kernel: Kernel, bytes: &[u8], before: usize) -> Option<FixedBases<Self>>;
    /// [`FixedBases::msm`].
    fn fixed_msm(bases: &FixedBases<Self>, scalars: &Scalars) -> Projective<Self>;
    /// [`FixedBases::msm_constant_work`].
    fn constant_msm(bases: &FixedBases<Self>, scalars: &HiddenScalars) -> Projective<Self>;
    /// [`FixedBases::combinations`].
    fn combinations(bases: &FixedBases<Self>, weights: &Weights) -> Vec<Projective<Self>>;
    /// [`double_all`](crate::points::double_all).
    fn double(kernel: Kernel, points: &[Affine<Self>], doublings: u32) -> Vec<Affine<Self>>;
    /// The product of each point and its factor.
    fn multiply(kernel: Kernel, points: &[Affine<Self>], factors: Factors<'_>) -> Vec<Affine<Self>>;
    /// One part of a layer of a [`Transform`](crate::points::Transform).
    fn one_layer(kernel: Kernel, layer: &Layer, columns: Columns, pairs: [&mut [Affine<Self>]; 2]);
    /// One part of two layers.
    fn two_layers(kernel: Kernel, layers: &[Layer; 2], columns: Columns, points: [&mut [Affine<Self>]; 4]);
    /// [`combine`](msm::combine).
    fn combine(kernel: Kernel, points: &[Affine<Self>], combinations: Combinations<'_>) -> Vec<Affine<Self>>;
}

macro_rules! compile_for {
    ($($curve:ty),*) => {$(
        impl Compiled for $curve {
            fn prepare(points: &[Affine<Self>], options: Options) -> FixedBases<Self> {
                msm::prepare(points, options)
            }

            fn with_multiples(bases: &FixedBases<Self>, table_bytes: usize) -> Option<FixedBases<Self>> {
                msm::with_multiples(bases, table_bytes)
            }

            fn read(kernel: Kernel, bytes: &[u8], before: usize) -> Option<FixedBases<Self>> {
                msm::read::<Self>(kernel, bytes, before)
            }

            fn fixed_msm(bases: &FixedBases<Self>, scalars: &Scalars) -> Projective<Self> {
                msm::msm(bases, scalars)
            }

            fn constant_msm(bases: &FixedBases<Self>, scalars: &HiddenScalars) -> Projective<Self> {
                msm::constant_msm(bases, scalars)
            }

            fn combinations(bases: &FixedBases<Self>, weights: &Weights) -> Vec<Projective<Self>> {
                msm::combinations(bases, weights)
            }

            fn double(kernel: Kernel, points: &[Affine<Self>], doublings: u32) -> Vec<Affine<Self>> {
                double_points(kernel, points, doublings)
            }

            fn multiply(kernel: Kernel, points: &[Affine<Self>], factors: Factors<'_>) -> Vec<Affine<Self>> {
                multiply_points(kernel, points, factors)
            }

            fn one_layer(kernel: Kernel, layer: &Layer, columns: Columns, pairs: [&mut [Affine<Self>]; 2]) {
                one_layer(kernel, layer, columns, pairs);
            }

            fn two_layers(kernel: Kernel, layers: &[Layer; 2], columns: Columns, points: [&mut [Affine<Self>]; 4]) {
                two_layers(kernel, layers, columns, points);
            }

            fn combine(
                kernel: Kernel,
                points: &[Affine<Self>],
                combinations: Combinations<'_>,
            ) -> Vec<Affine<Self>> {
                msm::combine_points(kernel, points, combinations)
            }
        }
    )*};
}

compile_for!(g1::Config, g2::Config);
