struct Server;

impl Server {
    fn start(&self) {
        gort::go!(self.serve());
    }

    fn serve(&self) {}
}

fn main() {
    Server.start();
}
