//! Answers are compressed for clients that take it.

use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, NotForContentType, Predicate, SizeAbove};

/// Smaller answers fit in a packet or two either way.
const COMPRESSED_BYTES_MIN: u16 = 1024;
/// Compresses with gzip or zstd.
///
/// Piece by piece, so what is streamed stays so. At the fastest levels: they make JSON about ten times smaller
/// as it is, keep up with the network, and take a megabyte a connection, not five.
pub(in crate::http) fn compression() -> CompressionLayer<And<SizeAbove, NotForContentType>> {
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(COMPRESSED_BYTES_MIN).and(NotForContentType::SSE))
}
