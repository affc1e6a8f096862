#![forbid(unsafe_code)]
#![deny(warnings)]
use gort::go;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Mutex};

static DONE: AtomicUsize = AtomicUsize::new(0);

#[derive(Default)]
struct Server {
    clients: Vec<usize>,
    stats: Stats,
}

#[derive(Default)]
struct Stats(usize);

impl Stats {
    fn add(&mut self, n: usize) {
        self.0 += n;
        DONE.fetch_add(self.0, SeqCst);
    }
}

impl Server {
    fn by_ref(&self, n: usize) -> usize {
        DONE.fetch_add(n, SeqCst)
    }

    fn by_mut(&mut self, n: usize) -> &mut Self {
        self.clients.push(n);
        DONE.fetch_add(self.clients.len(), SeqCst);
        self
    }

    fn by_value(self, n: usize) {
        DONE.fetch_add(n + self.clients.len(), SeqCst);
    }

    fn shared(self: Arc<Self>, n: usize) {
        go!(self.by_ref(n));
    }

    fn collect<T: FromIterator<usize>>(&self) -> T {
        DONE.fetch_add(1, SeqCst);
        self.clients.iter().copied().collect()
    }

    fn split(mut self) {
        go!(self.stats.add(1));
    }
}

impl Stats {
    fn forever(&self) -> ! {
        DONE.fetch_add(1, SeqCst);
        loop {
            gort::yield_now();
        }
    }
}

trait Serve: Send + Sync {
    fn serve(&self) {
        DONE.fetch_add(1, SeqCst);
    }
}

impl Serve for Server {}

static GLOBAL: LazyLock<Mutex<Server>> = LazyLock::new(Default::default);

fn wait(n: usize) {
    while DONE.load(SeqCst) < n {
        gort::yield_now();
    }
    assert_eq!(DONE.swap(0, SeqCst), n);
}

#[gort::main]
fn main() {
    go!(Server::default().by_ref(1));
    wait(1);
    go!(Server::default().by_mut(1));
    wait(1);
    go!(Server::default().by_value(1));
    wait(1);
    let mut server = Server::default();
    server.by_mut(0);
    wait(1);
    // The arguments may use the receiver, as in a call.
    go!(server.by_mut(server.clients.len()));
    wait(2);
    go!(Arc::new(Server::default()).shared(3));
    wait(3);
    go!(Server::default().collect::<Vec<_>>());
    wait(1);
    Server::default().split();
    wait(1);

    let object: Arc<dyn Serve> = Arc::new(Server::default());
    go!(object.clone().serve());
    wait(1);
    go!(object.serve());
    wait(1);
    let leaked: &'static Server = Box::leak(Box::default());
    go!(leaked.by_ref(leaked.clients.len() + 1));
    wait(1);
    go!((*leaked).by_ref(1));
    wait(1);

    go!(Stats::default().forever());
    wait(1);

    // A static is not moved.
    go!(GLOBAL.lock());
    go!(DONE.fetch_add(1, SeqCst));
    wait(1);
    let at = GLOBAL.lock().unwrap().clients.len();
    go!(DONE.fetch_add(GLOBAL.lock().unwrap().clients.len() + 1, SeqCst));
    wait(at + 1);
}
