#!/usr/bin/env bash
# Builds the library, and then the programs, with the oldest dependencies that Cargo.toml allows.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/minimal

# check NAME DROPPED FREE OPTION…: builds the package without the manifest's lines that match DROPPED,
# with each dependency except FREE pinned to its oldest version.
check() {
    local folder=$CARGO_TARGET_DIR/$1 dropped=$2 free=$3
    shift 3
    mkdir -p "$folder"
    ln -sfn "$root/src" "$folder/src"
    ln -sfn "$root/build.rs" "$folder/build.rs"
    # Without tests, benchmarks and their dependencies.
    awk -v dropped="$dropped" -v free="$free" '
        /^\[/ { section = $0 }
        section ~ /^\[(dev-dependencies|\[(bench|test)\])/ || $0 ~ dropped { next }
        section == "[dependencies]" && /^[a-z]/ && $1 != free {
            if (!sub(/"~?[0-9]+\.[0-9]+\.[0-9]+"/, "=&")) {
                print "not a version of three numbers: " $0 >"/dev/stderr"
                exit 1
            }
            gsub(/="~?/, "\"=")
        }
        { print }
        END { print "\n[workspace]" }' Cargo.toml >"$folder/Cargo.toml"
    rm -f "$folder/Cargo.lock"
    cargo check --manifest-path "$folder/Cargo.toml" "$@"
}

check library 'optional = true|^(default|s3dlio|s3-cli|cli|programs|fast-crc|fast-gzip|capi) =' none --lib
# signal-hook needs a newer libc than the library.
check programs none libc --features cli --bins
