//! As little as carries a file between two machines, encrypted and verified: tokio-rustls and BLAKE3, one connection,
//! no restart, no names, no directories. Reading and hashing, and hashing and writing, have a thread of their own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::contestant::Card;
use crate::identity::{Identity, NAME};

/// Bytes of one read and of one write.
const CHUNK: usize = 256 * 1024;
/// Chunks between two threads.
const QUEUE: usize = 4;
/// What the receiver says when it has everything.
const VERIFIED: u8 = 1;

/// Prints its card, and sends one file to whoever comes.
pub(crate) async fn send(path: PathBuf) -> anyhow::Result<()> {
    let identity = Identity::generate()?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let card = Card { address: listener.local_addr()?, identity: identity.certificate().to_vec() };
    writeln!(std::io::stdout(), "{card}")?;
    let acceptor = TlsAcceptor::from(Arc::new(identity.server()?));
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    let file = File::open(path)?;
    stream.write_u64(file.metadata()?.len()).await?;
    let (chunks, mut read) = mpsc::channel(QUEUE);
    let reader = spawn_blocking(move || read_and_hash(file, &chunks));
    while let Some(chunk) = read.recv().await {
        stream.write_all(&chunk).await?;
    }
    stream.write_all(reader.await??.as_bytes()).await?;
    stream.flush().await?;
    anyhow::ensure!(stream.read_u8().await? == VERIFIED, "not verified");
    Ok(stream.shutdown().await?)
}

fn read_and_hash(mut file: File, chunks: &mpsc::Sender<Vec<u8>>) -> anyhow::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    loop {
        let mut chunk = vec![0; CHUNK];
        let n = file.read(&mut chunk)?;
        if n == 0 {
            return Ok(hasher.finalize());
        }
        chunk.truncate(n);
        hasher.update(&chunk);
        chunks.blocking_send(chunk)?;
    }
}

/// Fetches the file from the sender with this card.
pub(crate) async fn receive(server: &str, path: PathBuf) -> anyhow::Result<()> {
    let server: Card = server.parse()?;
    let config = Identity::generate()?.client(server.identity.into())?;
    let stream = TcpStream::connect(server.address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(NAME)?;
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let mut left = stream.read_u64().await?;
    let file = File::create(path)?;
    let (chunks, received) = mpsc::channel(QUEUE);
    let (returned, mut spare) = mpsc::channel(2 * QUEUE);
    let writer = spawn_blocking(move || hash_and_write(file, received, &returned));
    while left > 0 {
        let mut chunk = spare.try_recv().unwrap_or_else(|_| vec![0; CHUNK]);
        chunk.truncate(left.min(CHUNK as u64) as usize);
        stream.read_exact(&mut chunk).await?;
        left -= chunk.len() as u64;
        chunks.send(chunk).await?;
    }
    drop(chunks);
    let hash = writer.await??;
    let mut sent = [0; blake3::OUT_LEN];
    stream.read_exact(&mut sent).await?;
    anyhow::ensure!(hash == sent, "what arrived is not what was sent");
    stream.write_u8(VERIFIED).await?;
    stream.shutdown().await?;
    // The sender's end is the end of both.
    stream.read(&mut [0]).await.map(drop).context("waiting for the sender's end")
}

fn hash_and_write(
    mut file: File,
    mut chunks: mpsc::Receiver<Vec<u8>>,
    returned: &mpsc::Sender<Vec<u8>>,
) -> anyhow::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    while let Some(chunk) = chunks.blocking_recv() {
        hasher.update(&chunk);
        file.write_all(&chunk)?;
        // Memory that is new for each chunk would cost more than hashing it. Only the last one is shorter.
        returned.try_send(chunk).ok();
    }
    Ok(hasher.finalize())
}
