"""What a judge has said: kept line by line, so that a run that stops goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from rmx.errors import RmxError, RunError
from rmx.scorers.judge_question import Asker, Reply

__all__ = ["Journal"]


class Journal:
    """Asks each question once, whatever asks for it and however often the run is begun.

    Args:
        path: A JSON line for each reply: the question's hash, the text, log-probabilities.
        asker: Who is asked what is not in it.
        parallel: Questions at a time.

    Raises:
        RunError: The file cannot be read, or is damaged.
    """

    def __init__(self, path: Path, asker: Asker, *, parallel: int) -> None:
        self.path = path
        self.asker = asker
        self.parallel = parallel
        self.identity = path.stem
        self.replies: dict[str, Reply] = {}
        try:
            self._read()
        except OSError as error:
            raise RunError(f"{path}: cannot be read ({error.strerror or error}); set paths.cache elsewhere") from None

    def ask_all(self, questions: Sequence[str]) -> list[Reply]:
        """Return the replies to n questions, in their order.

        Raises:
            RunError: One could not be asked; says how many replies are kept.
        """
        keys = [_key(question) for question in questions]
        open_questions = {k: q for k, q in zip(keys, questions, strict=True) if k not in self.replies}
        try:
            if open_questions:
                self._ask(open_questions)
        except RmxError as error:
            done = sum(key in self.replies for key in set(keys))
            raise RunError(
                f"{error}; {done:,} of {len(set(keys)):,} replies are kept in {self.path}, "
                "the same command goes on from there"
            ) from error
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written ({error.strerror or error})") from error
        return [self.replies[key] for key in keys]

    def _ask(self, questions: dict[str, str]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as stream, ThreadPoolExecutor(self.parallel) as pool:
            futures = {pool.submit(self.asker.ask, question): key for key, question in questions.items()}
            try:
                for future in as_completed(futures):
                    reply, key = future.result(), futures[future]
                    self.replies[key] = reply
                    if reply.problem:
                        continue  # another run may ask otherwise
                    line = {"question": key, "text": reply.text, "logprobs": list(map(dict, reply.logprobs))}
                    stream.write(json.dumps(line) + "\n")
                    stream.flush()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _read(self) -> None:
        if not self.path.exists():
            return
        size = 0
        with self.path.open("rb") as stream:
            for number, raw in enumerate(stream, start=1):
                if not raw.endswith(b"\n"):
                    break
                try:
                    row = json.loads(raw)
                    self.replies[row["question"]] = Reply(row["text"], tuple(row["logprobs"]))
                except (ValueError, KeyError, TypeError):
                    raise RunError(f"{self.path} line {number}: is no reply of a judge; delete the line") from None
                size += len(raw)
        with self.path.open("r+b") as stream:
            stream.truncate(size)  # a line that a kill has torn


def _key(question: str) -> str:
    return hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()[:24]
