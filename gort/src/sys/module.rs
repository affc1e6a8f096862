//! The program and its shared objects, as the loader has mapped them.

use std::ops::Range;

/// The addresses from the first to the last executable segment of the object that `address` lies in.
pub(crate) fn code_of(address: usize) -> Option<Range<usize>> {
    struct Search {
        address: usize,
        found: Option<Range<usize>>,
    }
    extern "C" fn look(info: *mut libc::dl_phdr_info, _: usize, search: *mut libc::c_void) -> libc::c_int {
        // SAFETY: the loader passes a valid description, whose headers live during the call, and what we gave it.
        let (info, search) = unsafe { (&*info, &mut *search.cast::<Search>()) };
        // SAFETY: as above.
        let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        let mut code =
            headers.iter().filter(|h| h.p_type == libc::PT_LOAD && h.p_flags & libc::PF_X != 0).map(|h| {
                let start = info.dlpi_addr as usize + h.p_vaddr as usize;
                start..start + h.p_memsz as usize
            });
        let Some(first) = code.next() else { return 0 };
        let range = code.fold(first, |all, next| all.start.min(next.start)..all.end.max(next.end));
        let here = range.contains(&search.address);
        if here {
            search.found = Some(range);
        }
        libc::c_int::from(here)
    }
    let mut search = Search { address, found: None };
    // SAFETY: the callback gets the argument that it expects.
    unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut search).cast()) };
    search.found
}
