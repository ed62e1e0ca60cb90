//! Answers are compressed for clients that take it.

use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, NotForContentType, Predicate, SizeAbove};

/// Smaller answers fit in a packet or two either way.
const COMPRESSED_BYTES_MIN: u16 = 1024;

/// Which answers are compressed. Pictures and fonts are compressed already.
pub(in crate::http) type Compressed =
    And<SizeAbove, And<And<NotForContentType, NotForContentType>, NotForContentType>>;

/// Compresses with gzip or zstd.
///
/// Piece by piece, so what is streamed stays so. At the fastest levels: they make JSON about ten times smaller
/// as it is, keep up with the network, and take a megabyte a connection, not five.
pub(in crate::http) fn compression() -> CompressionLayer<Compressed> {
    let types = NotForContentType::SSE
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::const_new("font/"));
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(COMPRESSED_BYTES_MIN).and(types))
}
