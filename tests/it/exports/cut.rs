//! A server that is killed in the middle leaves a file that shows that it is not complete.

use std::io::ErrorKind;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::imports::{IMPORTS, wigle};
use crate::program::{Running, patient_client};

/// So many that their file is larger than all buffers between the server and the client.
const ROWS: usize = 20_000;

async fn filled() -> Running {
    let running = Running::start(|command| {
        command
            .env("SCANPOST_IMPORT__ANSWER_WITHIN", "1h")
            .env("SCANPOST_SERVER__SHUTDOWN_GRACE", "10ms");
    });
    let url = format!("http://{}{IMPORTS}", running.addr);
    let imported = patient_client().post(url).body(wigle(0..ROWS)).send().await;
    assert_eq!(imported.unwrap().status(), 200);
    running
}

/// Begins to take a file, and waits until its first bytes are there.
async fn begun(running: &Running, version: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let mut client = socket.connect(running.addr.parse().unwrap()).await.unwrap();
    let request = format!(
        "GET /api/v1/export/geojson {version}\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    );
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    client.read_exact(&mut answer).await.unwrap();
    let ok = format!("{version} 200 OK\r\n");
    assert!(answer.starts_with(ok.as_bytes()));
    client
}

/// For such a client the end of the connection is that of the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_http_1_0_sees_that_a_file_broke_off() {
    let running = filled().await;
    let mut client = begun(&running, "HTTP/1.0").await;
    drop(running.stop());
    let ended = client.read_to_end(&mut Vec::new()).await;
    let error = ended.expect_err("the file seems to be complete");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_file_that_breaks_off_has_no_end() {
    let running = filled().await;
    for query in ["geojson", "geojson?per=observation"] {
        let whole = patient_client()
            .get(format!("http://{}/api/v1/export/{query}", running.addr))
            .send()
            .await
            .unwrap();
        let whole = whole.text().await.unwrap();
        assert!(whole.ends_with("\n]}\n"), "{query}");
        assert_eq!(whole.matches("\"Feature\"").count(), ROWS, "{query}");
    }
    let mut client = begun(&running, "HTTP/1.1").await;
    let mut answer = Vec::new();
    drop(running.kill());
    // The connection ends by a reset or without one, depending on what was on its way.
    client.read_to_end(&mut answer).await.ok();
    assert!(!answer.ends_with(b"0\r\n\r\n"), "the last chunk came");
    let text = String::from_utf8_lossy(&answer);
    assert!(!text.contains("\n]}"), "the collection was closed");
}
