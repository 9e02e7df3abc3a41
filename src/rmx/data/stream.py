"""A stream is read once, in order, until the run has the train pairs that it needs (docs/adr/021-streams.md)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import xxhash

from rmx.data.collect import Collected, Reading
from rmx.data.given_tokens import GivenTokens
from rmx.data.shares import needed_counts
from rmx.data.sources import Row, Source
from rmx.domain import PreferencePair
from rmx.errors import DataError

__all__ = ["Need", "collect_stream"]

_LOOK_EVERY = 1_000
"""Rows after which defects are counted, and pairs that must not all be unreadable: a stream may not end soon."""

Pairs = Sequence[PreferencePair]


@dataclass(frozen=True)
class Need:
    """What a run reads a stream for."""

    steps: int
    pairs: int
    """Per step."""
    unreadable: Callable[[Pairs], Collection[str]]
    """Returns the ids of those pairs that will leave, because the model cannot read them."""

    @property
    def train_pairs(self) -> int:
        """Train pairs that the run takes, none of them twice."""
        return self.steps * self.pairs


def collect_stream(
    sources: Sequence[Source],
    max_defects: float,
    need: Need,
    train_of: Callable[[Collected], Pairs],
    tokens: GivenTokens | None = None,
) -> tuple[Collected, dict[str, str]]:
    """Read every source until train has as many of its pairs as the run needs; return them and a hash of the rows read.

    A round reads as many pairs as are missing and puts all at their places anew. It can only find too few: what is
    held out, disputed or unreadable is read on top. So no row is read that is not needed, and where reading ends
    depends on the rows alone.

    Args:
        sources: Where rows are and what they mean; several have weights.
        max_defects: Share of the comparisons of each source that may be defective, counted every 1,000 rows.
        need: What the run needs.
        train_of: Returns the pairs of train, given all that was read.
        tokens: Reads rows of token ids.

    Raises:
        ConfigError: unknown format, columns or policy.
        DataError: as `collect`, and a stream that ends before there are enough pairs.
    """
    hashes = {source.name: xxhash.xxh3_128() for source in sources}
    hashed = [replace(s, rows=replace(s.rows, open=_hashing(s, hashes[s.name]))) for s in sources]
    found = Collected(sources)
    readings = {source.name: Reading(source, found, tokens) for source in hashed}
    needed = needed_counts(need.train_pairs, {source.name: source.weight for source in sources})
    readable: dict[str, bool] = {}
    missing = dict(needed)
    while missing:
        ended = [name for name, count in missing.items() if not _read(readings[name], count, max_defects)]
        have = _count(found, train_of(found), need, readable)
        missing = {name: count - have.get(name, 0) for name, count in needed.items() if have.get(name, 0) < count}
        short = [name for name in ended if name in missing]
        if short:
            for name in short:
                readings[name].refuse_defects(max_defects)
            raise DataError(_too_short(short[0], found, have, needed, need))
    for reading in readings.values():
        reading.refuse_defects(max_defects)
    return found, {name: state.hexdigest() for name, state in hashes.items()}


def _hashing(source: Source, state: xxhash.xxh3_128) -> Callable[[], Iterator[Row]]:
    def rows() -> Iterator[Row]:
        for origin, row in source.rows.open():
            state.update(repr(sorted(row.items())).encode("utf-8", "surrogatepass") + b"\0")
            yield origin, row

    return rows


def _read(reading: Reading, count: int, max_defects: float) -> bool:
    """Read rows until there are so many more pairs; return whether the stream went so far."""
    found, tally = reading.found, reading.tally
    enough = len(found.pairs) + count
    while len(found.pairs) < enough:
        if not reading.next_row():
            return False
        if tally.rows % _LOOK_EVERY == 0:
            reading.refuse_defects(max_defects)
    return True


def _count(found: Collected, train: Pairs, need: Need, readable: dict[str, bool]) -> dict[str, int]:
    """Return how many train pairs of each source the model can read; `readable` keeps what is known of each."""
    new = [pair for pair in train if pair.pair_id not in readable]
    gone = set(need.unreadable(new)) if new else set()
    readable.update((pair.pair_id, pair.pair_id not in gone) for pair in new)
    if len(readable) >= _LOOK_EVERY and not any(readable.values()):
        raise DataError(f"data.max_length: none of the first {len(readable):,} train pairs fits; raise it")
    have: dict[str, int] = {}
    for pair in train:
        if readable[pair.pair_id]:
            name = found.source_of(pair)
            have[name] = have.get(name, 0) + 1
    return have


def _too_short(name: str, found: Collected, have: Mapping[str, int], needed: Mapping[str, int], need: Need) -> str:
    where = f"data.sources.{name}: the stream" if name else "the stream"
    steps = min(need.steps * have.get(source, 0) // count for source, count in needed.items())
    remedy = f"give trainer.max_steps={steps}" if steps else "give more data"
    return (
        f"{where} ended after {found.tallies[name].rows:,} rows with {have.get(name, 0):,} train pairs of the "
        f"{needed[name]:,} that trainer.max_steps={need.steps} with batch.pairs={need.pairs} take; {remedy}, or "
        "data.stream=false to go over the rows more than once"
    )
