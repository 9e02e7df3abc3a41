"""An OpenAI-compatible endpoint: POST /chat/completions, tried again when it fails for a while."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from typing import Any

from rmx.errors import ModelError
from rmx.scorers.judge_question import Reply

__all__ = ["Endpoint"]

_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)
"""HTTP statuses that may pass."""
_OF_QUESTION = (400, 413, 422)
"""HTTP statuses that may be one question's own fault, for example that it is too long."""
_LONGEST_WAIT = 60.0
_LIKELIEST = 20
"""Tokens whose log-probabilities are asked for: the most that OpenAI's API allows."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Endpoint:
    """Asks a model at temperature 0.

    Args:
        url: Up to and without /chat/completions.
        model: Name of the model there.
        key_variable: Environment variable that holds the key; None, or one that is not set: no key is sent.
        tokens: Most tokens of a reply.
        logprobs: Ask for log-probabilities.
        seconds: Time for one request.
        retries: Further tries.
        wait: Seconds before the first of them; doubled each time.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key_variable: str | None,
        tokens: int,
        logprobs: bool,
        seconds: float,
        retries: int,
        wait: float,
    ) -> None:
        self.url = f"{url.rstrip('/')}/chat/completions"
        self.seconds, self.retries, self.wait = seconds, retries, wait
        self.logprobs = logprobs
        self._key = os.environ.get(key_variable, "") if key_variable else ""
        self._fixed: dict[str, Any] = {"model": model, "temperature": 0, "max_tokens": tokens}
        if logprobs:
            self._fixed.update(logprobs=True, top_logprobs=_LIKELIEST)
        self._opener = urllib.request.build_opener(_NoRedirect)
        self.identity = json.dumps([self.url, self._fixed], sort_keys=True)

    def ask(self, question: str) -> Reply:
        """Return the model's reply.

        Raises:
            ModelError: It refused, or did not answer in any of the tries.
        """
        body = json.dumps({**self._fixed, "messages": [{"role": "user", "content": question}]}).encode()
        wait, problem = self.wait, ""
        for attempt in range(self.retries + 1):
            if attempt:
                time.sleep(min(wait, _LONGEST_WAIT))
                wait *= 2
            try:
                return self._reply(self._post(body))
            except urllib.error.HTTPError as error:
                problem = f"status {error.code}{self._told(error)}"
                if error.code in _OF_QUESTION:
                    return Reply("", problem=f"refused: {problem}")
                if error.code not in _AGAIN:
                    raise ModelError(f"{self.url}: refused ({problem}); mend scorer.generative") from None
                wait = max(wait, _retry_after(error))
            except TimeoutError:
                problem = f"no answer after {self.seconds:g} s"
            except (OSError, http.client.HTTPException) as error:
                problem = str(getattr(error, "reason", error)) or type(error).__name__
            except _UnreadableError as error:
                problem = str(error)
        raise ModelError(f"{self.url}: gave up after {self.retries + 1} tries ({problem})")

    def _post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self.url, body, headers)  # noqa: S310  http(s) only, checked with the parameters
        with self._opener.open(request, timeout=self.seconds) as response:
            content: bytes = response.read()
        return content

    def _reply(self, content: bytes) -> Reply:
        try:
            choice = json.loads(content)["choices"][0]
            text = choice["message"]["content"]
            steps = (choice.get("logprobs") or {}).get("content") or () if self.logprobs else ()
            logprobs = tuple({t["token"]: float(t["logprob"]) for t in step["top_logprobs"]} for step in steps)
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise _UnreadableError(f"its answer is no chat completion ({type(error).__name__}: {error})") from None
        return Reply(text if isinstance(text, str) else "", logprobs)

    def _told(self, error: urllib.error.HTTPError) -> str:
        """Return what the endpoint says of its refusal, in one line and without the key."""
        try:
            text = " ".join(error.read(2000).decode("utf-8", "replace").split())
        except (OSError, http.client.HTTPException):
            return ""
        return f": {(text.replace(self._key, '[redacted]') if self._key else text)[:200]}" if text else ""


class _UnreadableError(Exception):
    """An answer that is no chat completion, for example a proxy's page."""


def _retry_after(error: urllib.error.HTTPError) -> float:
    try:
        return float(error.headers.get("Retry-After", "0"))
    except ValueError:
        return 0.0
