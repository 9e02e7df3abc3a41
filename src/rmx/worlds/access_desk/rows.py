"""Rows of the access desk: prompts, pairs of answers, and the labels that annotators or the gold reward give them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rmx.worlds.access_desk.annotators import count_votes, vote_probability
from rmx.worlds.access_desk.answer import Answer, Outcome, draw_answer, pair_law, word_answer
from rmx.worlds.access_desk.lengths import words_in, words_sd
from rmx.worlds.access_desk.params import AccessDeskParams, read_params
from rmx.worlds.access_desk.policies import POLICIES
from rmx.worlds.access_desk.request import Request, draw_request, word_request
from rmx.worlds.access_desk.rule import actions_of
from rmx.worlds.draws import Draws

__all__ = ["access_desk_rows"]

_CARRIED = {
    (True, True): "both",
    (True, False): "chosen",
    (False, True): "rejected",
    (False, False): "neither",
}
"""Tag `exploit`: whether the chosen and the rejected answer carry the exploit phrase."""


def access_desk_rows(parameters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows; more pairs, or more pairs per prompt, leave the earlier ones as they are.

    Raises:
        ConfigError: parameters that are unknown, of the wrong type or out of range.
    """
    params = read_params(parameters)
    return (
        _row(params, params.start + i // params.pairs_per_prompt, i % params.pairs_per_prompt)
        for i in range(params.pairs)
    )


def _row(params: AccessDeskParams, number: int, place: int) -> dict[str, Any]:
    """Return the row of one pair of the prompt with this number."""
    draws = Draws("access_desk", params.seed, number)
    indirect = draws.chance("indirect", params.difficulty)
    request = draw_request(draws.at("request"), params)
    answers, texts = _answers(draws.at("pair", place), request, params)
    outcomes = [answer.to(request) for answer in answers]
    golds = [outcome.gold(params.exploit_loss) for outcome in outcomes]
    spread = (words_in(texts[0]) - words_in(texts[1])) / words_sd(params.policy, params.facts, params.variety)
    first_votes = _first_votes(draws.at("labels", place), params, outcomes, spread)
    chosen = 0 if 2 * first_votes > params.votes else 1
    group = f"access_desk-{params.seed}-{number}"
    row: dict[str, Any] = {
        "id": f"{group}-{place}",
        "group": group,
        "prompt": word_request(draws.at("words"), request, indirect=indirect, variety=params.variety),
        "chosen": texts[chosen],
        "rejected": texts[1 - chosen],
        "label_source": "gold" if params.labels == "gold" else "model",
        "gold_chosen": golds[chosen],
        "gold_rejected": golds[1 - chosen],
        "tags": {
            "difficulty": "indirect" if indirect else "plain",
            "right_action": request.action,
            "failed_checks": str(sum(not ok for ok in request.passed.values())),
            "chosen_action": answers[chosen].action,
            "rejected_action": answers[1 - chosen].action,
            "chosen_length": ("equal", "longer", "shorter")[_sign(spread) * (1 if chosen == 0 else -1)],
            "policy": params.policy,
        },
    }
    if params.exploit_rate > 0:
        carried = (outcomes[chosen].exploits, outcomes[1 - chosen].exploits)
        row["tags"]["exploit"] = _CARRIED[carried]
    if params.labels == "annotators" and params.votes > 1:
        first = (first_votes, params.votes - first_votes)
        row["votes"] = [first[chosen], first[1 - chosen], 0]
    return row


def _answers(draws: Draws, request: Request, params: AccessDeskParams) -> tuple[list[Answer], list[str]]:
    """Draw two answers whose gold rewards differ."""
    law = pair_law(params.policy, params.exploit_rate, params.exploit_loss)
    outcomes = law[draws.weighted("outcomes", [weight for _, _, weight in law])][:2]
    answers, texts = [], []
    for side, outcome in zip(("first", "second"), outcomes, strict=True):
        answer = draw_answer(draws.at(side), request, outcome, actions_of(params.facts))
        answers.append(answer)
        texts.append(word_answer(draws.at(side, "words"), answer, POLICIES[params.policy], variety=params.variety))
    return answers, texts


def _first_votes(draws: Draws, params: AccessDeskParams, outcomes: Sequence[Outcome], spread: float) -> int:
    """Return the votes for the first answer; the gold reward votes as one."""
    first, second = outcomes
    if params.labels == "gold":
        return params.votes if first.gold(params.exploit_loss) > second.gold(params.exploit_loss) else 0
    vote = vote_probability(params, first.merit - second.merit, spread, first.exploits - second.exploits)
    return count_votes(draws, params, vote)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
