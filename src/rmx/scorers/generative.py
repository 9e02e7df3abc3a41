"""Kind `generative`: a language model that is asked, behind an endpoint or local, as a judge of pairs or of texts."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from rmx.scorers.judge import PairJudge, RatingScorer
from rmx.scorers.judge_endpoint import Endpoint
from rmx.scorers.judge_journal import Journal
from rmx.scorers.judge_question import PLACES, QUESTIONS, RATING, VERDICT, Asker
from rmx.scorers.kind import ScorerKind, Surroundings

__all__ = ["Generative"]


@dataclass(frozen=True, kw_only=True)
class Generative(ScorerKind):
    """With `url` any OpenAI-compatible endpoint is asked, else the causal model that `reward` names."""

    mode: Literal["pairwise", "pointwise"] = "pairwise"
    """`pairwise`: which of two answers is better, asked in both orders. `pointwise`: a rating of one."""
    url: str | None = None
    """Of the endpoint, up to and without /chat/completions, for example http://localhost:8000/v1."""
    model: str = ""
    """Name of the model at the endpoint."""
    question: str | None = None
    """What is asked; {prompt}, {first} and {second}, or {prompt} and {completion}, are filled in."""
    pattern: str | None = None
    """Regular expression whose last match in the reply is read: groups named first, second and tie, or rating."""
    margin: Literal["verdict", "logprobs"] = "verdict"
    """Pairwise: 1, 0 or -1 by the verdict, or the log-odds of the tokens A and B."""
    reply_tokens: int = 16
    """Most tokens of a reply."""
    seconds: float = 60.0
    """Time for one request."""
    retries: int = 4
    """Further tries after one that failed."""
    wait: float = 1.0
    """Seconds before the first further try; each later wait is twice as long."""
    parallel: int = 4
    """Requests at a time."""
    key_variable: str | None = None
    """Environment variable that holds the endpoint's key, if it wants one; the key itself is written nowhere."""

    kind: ClassVar[str] = "generative"

    def __post_init__(self) -> None:
        if self.url is not None and (urlsplit(self.url).scheme not in ("http", "https") or not self.model):
            raise ValueError("url must be http:// or https://, and model must name the model there")
        if self.url is not None and ("@" in urlsplit(self.url).netloc or urlsplit(self.url).query):
            raise ValueError("url holds a name or a query, which would be written down; give the key by key_variable")
        for name in ("reply_tokens", "parallel"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if self.retries < 0 or not (math.isfinite(self.seconds) and self.seconds > 0) or self.wait < 0:
            raise ValueError("retries and wait must be at least 0, seconds above 0")
        if self.mode == "pointwise" and self.margin == "logprobs":
            raise ValueError("margin=logprobs compares two verdicts; give it with mode=pairwise")
        for place in PLACES[self.mode]:
            if self.question is not None and f"{{{place}}}" not in self.question:
                raise ValueError(f"question lacks {{{place}}}")
        self._check_pattern()

    def _check_pattern(self) -> None:
        if self.pattern is None:
            return
        wanted = {"first", "second"} if self.mode == "pairwise" else {"rating"}
        try:
            missing = wanted - set(re.compile(self.pattern).groupindex)
        except re.error as error:
            raise ValueError(f"pattern is no regular expression ({error})") from None
        if missing:
            raise ValueError(f"pattern lacks a group (?P<{min(missing)}>…)")

    @property
    def reads_reward(self) -> bool:
        """Without an endpoint, a causal model."""
        return self.url is None

    @property
    def subject(self) -> str:
        """Model and address."""
        return f"{self.model} at {self.url}" if self.url else ""

    def load(self, around: Surroundings) -> PairJudge | RatingScorer:
        """Return the judge; what it said before is read from the cache and not asked again.

        Raises:
            ModelError: The local model cannot be read.
            RunError: The journal cannot be written.
        """
        question = self.question or QUESTIONS[self.mode]
        asker = self._asker(around)
        identity = hashlib.sha256(asker.identity.encode()).hexdigest()[:16]
        journal = Journal(
            around.cache / "judge" / f"{identity}.jsonl", asker, parallel=self.parallel if self.url else 1
        )
        if self.mode == "pointwise":
            return RatingScorer(journal, question, re.compile(self.pattern or RATING, re.MULTILINE))
        pattern = re.compile(self.pattern or VERDICT, re.MULTILINE)
        return PairJudge(journal, question, pattern, by_logprobs=self.margin == "logprobs")

    def _asker(self, around: Surroundings) -> Asker:
        if self.url is not None:
            return Endpoint(
                self.url,
                self.model,
                key_variable=self.key_variable,
                tokens=self.reply_tokens,
                logprobs=self.margin == "logprobs",
                seconds=self.seconds,
                retries=self.retries,
                wait=self.wait,
            )
        from rmx.scorers.judge_local import LocalModel

        return LocalModel(around.named_reward(), device=around.device, tokens=self.reply_tokens)
