//! Real servers on free ports for the tests.
//!
//! A server that cannot be started fails the test with a line that says how to get it.

mod mongo;
mod proxy;
pub mod redis;
mod s3;

pub use mongo::MongoServer;
pub use proxy::{Fault, Proxy};
pub use redis::{RedisOptions, RedisServer};
pub use s3::{S3Server, download};

use std::net::SocketAddr;

/// An address of this machine that nobody listens on.
fn free_address() -> SocketAddr {
    let listener =
        std::net::TcpListener::bind(("127.0.0.1", 0)).expect("the loopback address has a free port");
    listener.local_addr().expect("a bound socket has an address")
}
