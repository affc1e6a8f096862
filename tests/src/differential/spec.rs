//! The sequential model: what a channel is, and the steps of which operations are made.

use std::collections::VecDeque;

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Channel {
    /// `None` for no limit.
    pub capacity: Option<usize>,
    /// What was sent and not received.
    pub queue: VecDeque<u64>,
    /// Places that are promised to selects which have not sent yet.
    pub reserved: usize,
    /// By `close`, or because an end is gone.
    pub closed: bool,
    /// Senders that are alive.
    pub senders: usize,
    /// Receivers that are alive.
    pub receivers: usize,
}

/// What happens at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A message enters the queue.
    Push(usize, u64),
    /// A select is promised a place, and has the message yet to make.
    Reserve(usize),
    /// It enters the queue; `false` if the channel was closed meanwhile.
    Fill(usize, u64, bool),
    /// A message is received.
    Pop(usize, u64),
    /// A message goes from hand to hand: the sender's half. With capacity 0.
    Give(usize, u64),
    /// The receiver's half, at the same moment.
    Take(usize, u64),
    /// A send finds the channel disconnected.
    SendFails(usize),
    /// A receive finds the channel empty and disconnected.
    RecvFails(usize),
    /// A send would have to wait.
    Full(usize),
    /// A receive would have to wait.
    Empty(usize),
    /// See the operation.
    Close(usize),
    /// See the operation.
    DropSender(usize),
    /// See the operation.
    DropReceiver(usize),
}

impl Channel {
    /// A new channel whose ends have so many handles.
    pub fn new(capacity: Option<usize>, senders: usize, receivers: usize) -> Self {
        Self { capacity, queue: VecDeque::new(), reserved: 0, closed: false, senders, receivers }
    }

    /// Whether there is room for one more.
    pub fn has_room(&self) -> bool {
        self.capacity.is_none_or(|cap| self.queue.len() + self.reserved < cap)
    }
}

/// Does the step if it is possible now. A hand-over is not a step of one: it is for the caller to see to.
pub fn step(channels: &mut [Channel], step: Step) -> bool {
    match step {
        Step::Push(c, number) => {
            let c = &mut channels[c];
            let possible = !c.closed && c.has_room();
            if possible {
                c.queue.push_back(number);
            }
            possible
        }
        Step::Reserve(c) => {
            let c = &mut channels[c];
            let possible = !c.closed && c.has_room();
            if possible {
                c.reserved += 1;
            }
            possible
        }
        Step::Fill(c, number, sent) => {
            let c = &mut channels[c];
            let possible = c.reserved > 0 && sent != c.closed;
            if possible {
                c.reserved -= 1;
                if sent {
                    c.queue.push_back(number);
                }
            }
            possible
        }
        Step::Pop(c, number) => {
            let c = &mut channels[c];
            let possible = c.queue.front() == Some(&number);
            if possible {
                c.queue.pop_front();
            }
            possible
        }
        Step::Give(..) | Step::Take(..) => false,
        Step::SendFails(c) => channels[c].closed,
        Step::RecvFails(c) => channels[c].closed && channels[c].queue.is_empty(),
        Step::Full(c) => !channels[c].closed && (channels[c].capacity == Some(0) || !channels[c].has_room()),
        Step::Empty(c) => !channels[c].closed && channels[c].queue.is_empty(),
        Step::Close(c) => {
            channels[c].closed = true;
            true
        }
        Step::DropSender(c) => {
            let c = &mut channels[c];
            c.senders -= 1;
            c.closed |= c.senders == 0;
            true
        }
        Step::DropReceiver(c) => {
            let c = &mut channels[c];
            c.receivers -= 1;
            if c.receivers == 0 {
                c.closed = true;
                c.queue.clear();
            }
            true
        }
    }
}
