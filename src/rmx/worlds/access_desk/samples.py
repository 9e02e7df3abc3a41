"""Many answers of the policy to each request, none compared with another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rmx.worlds.access_desk.answer import draw_answer, outcome_law, word_answer
from rmx.worlds.access_desk.params import AccessDeskParams, read_params
from rmx.worlds.access_desk.policies import POLICIES
from rmx.worlds.access_desk.request import Request, draw_request, word_request
from rmx.worlds.access_desk.rule import actions_of
from rmx.worlds.draws import Draws

__all__ = ["access_desk_samples"]


def access_desk_samples(parameters: Mapping[str, Any], prompts: int, per_prompt: int) -> Iterator[dict[str, Any]]:
    """Yield the requests from number `start`, each with independent answers; more of either leaves earlier ones alone.

    Unlike the two answers of a pair, these may be of equal gold reward, and equal word for word. Of two exploit rates
    the lower gives the same answers, some without the exploit phrase.

    Raises:
        ConfigError: parameters that are unknown, of the wrong type or out of range.
    """
    params = read_params(parameters)
    return (_row(params, params.start + i, per_prompt) for i in range(prompts))


def _row(params: AccessDeskParams, number: int, per_prompt: int) -> dict[str, Any]:
    draws = Draws("access_desk", params.seed, number)
    indirect = draws.chance("indirect", params.difficulty)
    request = draw_request(draws.at("request"), params)
    answers = [_answer(draws.at("sample", place), request, params) for place in range(per_prompt)]
    group = f"access_desk-{params.seed}-{number}"
    return {
        "id": group,
        "group": group,
        "prompt": word_request(draws.at("words"), request, indirect=indirect, variety=params.variety),
        "completions": [text for text, _ in answers],
        "gold": [gold for _, gold in answers],
    }


def _answer(draws: Draws, request: Request, params: AccessDeskParams) -> tuple[str, float]:
    law = outcome_law(params.policy)
    outcomes = list(law)
    outcome = outcomes[draws.weighted("outcome", list(law.values()))]
    # Drawn by itself, as it is independent of the rest: the rate leaves the rest alone.
    outcome = outcome._replace(exploits=draws.chance("exploit", params.exploit_rate))
    answer = draw_answer(draws, request, outcome, actions_of(params.facts))
    text = word_answer(draws.at("words"), answer, POLICIES[params.policy], variety=params.variety)
    return text, outcome.gold(params.exploit_loss)
