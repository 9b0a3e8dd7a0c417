//! The service around `zkflow-core`, one way of data:
//! [`config`] → [`state`] → [`service`] (what a request means) → [`http`] (how it is asked for).

pub mod config;
pub mod telemetry;

pub mod state;

pub mod service;

pub mod http;

pub mod embedded;
pub mod serve;
