//! Real servers on free ports, for the tests.
//!
//! If a server cannot be started, the test fails with instructions to install it.

mod mongo;
pub mod page;
mod proxy;
mod receiver;
pub mod redis;
mod s3;
mod tls;

pub use mongo::MongoServer;
pub use proxy::{Fault, Proxy};
pub use receiver::Receiver;
pub use redis::{RedisOptions, RedisServer};
pub use s3::{Conditions, S3Server, download, upload};
pub use tls::{TlsFront, tls_file};

use std::net::SocketAddr;

/// A free address of this machine.
fn free_address() -> SocketAddr {
    let listener =
        std::net::TcpListener::bind(("127.0.0.1", 0)).expect("the loopback address has a free port");
    listener.local_addr().expect("a bound socket has an address")
}
