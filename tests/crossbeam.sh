#!/usr/bin/env bash
# Runs crossbeam-channel's own tests against gort's channels: `tests/crossbeam.sh [threads] [goroutines] [-- TEST-ARGS]`.
#
# They come with the published package, out of cargo's registry, and go to a temporary folder: none of their text is
# kept here. Changed are their `use` lines. With `threads` they run as they are, on plain threads beside a runtime; with
# `goroutines` the tests are goroutines, and so is what they spawn, with a thread's stack: messages may be large. Some have
# time bounds that a busy machine breaks.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
modes=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do modes+=("$1"); shift; done
[ $# -eq 0 ] || shift
[ ${#modes[@]} -gt 0 ] || modes=(threads goroutines)

cd "$repository"
cargo fetch -q --locked
version=$(awk '$1 == "name" { name = $3 } $1 == "version" && name == "\"crossbeam-channel\"" { gsub("\"", "", $3); print $3 }' Cargo.lock)
package=$(ls -d "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/crossbeam-channel-"$version")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export GORT_STACK=2M
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$folder/target}

# Of the file on stdin, with $1 for the lines that begin a test's body.
bodies() {
    awk -v line="$1" '{ print } /^ *#\[test\]/ { test = 1 } test && /^ *fn .*{ *$/ { if (line != "") print line; test = 0 }'
}

prepare() {
    local mode=$1 to=$folder/$1
    mkdir -p "$to/src" "$to/tests"
    cp Cargo.lock "$to"
    cat > "$to/Cargo.toml" <<EOF
[package]
name = "crossbeam-$mode"
version = "0.0.0"
edition = "2021"
[workspace]
[dependencies]
crossbeam-utils = "0.8"
gort = { path = "$repository/gort" }
rand = "0.8"
EOF
    cat > "$to/src/lib.rs" <<'EOF'
//! What the tests find in the place of std's threads and crossbeam's scopes.

pub fn boot() {
    static BOOT: std::sync::Once = std::sync::Once::new();
    // SAFETY: plain threads run the tests, and no goroutine.
    BOOT.call_once(|| unsafe { gort::boot(gort::Options::default()).unwrap() });
}

pub mod thread {
    pub use gort::{JoinHandle, panicking, sleep, spawn, yield_now};
}

pub struct Scope<'scope, 'env: 'scope>(&'scope gort::Scope<'scope, 'env>);

pub fn scope<'env, F, R>(f: F) -> std::thread::Result<R>
where
    F: for<'scope> FnOnce(&Scope<'scope, 'env>) -> R,
{
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| gort::scope(|s| f(&Scope(s)))))
}

impl<'scope> Scope<'scope, '_> {
    pub fn spawn<F, T>(&self, f: F) -> gort::ScopedJoinHandle<'scope, T>
    where
        F: FnOnce(&()) -> T + Send + 'scope,
        T: Send + 'scope,
    {
        self.0.spawn(move || f(&()))
    }
}
EOF
    local file
    for file in "$package"/tests/*.rs; do
        # The macro of crossbeam's that is hidden is what its `select!` comes to.
        sed -E -e 's/\bcrossbeam_channel\b/gort::channel/g' -e 's/cc::crossbeam_channel_internal!/cc::select!/' "$file" |
            if [ "$mode" = threads ]; then
                bodies '    crossbeam_threads::boot();'
            else
                sed -E -e 's/#\[test\]/#[gort::test]/' -e 's/(::)?\bstd::thread\b/crossbeam_goroutines::thread/g' \
                    -e 's/\bcrossbeam_utils::thread::scope\b/crossbeam_goroutines::scope/' \
                    -e 's/^( *use) std::sync::\{(.*\b(Condvar|Mutex)\b)/\1 gort::sync::{\2/'
            fi > "$to/tests/$(basename "$file")"
    done
}

all=0
for mode in "${modes[@]}"; do
    case $mode in threads | goroutines) ;; *) echo "threads or goroutines, not $mode" >&2; exit 2 ;; esac
    prepare "$mode"
    status=0
    (cd "$folder/$mode" && cargo test -q --no-fail-fast --tests -- "$@") > "$folder/$mode.log" 2>&1 || status=1
    grep -E '^error|panicked at|^    [a-z_:0-9]+$|hangs' "$folder/$mode.log" || true
    awk -v mode="$mode" '/^test result/ { passed += $4; failed += $6 } END { print mode ": " passed + 0 " passed, " failed + 0 " failed" }' "$folder/$mode.log"
    grep -q '^test result' "$folder/$mode.log" || { cat "$folder/$mode.log"; status=1; }
    all=$((all | status))
done
exit $all
