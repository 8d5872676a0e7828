"""Writes the tables of permutations and orders that the Rust, C, C++ and Python tests all read.

    make_orders.py            write permutations.tsv and orders.tsv beside this script
    make_orders.py --check    write nothing; exit 1 if a table is not what would be written

The numbers come from the naive code below, which follows the documentation of Rust's `Permutation`
and `Order`, and shares nothing with the library. Once released, a table may get more rows, but none
may change.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
MASK = 2**64 - 1
GAMMA = 0x9E3779B97F4A7C15
C1 = 0xBF58476D1CE4E5B9
C2 = 0x94D049BB133111EB


def mix(z: int) -> int:
    z = (z ^ z >> 30) * C1 & MASK
    z = (z ^ z >> 27) * C2 & MASK
    return z ^ z >> 31


def draw(key: int, x: int, bound: int) -> int:
    z = (x ^ key) * C1 & MASK
    z = (z ^ z >> 32) * C2 & MASK
    return z * bound >> 64


def permuted(length: int, seed: int, position: int) -> int:
    rounds = 8 if length >= 65_536 else 16 if length >= 256 else 32
    first = mix(seed + GAMMA & MASK)
    keys = [mix(first + (j + 1) * GAMMA & MASK) for j in range(rounds)]
    columns = 2 ** ((length - 1).bit_length() // 2)
    rows = -(-length // columns)
    while True:
        row, column = divmod(position, columns)
        for j in range(0, rounds, 2):
            row = (row + draw(keys[j], column, rows)) % rows
            column = (column + draw(keys[j + 1], row, columns)) % columns
        position = row * columns + column
        if position < length:
            return position


def part(count: int, rank: int, world_size: int, remainder: str) -> range:
    """The positions of a rank."""
    first = count * rank // world_size
    size = {
        "keep": count * (rank + 1) // world_size - first,
        "drop": count // world_size,
        "pad": -(-count // world_size),
    }[remainder]
    return range(first, first + size)


def in_chunks(count: int, size: int, seed: int, position: int) -> int:
    """The record at a position of an epoch whose chunks are shuffled."""
    chunks = -(-count // size)
    # Where the last chunk comes, whose size is not that of the others.
    last = next(i for i in range(chunks) if permuted(chunks, seed, i) == chunks - 1)
    missing = chunks * size - count

    def start(turn: int) -> int:
        return turn * size - (missing if turn > last else 0)

    def turn_of(place: int) -> int:
        return place // size if place < start(last + 1) else (place + missing) // size

    window = turn_of(position) // 12
    first = start(12 * window)
    length = start(min(12 * window + 12, chunks)) - first
    seed_of_window = mix(seed + GAMMA & MASK) + window & MASK
    place = first + permuted(length, seed_of_window, position - first)
    turn = turn_of(place)
    return permuted(chunks, seed, turn) * size + place - start(turn)


SEEDS = (0, 1, 7, 2**32, 2**63, MASK)
LENGTHS = (
    *(10, 16, 17, 100, 255, 256, 257, 1_000, 4_096, 4_097, 65_535, 65_536, 65_537, 1_000_000),
    *(10**9, 2**30, 2**30 + 1, 2**32, 2**40 + 12_345, 2**63, 2**63 + 1, MASK),
)


def permutations() -> Iterator[list[object]]:
    yield ["# length", "seed", "position", "number there"]
    for length in range(1, 9):
        for seed in SEEDS:
            for position in range(length):
                yield [length, seed, position, permuted(length, seed, position)]
    for length in LENGTHS:
        for seed in SEEDS:
            for position in (0, 1, length // 2, length - 1):
                yield [length, seed, position, permuted(length, seed, position)]


SHARDS = ((0, 1, 0), (0, 3, 0), (1, 3, 1), (2, 3, 2), (9, 10, 0))
SHUFFLES = (
    *((None, None, 3), (7, None, 0), (7, None, 1), (8, None, 1), (MASK, None, MASK)),
    *((7, 3, 0), (7, 3, 1), (8, 1_000, 1), (MASK, 2**20, MASK)),
)


def orders() -> Iterator[list[object]]:
    yield [
        *(
            "# records",
            "seed or -",
            "chunk or -",
            "epoch",
            "rank",
            "world size",
            "remainder",
            "start",
        ),
        *("length of the order", "i", "record there"),
    ]
    for count in (3, 10, 1_000, 10**9, MASK):
        for seed, chunk, epoch in SHUFFLES:
            if chunk is not None and count > 10_000 * chunk:
                continue  # the naive code searches the last chunk
            for rank, world_size, start in SHARDS:
                for remainder in ("keep", "drop", "pad"):
                    run = part(count, rank, world_size, remainder)[start:]
                    for i in sorted({0, len_of(run) // 2, len_of(run) - 1}):
                        if not 0 <= i < len_of(run):
                            continue
                        record = run[i]
                        if chunk is not None:
                            record = in_chunks(count, chunk, seed ^ mix(epoch), record)
                        elif seed is not None:
                            record = permuted(count, seed ^ mix(epoch), record)
                        shown = ("-" if one is None else one for one in (seed, chunk))
                        yield [
                            *(count, *shown, epoch, rank, world_size, remainder, start),
                            *(len_of(run), i, record),
                        ]


def len_of(run: range) -> int:
    """`len` fails above 2^63."""
    return max(run.stop - run.start, 0)


def main() -> None:
    for name, rows in (("permutations.tsv", permutations()), ("orders.tsv", orders())):
        text = "".join("\t".join(map(str, row)) + "\n" for row in rows)
        path = HERE / name
        if "--check" not in sys.argv:
            path.write_text(text)
        elif path.read_text() != text:
            sys.exit(f"{name} is not what make_orders.py writes")


if __name__ == "__main__":
    main()
