//! yamux over tokio-rustls over TCP: what others put where foctet has QMux.

use std::net::IpAddr;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio_util::compat::{FuturesAsyncReadCompatExt as _, TokioAsyncReadCompatExt as _};
use yamux::{Config, Connection, Mode};

use super::{Card, Client, Contestant, Link, Pending, serve_stream, tls};
use crate::answer::Stream;

pub(crate) struct Yamux;

impl Contestant for Yamux {
    fn name(&self) -> &'static str {
        "yamux over tls"
    }

    fn serve(&self, address: IpAddr) -> Pending<'static, Card> {
        Box::pin(tls::listen(address, |carrier| async {
            // The server opens none: it keeps no way to ask.
            let (_, opens) = mpsc::channel(1);
            drive(carrier, Mode::Server, opens, |stream| serve_stream(stream.compat())).await;
            Ok(())
        }))
    }

    fn client(&self, server: &Card, _from: IpAddr) -> Pending<'static, Box<dyn Client>> {
        let server = server.clone();
        Box::pin(async move { Ok(Box::new(Dialler(tls::Dialler::new(server)?)) as Box<dyn Client>) })
    }
}

struct Dialler(tls::Dialler);

/// Where to send the stream that is asked for.
pub(crate) type Open = oneshot::Sender<yamux::Stream>;

struct Session {
    opens: mpsc::Sender<Open>,
    driver: tokio::task::JoinHandle<()>,
}

impl Client for Dialler {
    fn connect(&self) -> Pending<'_, Box<dyn Link>> {
        Box::pin(async {
            let carrier = self.0.dial().await?;
            let (opens, asked) = mpsc::channel(1);
            let driver = tokio::spawn(drive(carrier, Mode::Client, asked, drop));
            Ok(Box::new(Session { opens, driver }) as Box<dyn Link>)
        })
    }
}

impl Link for Session {
    fn open(&self) -> Pending<'_, Box<dyn Stream>> {
        Box::pin(async {
            let (open, opened) = oneshot::channel();
            self.opens.send(open).await?;
            Ok(Box::new(opened.await?.compat()) as Box<dyn Stream>)
        })
    }

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let Self { opens, driver } = *self;
        drop(opens);
        Box::pin(async {
            driver.await.ok();
        })
    }
}

/// Runs a connection until the peer ends it or, on the dialling side, until nobody can ask for streams any more. The
/// peer's streams go to `serve`.
pub(crate) async fn drive<T>(
    carrier: T,
    mode: Mode,
    mut opens: mpsc::Receiver<Open>,
    mut serve: impl FnMut(yamux::Stream),
) where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut connection = Connection::new(carrier.compat(), Config::default(), mode);
    let mut wanted: Option<Open> = None;
    std::future::poll_fn(|context| {
        loop {
            if wanted.is_none() && mode == Mode::Client {
                match opens.poll_recv(context) {
                    Poll::Ready(Some(open)) => wanted = Some(open),
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending => {}
                }
            }
            if let Some(open) = wanted.take() {
                match connection.poll_new_outbound(context) {
                    Poll::Ready(Ok(stream)) => {
                        open.send(stream).ok();
                        continue;
                    }
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => wanted = Some(open),
                }
            }
            match connection.poll_next_inbound(context) {
                Poll::Ready(Some(Ok(stream))) => serve(stream),
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
    std::future::poll_fn(|context| connection.poll_close(context)).await.ok();
}
