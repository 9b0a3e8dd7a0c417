//! The service around `zkflow-core`, one way of data:
//! [`config`] → [`state`] → [`service`] (what a request means) → [`http`] (how it is asked for), and
//! [`work`], which does what is owed. [`cli`] is the way without a server, [`client`] the other end.

pub mod config;
pub mod telemetry;

pub mod state;

pub mod service;

pub mod http;

pub mod embedded;
pub mod serve;

pub mod work;

pub mod cli;
pub mod client;
