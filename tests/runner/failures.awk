# Prints the lines of a test's log that say what failed, and why:
#
#   cargo test   the output of each test that failed, without the backtrace of a panic
#                the last lines of a test program that crashed
#   compilers    each error
#   pytest       of each failure: its name, the lines that pytest marks with > or E, where they
#                are, and what the test printed; doctests whole; then pytest's own summary
#                the start of what Python prints when it crashes
#
# Prints the last lines of a log that has none of these.

BEGIN { section_lines = 60; last_lines = 60; crash_lines = 10 }

{ last[NR % last_lines] = $0 }

# A section is the output of one test. Its end says why the test failed.
function end_section(    i) {
    for (i = (held > section_lines ? held - section_lines : 0); i < held; i++) print section[i]
    held = in_backtrace = 0
}

# The lines after the line `first`, without the current one.
function print_last(first, count,    i) {
    if (first < NR - count - 1) first = NR - count - 1
    for (i = first + 1; i < NR; i++) print last[i % last_lines]
}

# cargo test
/^     Running / { program_start = NR; in_program = 1 }
/^test result:/ { in_program = 0 }
/^error: test failed/ && in_program { print_last(program_start, crash_lines); in_program = 0 }
/^failures:$/ { end_section(); in_failures = found = 1; next }
in_failures && /^---- .* ----$/ { end_section(); print; next }
in_failures && /^test result: FAILED/ { end_section(); print; in_failures = 0; next }
in_failures && /^stack backtrace:$/ { in_backtrace = 1 }
in_backtrace && /^note: |^$/ { in_backtrace = 0; next }
in_failures { if (!in_backtrace) section[held++] = $0; next }

# pytest
/^=+ (FAILURES|ERRORS) =+$/ { in_pytest = found = 1; next }
in_pytest && /^=+ .* =+$/ { end_section(); in_pytest = in_doctest = in_output = 0; next }
in_pytest && /^_+ [^_].* _+$/ {
    end_section()
    print
    in_doctest = /\[doctest\]/
    in_output = 0
    next
}
in_pytest && /^-+ Captured .* -+$/ { end_section(); print; in_output = 1; next }
in_doctest || in_output { section[held++] = $0; next }
in_pytest && /^(>|E  ) / { print; next }
in_pytest && /^[^ ]+\.py:[0-9]+: / { print; next }
/^(FAILED|ERROR) / { print; found = 1; next }
/Fatal Python error: / { crash = crash_lines; found = 1 }
crash > 0 { print; crash--; next }

# An error ends with an empty line.
/^(error(\[E[0-9]+\])?|Caused by|[^ ]+:[0-9]+:([0-9]+:)? (fatal )?error):/ { in_error = found = 1 }
/^thread .* panicked at / { in_error = found = 1 }
/^$/ { in_error = 0 }
in_error { print }

END {
    end_section()
    if (!found) for (i = (NR > last_lines ? NR - last_lines + 1 : 1); i <= NR; i++) print last[i % last_lines]
}
