//! What is run: channels, and for each worker a list of operations.

/// xorshift64*: the test's own, so that a seed means the same for ever.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The numbers of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// How long an operation may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// `try_…`, or a select with `default`.
    None,
    /// So many microseconds.
    Micros(u64),
    /// For ever.
    Endless,
}

/// One arm of a select, or a plain send or receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    /// Send this number, which no other send has, on this channel.
    Send(usize, u64),
    /// Receive from this channel.
    Recv(usize),
}

/// One operation of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A plain send or receive.
    Plain(Arm, Patience),
    /// A select; `true` for `ready` before it.
    Select(Vec<Arm>, Patience, bool),
    /// Close by a sender (`true`) or a receiver.
    Close(usize, bool),
    /// The worker gives up its sender of this channel.
    DropSender(usize),
    /// The worker gives up its receiver of this channel.
    DropReceiver(usize),
}

/// A program.
#[derive(Clone, Debug)]
pub struct Program {
    /// The capacity of each channel.
    pub capacities: Vec<Option<usize>>,
    /// What each worker does, and whether it is a plain thread.
    pub workers: Vec<(bool, Vec<Op>)>,
    /// Which end of each channel the one keeps who starts the workers: the sender or the receiver.
    pub keeps_sender: Vec<bool>,
    /// Whether messages are large.
    pub large: bool,
}

impl Program {
    /// The program of `seed`.
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let channels = 1 + rng.below(3) as usize;
        let capacities: Vec<_> = (0..channels)
            .map(|_| match rng.below(6) {
                0..3 => Some(0),
                3 => Some(1),
                4 => Some(2),
                _ => None,
            })
            .collect();
        let mut numbers = 0;
        let workers = (0..2 + rng.below(3))
            .map(|_| {
                // A plain thread is dear to start.
                let thread = rng.chance(15);
                let mut ends = Ends::new(channels);
                let ops = 1 + rng.below(5);
                let ops = (0..ops).filter_map(|_| Op::random(&mut rng, &mut ends, &mut numbers)).collect();
                (thread, ops)
            })
            .collect();
        let keeps_sender = (0..channels).map(|_| rng.chance(50)).collect();
        Self { capacities, workers, keeps_sender, large: rng.chance(25) }
    }
}

/// The ends that a worker still has.
#[derive(Clone, Debug)]
pub struct Ends {
    senders: Vec<bool>,
    receivers: Vec<bool>,
}

impl Ends {
    /// All of so many channels.
    pub fn new(channels: usize) -> Self {
        Self { senders: vec![true; channels], receivers: vec![true; channels] }
    }

    fn arm(&self, rng: &mut Rng, numbers: &mut u64) -> Option<Arm> {
        let c = rng.below(self.senders.len() as u64) as usize;
        if rng.chance(50) {
            *numbers += 1;
            self.senders[c].then_some(Arm::Send(c, *numbers))
        } else {
            self.receivers[c].then_some(Arm::Recv(c))
        }
    }
}

impl Op {
    /// An operation on what is left of `ends`, sometimes none.
    pub fn random(rng: &mut Rng, ends: &mut Ends, numbers: &mut u64) -> Option<Self> {
        let patience = match rng.below(10) {
            0..2 => Patience::None,
            2..5 => Patience::Micros(rng.below(150)),
            _ => Patience::Endless,
        };
        let c = rng.below(ends.senders.len() as u64) as usize;
        match rng.below(100) {
            0..55 => ends.arm(rng, numbers).map(|arm| Self::Plain(arm, patience)),
            55..90 => {
                let n = 1 + rng.below(4);
                let arms: Vec<_> = (0..n).filter_map(|_| ends.arm(rng, numbers)).collect();
                let ready = rng.chance(10);
                (!arms.is_empty()).then_some(Self::Select(arms, patience, ready))
            }
            90..94 if ends.senders[c] => Some(Self::Close(c, true)),
            90..94 if ends.receivers[c] => Some(Self::Close(c, false)),
            94..97 => std::mem::take(&mut ends.senders[c]).then_some(Self::DropSender(c)),
            _ => std::mem::take(&mut ends.receivers[c]).then_some(Self::DropReceiver(c)),
        }
    }

    /// What it waits for.
    pub fn arms(&self) -> &[Arm] {
        match self {
            Self::Plain(arm, _) => std::slice::from_ref(arm),
            Self::Select(arms, ..) => arms,
            Self::Close(..) | Self::DropSender(_) | Self::DropReceiver(_) => &[],
        }
    }

    /// Whether it ends by itself.
    pub fn is_short(&self) -> bool {
        !matches!(self, Self::Plain(_, Patience::Endless) | Self::Select(_, Patience::Endless, _))
    }
}
