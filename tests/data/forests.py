"""Random forests of token sequences, as preference data have them and as they only could."""

from __future__ import annotations

from hypothesis import strategies as st


@st.composite
def forests(draw: st.DrawFn, *, vocabulary: int = 60, most: int = 16) -> list[list[int]]:
    """Draw sequences that share prefixes up to three levels deep.

    Among them: nothing shared, equal sequences, one token apart, a prompt of nearly everything, up to `most`
    completions of a prompt, a sequence that continues another.
    """
    token = st.integers(0, vocabulary - 1)
    run = st.lists(token, min_size=1, max_size=12)
    sequences: list[list[int]] = []
    for _ in range(draw(st.integers(1, 3))):
        prompt = draw(st.one_of(st.just([]), run, st.lists(token, min_size=30, max_size=40)))
        for _ in range(draw(st.integers(1, 2))):
            turn = [*prompt, *draw(st.one_of(st.just([]), run))]
            completions = draw(st.lists(run, min_size=1, max_size=draw(st.sampled_from([1, 3, most]))))
            sequences += [[*turn, *completion] for completion in completions]
    if draw(st.booleans()):
        sequences.append(list(sequences[0]))
    if draw(st.booleans()):
        sequences.append([*sequences[-1][:-1], (sequences[-1][-1] + 1) % vocabulary])
    if draw(st.booleans()):
        sequences.append([*sequences[0], draw(token)])
    return draw(st.permutations(sequences))
