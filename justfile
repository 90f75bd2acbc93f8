# The tasks of the project. `just` lists them.

[private]
default:
    @just --list

# Run Paybell embedded: one process, SQLite, data in ./paybell-data
run *arguments:
    cargo run --release -- serve {{arguments}}

# Show it at work: five merchants, one of which never recovers
demo *arguments:
    cargo run --release -- demo {{arguments}}

# Install what is missing, build, and run every test
test:
    ./tests/run

# What must be clean before a commit: format, lints, dependencies, documentation
check:
    cargo fmt --all --check
    cargo fmt --manifest-path crates/dialects/fuzz/Cargo.toml --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet
    cargo deny --log-level error check bans licenses sources

# Look the dependencies up in the RustSec advisory database (fetches it)
advisories:
    cargo deny --log-level error check advisories

# Measure on this machine: throughput, latency, noisy, backlog … (crates/bench/README.md says what each one is)
bench benchmark="throughput" *arguments:
    cargo run --release -p paybell-bench -- {{benchmark}} {{arguments}}

# Live whole 72-hour lives in virtual time and check the invariants at every step
simulate *arguments:
    cargo run --release -p paybell-simulation -- {{arguments}}

# Inject faults into real processes and check the invariants (`just faults list` lists them)
faults *arguments:
    cargo build --release -p paybell --features abort-points,planted-bugs
    cargo run --release -p paybell-faults -- {{arguments}}

# Apply the database's migrations (production: PAYBELL_DATABASE_URL)
migrate:
    cargo run --release -- migrate

# Start private PostgreSQL and Redis, print the settings for `paybell serve`, stop both at the end
dev-stack:
    cargo run -p paybell-testkit --bin dev-stack

# Feed hostile bytes to the dialects, each target for so many seconds (needs a nightly toolchain and `cargo install cargo-fuzz`)
fuzz target="judge_answer judge_check_answer load_definition render_request" seconds="60":
    PAYBELL_WRITE_SEEDS={{justfile_directory()}}/crates/dialects/fuzz/corpus cargo test -p paybell-dialects --test seeds --quiet
    for target in {{target}}; do \
        cargo +nightly fuzz run --fuzz-dir crates/dialects/fuzz "$target" -- \
            -max_total_time={{seconds}} -timeout=10 -dict=crates/dialects/fuzz/words.dict || exit 1; \
    done

# Take pictures of every page, from a running engine with real traffic, into docs/images
screenshots:
    cargo build -p paybell
    cargo test -p paybell-tests --test browser -- --ignored --exact screenshots::take_every_page_in_light_and_dark_on_a_wide_screen_and_a_phone
