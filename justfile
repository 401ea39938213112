# Shortcuts. None is needed: each recipe is the command that it stands for.

# List the recipes.
default:
    @just --list

# Run all tests.
test:
    ./test

# Send and receive real content between two processes, over both transports.
demo:
    ./demo

# Everything that a change must pass.
ci:
    bash .ci/run

# Measure foctet beside its peers, and write docs/performance.md. It takes a quiet machine, and root for all of it.
performance:
    cargo run --release --manifest-path bench/Cargo.toml -- --write docs/performance.md

# Format every workspace.
fmt:
    cargo fmt
    cd interop && cargo fmt
    cd bench && cargo fmt
    cd fuzz && cargo fmt

# Lint the product as CI does.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Build the documentation of the library and open it.
doc:
    cargo doc --workspace --no-deps --open

# Fuzz one target for some seconds: `just fuzz ticket 60`.
fuzz target seconds="60":
    RUSTC_BOOTSTRAP=1 cargo fuzz run {{target}} -- -max_total_time={{seconds}}
