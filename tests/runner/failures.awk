# Prints what a log says of failures: the sections of `cargo test` for tests that failed, the errors of
# compilers, and the E lines and the summary of pytest. If it finds none, the log's last lines.

BEGIN { section_lines = 60; last_lines = 60 }

# A section of cargo test is one test's output, which ends with why it failed.
function end_section(    i) {
    for (i = (held > section_lines ? held - section_lines : 0); i < held; i++) print section[i]
    held = 0
}

{ last[NR % last_lines] = $0 }
/^failures:$/ { end_section(); in_failures = found = 1; next }
in_failures && /^---- .* ----$/ { end_section(); print; next }
/^test result: FAILED/ { end_section(); print; in_failures = 0; next }
in_failures { section[held++] = $0; next }
# An error ends with an empty line.
/^(error(\[E[0-9]+\])?|Caused by|[^ ]+:[0-9]+:([0-9]+:)? (fatal )?error):/ { in_error = found = 1 }
/^thread .* panicked at / { in_error = found = 1 }
/^$/ { in_error = 0 }
in_error || /^(E   |FAILED |ERROR |[^ ]+\.py:[0-9]+: |_+ .* _+$)/ { print; found = 1 }

END {
    end_section()
    if (!found) for (i = (NR > last_lines ? NR - last_lines + 1 : 1); i <= NR; i++) print last[i % last_lines]
}
