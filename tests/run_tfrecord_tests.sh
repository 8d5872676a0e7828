#!/usr/bin/env bash
# Runs every test: Rust, C, Python and, unless called with --quick, the real TensorFlow, DALI,
# PyTorch and Grain. With --engines it runs the programs for Beam, Ray and Spark alone.
# Sets up what it needs under target/. Exits with 1 when anything fails.
set -u

# The tests rely on the default actions of signals, but `nohup`, `&` in a script and most CI agents
# ignore some, which a shell cannot undo. SIGHUP stays: `nohup` is meant to outlive a terminal.
default=--default-signal=INT,QUIT,ALRM,TERM,CHLD,PIPE,XFSZ
if [ -z "${TFR_TEST_SIGNALS-}" ] && env $default true 2>/dev/null; then
    TFR_TEST_SIGNALS=default exec env $default bash "$0" "$@"
fi

cd "$(dirname "$0")/.." || exit 1

quick=no
engines=no
case "${1-}" in
"") ;;
--quick) quick=yes ;;
--engines) engines=yes ;;
*)
    echo "usage: $0 [--quick | --engines]" >&2
    exit 2
    ;;
esac

logs=target/test-logs
mkdir -p "$logs"
# A line per step that has ended: ok or FAILED, its name.
results=$logs/results
: >"$results"
# The runner's other processes: each is the leader of a process group.
beside=()
trap 'for group in ${beside[@]+"${beside[@]}"}; do kill -- "-$group" 2>/dev/null; done' EXIT
trap 'exit 130' INT TERM

# beside COMMAND…: runs it beside what follows, in a process group of its own: a shell that is no
# leader would let it ignore SIGINT.
beside() {
    set -m
    "$@" &
    set +m
    beside+=($!)
}

# step NAME COMMAND…: runs the command with its output in a log, and shows what failed.
step() {
    local name=$1 start=$SECONDS log said TIMEFORMAT='%0U %0S'
    shift
    log=$logs/${name// /-}.log
    if { time "$@" >"$log" 2>&1; } 2>"$log.times"; then said=ok; else said=FAILED; fi
    echo "$said $name" >>"$results"
    # One write, so that two steps that end at the same time do not mix their lines.
    {
        printf '%-32s%-8s%d s, %d s of processor time' "$name" "$said" $((SECONDS - start)) \
            "$(awk 'END { print $1 + $2 }' "$log.times")"
        if [ $said = ok ]; then
            echo
        else
            echo ", of $log:"
            awk -f tests/runner/failures.awk "$log" | head -n 200 | sed 's/^/    /'
        fi
    } >"$log.said"
    cat "$log.said"
    rm "$log.times" "$log.said"
}

# Prints the summary, with the test runners' counts. Fails if a step has failed.
finish() {
    local said name
    echo
    while read -r said name; do
        grep -hE '^test result:|^=+ .*(passed|failed|error).* in .*=+$' "$logs/${name// /-}.log" |
            sed -E "s/^=+ ?//; s/ ?=+$//; s/^/    $name: /"
        [ "$said" = ok ] || echo "    $name: FAILED"
    done <"$results"
    echo "$(grep -c '^ok' "$results") passed, $(grep -c '^FAILED' "$results") failed"
    ! grep -q '^FAILED' "$results"
}

if [ $engines = yes ]; then
    [ -e target/test-env/engines-* ] || echo "The first time, this downloads about 700 MB."
    step "Engines environment" sh -c \
        "python3 tests/environment.py engines >$logs/engines"
    step "Engines" "$(head -n 1 "$logs/engines")" -m pytest \
        tests/integration/test_engines.py
    finish
    exit
fi

# What is compiled, packages of it, and pages about it. Nothing else builds in target/debug, where
# Cargo would replace the library that tests have loaded.
compilers() {
    # Formatters and lints are for people who change the code; skip those that are not installed.
    if cargo fmt --version >/dev/null 2>&1; then
        step "rust format" cargo fmt --check
    else
        echo "rust format                     skipped, there is no rustfmt"
    fi
    if cargo clippy --version >/dev/null 2>&1; then
        step "rust lints" cargo clippy --all-targets --features s3-cli -- -D warnings
    else
        echo "rust lints                      skipped, there is no clippy"
    fi
    step "rust docs" env RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
    step "rust and C" cargo test --locked --no-fail-fast --features s3-cli
    # Without the optimizations between crates, which take one processor three minutes.
    local quickly="env CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16"
    step "rust facade" $quickly cargo test --locked --lib tfrecord_index::tests --release
    # The same program, without fast-crc and fast-gzip.
    step "rust slow crates" $quickly cargo test --locked --lib --release -- crc:: gzip
    step "rust s3dlio drop-in" env CARGO_TARGET_DIR=target/examples \
        cargo run --locked --manifest-path examples/s3dlio_drop_in/Cargo.toml -- tests/data/examples.tfrecord
    if [ $quick = no ]; then
        step "oldest dependencies" tests/packages/minimal_versions.sh
        step "clang environment" sh -c "python3 tests/environment.py clang >$logs/clang"
        step "C and C++ by clang" env TFR_TEST_CLANG="$(head -n 1 "$logs/clang")" \
            cargo test --locked --features s3-cli --test c_abi programs::
    fi
    local python
    python=$(python3 tests/environment.py --no-package quick 2>/dev/null)
    [ -x "$python" ] || return # the step "python environments" says why
    step "names" "$python" -m pytest tests/docs/test_names.py
    step "make install" "$python" -m pytest tests/packages/test_install.py \
        tests/packages/test_install_cmake.py
    step "packages" "$python" -m pytest tests/packages/test_packages.py \
        --deselect tests/packages/test_packages.py::test_sdist
    step "README" "$python" -m pytest tests/docs/test_readme.py \
        tests/packages/test_dependencies.py
    step "examples" "$python" -m pytest tests/docs/test_examples.py
    step "docs" "$python" -m pytest tests/docs/test_architecture.py \
        tests/docs/test_development.py tests/docs/test_site.py \
        tests/docs/test_report_page.py tests/docs/test_tests_page.py
}

# The Python package, with each interpreter and beside what it is used with.
pythons() {
    # The environments' interpreters, one per line.
    local python bin each version newest tests=()
    step "python environments" sh -c \
        "python3 tests/environment.py quick --each-python >$logs/pythons"
    python=$(head -n 1 "$logs/pythons")
    [ -x "$python" ] || return
    bin=$(dirname "$python")
    step "python format" "$bin/ruff" format --check --config bindings/python/pyproject.toml \
        bindings/python/python docs/site.py examples tests
    step "python lints" "$bin/ruff" check --config bindings/python/pyproject.toml \
        bindings/python/python docs/site.py examples tests
    step "python types" "$bin/mypy" --config-file bindings/python/pyproject.toml \
        bindings/python/python
    step "C and C++ format" "$bin/clang-format" --dry-run --Werror --style=file:tests/c/.clang-format \
        tests/c/*.c tests/c/*.h tests/cpp/*.?pp include/*.hpp tests/bench/*.c examples/*.c* \
        examples/dali_plugin/*.cc examples/dali_plugin/*.h
    # The oldest and the newest interpreter run all tests, those between them the first ones. Each
    # case of test_command.py starts two programs, so the oldest must do.
    newest=$(tail -n 1 "$logs/pythons")
    while read -r each; do
        version=$("$each" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        case $each in
        "$python") tests=(tests/python) ;;
        "$newest") tests=(tests/python --ignore=tests/python/test_command.py) ;;
        *) tests=() ;;
        esac
        step "python $version" "$each" -m pytest tests/test_tfrecord_index_python.py \
            tests/test_index_usage_examples.py ${tests[@]+"${tests[@]}"}
    done <"$logs/pythons"
    step "python docs" "$python" -m pytest -c tests/pytest.ini --doctest-modules --pyargs tfr_index s3dlio
    [ $quick = no ] || return
    step "source package" "$python" -m pytest tests/packages/test_packages.py::test_sdist
    # Emulated: takes a quarter of an hour, so it runs only if QEMU is installed.
    if [ -d target/test-env/debian/machines/bin ] || command -v qemu-s390x >/dev/null; then
        step "other machines" env TFR_TEST_CLANG="$(python3 tests/environment.py clang)" \
            "$python" -m pytest tests/packages/test_other_machines.py
    else
        echo "other machines                  skipped, there is no QEMU (python3 tests/packages/toolchains.py machines)"
    fi
    users
    step "wheels" "$python" -m pytest tests/packages/test_wheels.py
}

# TensorFlow, DALI, PyTorch and others that the package is used with.
users() {
    local python
    step "TensorFlow and DALI environment" sh -c \
        "python3 tests/environment.py clients >$logs/clients"
    python=$(head -n 1 "$logs/clients")
    if [ -x "$python" ]; then
        step "TensorFlow" "$python" -m pytest tests/integration/test_tensorflow.py \
            tests/integration/test_features.py
        step "TFDS" "$python" -m pytest tests/integration/test_tfds.py
        step "DALI" "$python" -m pytest tests/test_dali_compatibility.py
        step "DALI plugin" "$python" -m pytest tests/integration/test_dali_plugin.py \
            tests/integration/test_dali_features.py
        step "beside s3dlio" "$python" -m pytest tests/integration/test_s3dlio_coexistence.py
        step "bad input beside others" "$python" -m pytest tests/integration/test_bad_input.py
    fi
    step "PyTorch and Grain environment" sh -c \
        "python3 tests/environment.py loaders >$logs/loaders"
    python=$(head -n 1 "$logs/loaders")
    if [ -x "$python" ]; then
        step "PyTorch" "$python" -m pytest tests/integration/test_torch.py \
            tests/integration/test_features_torch.py
        step "Grain" "$python" -m pytest tests/integration/test_grain.py
    fi
    step "Dask and MPI environment" sh -c "python3 tests/environment.py clusters >$logs/clusters"
    python=$(head -n 1 "$logs/clusters")
    if [ -x "$python" ]; then
        step "Dask and MPI" "$python" -m pytest tests/integration/test_clusters.py
        step "object stores" "$python" -m pytest tests/integration/test_object_stores.py
    fi
}

# Both wait for downloads, for other processes and for one processor at a time: they go on side by
# side, and so do downloads.
if [ $quick = no ]; then
    [ -e target/test-env/loaders-* ] || echo "The first time, this downloads about 2 GB."
    beside python3 tests/environment.py --no-package clients loaders clusters clang \
        >"$logs/downloads.log" 2>&1
fi
beside pythons
pythons=$!
compilers
wait "$pythons"
finish
