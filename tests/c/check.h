/* What the C tests share: a check that says where it failed and ends the
 * program. */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tfr_index.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* Three records, with payloads "hello", "" and "abc". */
static const uint8_t THREE[] = "\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3e"
                               "hello\xbb\x1f\x1c\x19"
                               "\0\0\0\0\0\0\0\0\x29\x03\x98\x07\xd8\xea\x82\xa2"
                               "\x03\0\0\0\0\0\0\0\xb0\x99\x49\x0e"
                               "abc\x6e\x57\xf1\x21";
#define THREE_SIZE (sizeof THREE - 1)

#endif
