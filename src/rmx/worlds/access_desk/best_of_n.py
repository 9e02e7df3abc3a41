"""Best-of-n at the access desk: what the reward that annotators teach does to gold, summed exactly.

What a Bradley-Terry reward learns. To a request x an annotator likes an answer y by f(x, y) = `annotators.logit`, and
prefers y to y' with probability g(f(x, y) - f(x, y')), where g(d) = (1 - lapse) s(d) + lapse / 2 and s is the logistic
function; under a majority of votes g is that of the majority. Training lowers the mean of -log s(r(x, y) - r(x, y'))
over labelled pairs. With w(y, y') the chance of a pair, either order alike, it is lowest where for every answer

    sum over y' of w(y, y') [s(r(y) - r(y')) - g(f(y) - f(y'))] = 0.

- Without lapses and with one vote g = s, and r = f solves it, for every w. It is the only solution but for a constant
  per request: the mean is convex in r, strictly so in the differences of answers that are paired, and as answers are
  paired wherever their gold differs, any two are linked.
- Otherwise r is f bent: labels never ask for a margin beyond the logit of 1 - lapse / 2. Two answers are drawn
  independently, given that their gold differs, so w(y, y') = q(y) q(y') there. With A(t) the sum of q(y') s(t - r(y'))
  and B(t) that of q(y') g(t - f(y')), y' being those of other gold than y, the condition reads A(r(y)) = B(f(y)).
  A and B rise strictly and are the same for all y of one gold: among these r is a rising function of f. Between
  answers of unequal gold it need not be, by their opponents alone. A test solves the condition for the worlds of
  conf/experiment: where nothing or the phrase is planted r has the order of f; where length is, r differs in the order
  of some answers, and gold(n) by less than .01.

Best-of-n reads nothing but the order of the answers to a request. So gold(n) under f is gold(n) under r; proxy(n) is
given in f, the annotators' logits. The constant per request moves neither. Of answers that training never has (a phrase
in samples alone, say) the reward is taken to think as annotators would.

What a small model learns is less: it misreads some requests and takes a wrong action for the right one, in all answers
alike. `misread` has it do so in a share of requests, and judge by f otherwise. On labels it then agrees with

    accuracy = (1 - misread) bayes_accuracy + misread misreading_accuracy

of `access_desk_key`, which tells the share from an accuracy on pairs, and so the curve of a reward from its accuracy.

What an answer is. Given the right action, an answer's outcome (right, placed, exploits), its action, uniform over those
of its outcome, and its words are drawn independently of all else. They determine both f and gold, which makes the law
of (f, gold) a finite one for each right action and each one that is taken for it. Right actions are uniform, so the
mean over them is the curve over requests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from rmx.errors import ConfigError
from rmx.worlds.access_desk.annotators import taught
from rmx.worlds.access_desk.answer import choices, outcome_law
from rmx.worlds.access_desk.lengths import EXPLOIT_WORDS, length_law, words_sd
from rmx.worlds.access_desk.params import AccessDeskParams, read_params
from rmx.worlds.access_desk.rule import actions_of
from rmx.worlds.best_of_n import BestOfN, best_of_draws

__all__ = ["access_desk_best_of_n", "misread_share"]


def access_desk_best_of_n(
    learnt: Mapping[str, Any], sampled: Mapping[str, Any], sizes: Sequence[int], *, misread: float = 0.0
) -> BestOfN:
    """Return gold and proxy of the best of n answers by the reward that a world's labels teach.

    Args:
        learnt: Parameters of the world whose pairs train the reward.
        sampled: Parameters of the world whose policy answers; its `exploit_loss` is what gold is read with.
        sizes: Values of n, from 1 on.
        misread: Share of requests that the reward takes to call for another action than they do, every other one alike.
            `misread_share` tells it from an accuracy.

    Raises:
        ConfigError: parameters that are unknown, of the wrong type or out of range.
    """
    if not 0 <= misread <= 1:
        raise ConfigError(f"misread is a share between 0 and 1, not {misread}")
    reward, policy = read_params(learnt), read_params(sampled)
    actions = actions_of(policy.facts)
    curves, weights = [], []
    for right, believed in product(actions, repeat=2):
        weight = 1 - misread if believed == right else misread / (len(actions) - 1)
        if weight > 0:
            chance, proxy, gold = np.array(list(_answers(reward, policy, right, believed))).T
            curves.append(best_of_draws(chance, proxy, gold, sizes))
            weights.append(weight / len(actions))
    gold, proxy = (np.array(weights) @ [getattr(curve, name) for curve in curves] for name in ("gold", "proxy"))
    return BestOfN(n=np.array(sizes, dtype=np.float64), gold=gold, proxy=proxy)


def misread_share(key: Mapping[str, float], accuracy: float) -> float:
    """Return the share of requests that a reward misreads that has this accuracy and errs in nothing else.

    Args:
        key: `access_desk_key` of the pairs.
        accuracy: Agreement with their labels: 0 is told by more than can be reached, 1 by less than misreading all.
    """
    share = (key["bayes_accuracy"] - accuracy) / (key["bayes_accuracy"] - key["misreading_accuracy"])
    return min(1.0, max(0.0, share))


def _answers(
    reward: AccessDeskParams, policy: AccessDeskParams, right: str, believed: str
) -> Iterator[tuple[float, float, float]]:
    """Yield chance, proxy and gold of each kind of answer to a request for `right` that is taken for `believed`."""
    sd = words_sd(reward.policy, reward.facts, reward.variety)
    for outcome, chance in outcome_law(policy.policy, policy.exploit_rate).items():
        actions = choices(actions_of(policy.facts), right, outcome)
        for action in actions:
            read = outcome._replace(right=action == believed)
            for words, share in enumerate(length_law(policy.policy, action, policy.variety)):
                if share > 0:
                    proxy = taught(reward, read, (words + EXPLOIT_WORDS * outcome.exploits) / sd)
                    yield chance * float(share) / len(actions), proxy, outcome.gold(policy.exploit_loss)
