//! The service around `zkflow-core`, one way of data:
//! [`config`] → [`state`] → [`service`] (what a request means) → [`http`] (how it is asked for);
//! [`work`] does what requests left to do. [`cli`] is the command line without a server.

pub mod config;
pub mod telemetry;

pub mod state;

pub mod service;

pub mod http;

pub mod work;

pub mod backends;
pub mod serve;

pub mod client;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
