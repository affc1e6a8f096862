//! Says by the cfg `gort_runtime` whether the runtime is compiled: on a supported platform, and not under
//! loom. Elsewhere the crate is one `compile_error!` instead of hundreds. The cfg `gort_no_retake` is for a measurement
//! (`benches/src/bin/retake_cost.rs`).

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(gort_runtime, gort_no_retake)");
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let supported = target("OS") == "linux" && matches!(target("ARCH").as_str(), "x86_64" | "aarch64");
    if supported && env::var_os("CARGO_CFG_LOOM").is_none() {
        println!("cargo::rustc-cfg=gort_runtime");
    }
}
