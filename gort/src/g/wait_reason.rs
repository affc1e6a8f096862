//! Why a goroutine waits: the words of its traceback line. Go: runtime2.go `waitReasonStrings`.

/// One who waits for one of several things, to be asked by dumps while it sleeps.
pub(crate) trait Arms {
    /// Calls `f` with the address of the lock under which it has queued itself, for each of them that has one.
    fn each(&self, f: &mut dyn FnMut(usize));
}

/// See the module. Where Go has the reason, the text is Go's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum WaitReason {
    None,
    ChanReceive,
    ChanSend,
    Join,
    Mutex,
    RwLockRead,
    RwLockWrite,
    Cond,
    Semacquire,
    /// A place in a group of goroutines.
    Group,
    Once,
    Barrier,
    Park,
    Sleep,
    WaitGroup,
    Scope,
    BlockOn,
    Select,
    SelectNoCases,
    IoWait,
}

impl WaitReason {
    pub(crate) fn text(self) -> &'static str {
        match self {
            WaitReason::None => "",
            WaitReason::ChanReceive => "chan receive",
            WaitReason::ChanSend => "chan send",
            WaitReason::Join => "join",
            WaitReason::Mutex => "sync.Mutex.Lock",
            WaitReason::RwLockRead => "sync.RWMutex.RLock",
            WaitReason::RwLockWrite => "sync.RWMutex.Lock",
            WaitReason::Cond => "sync.Cond.Wait",
            WaitReason::Semacquire | WaitReason::Group => "semacquire",
            WaitReason::Once => "sync.Once.Do",
            WaitReason::Barrier => "barrier",
            WaitReason::Park => "park",
            WaitReason::Sleep => "sleep",
            WaitReason::WaitGroup => "sync.WaitGroup.Wait",
            WaitReason::Scope => "scope",
            WaitReason::BlockOn => "block_on",
            WaitReason::Select => "select",
            WaitReason::SelectNoCases => "select (no cases)",
            WaitReason::IoWait => "IO wait",
        }
    }
}
