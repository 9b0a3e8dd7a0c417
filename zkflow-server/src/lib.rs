//! The service around `zkflow-core`. Data flows in one direction:
//! [`config`] → [`auth`], [`callbacks`] → [`state`] → [`service`] (the operations) → [`http`] (the API).
//! [`work`] executes jobs. [`maintenance`] works on the stored data as a whole. [`node`] imports the data of the Node
//! service. [`client`] starts local servers and chains, for the demo, tests and benchmarks.

mod network;
mod paces;

pub mod config;
pub mod telemetry;

pub mod auth;
pub mod callbacks;

pub mod state;

pub mod service;

pub mod http;

pub mod maintenance;

pub mod work;

pub mod node;

pub mod backends;
pub mod serve;

pub mod client;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
