"""The tokenizer with its chat template, and a pad token that can never be taken for the end of a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rmx.config.schema import ModelConfig
from rmx.data.template_text import set_variables, token_variables
from rmx.errors import ModelError
from rmx.model.quiet import quiet_loading
from rmx.model.source import locate, resolve

__all__ = ["load_tokenizer", "read_tokenizer", "set_pad_token"]

_SHIPPED = Path(__file__).parent / "chat_templates"
"""Templates that come with rmx: `plain` for language models that never had one, `encoder` for encoders."""
_TEMPLATE_KEY = "model.chat_template"
_TEMPLATE_FILES = (".jinja", ".jinja2", ".j2", ".txt")
_SPARE = "<|rmx_pad|>"
_UNUSED = ("pad", "reserved", "unused", "extra", "dummy", "empty")


def load_tokenizer(model: ModelConfig, cache: Path) -> Any:
    """Return the tokenizer of `model.source` with the chat template that rendering uses.

    `model.template_args` become part of the template's text: whatever applies it later, an export included, renders
    with them.

    Raises:
        ConfigError: A wheel that is not pinned.
        ModelError: It cannot be reached or read, or there is no chat template.
    """
    tokenizer = read_tokenizer(resolve(model, cache, weights=False).path, chat_template=model.chat_template)
    tokenizer.chat_template = set_variables(tokenizer.chat_template, model.template_args)
    return tokenizer


def read_tokenizer(
    directory: Path, *, chat_template: str | None = None, trust_remote_code: bool = False, needs_template: bool = True
) -> Any:
    """Return the tokenizer of a directory.

    Args:
        directory: Holds the tokenizer's files.
        chat_template: To use in place of the tokenizer's own: Jinja text, a .jinja file, the name of a template that
            comes with rmx, or a directory or hub id whose tokenizer has it.
        trust_remote_code: Run Python files of the directory.
        needs_template: Whether one without a chat template is refused.

    Raises:
        ModelError: It cannot be read, there is no chat template where one is needed, or another model's needs tokens
            that this tokenizer does not have.
    """
    tokenizer = _read(directory, trust_remote_code=trust_remote_code)
    if chat_template is not None:
        tokenizer.chat_template = _template_text(chat_template, tokenizer)
    if needs_template and not tokenizer.chat_template:
        own = "encoder" if tokenizer.mask_token is not None else "plain"
        raise ModelError(
            f"{directory}: the tokenizer has no chat template; set model.chat_template to {own}, which comes with rmx, "
            "or to a .jinja file"
        )
    return tokenizer


def set_pad_token(tokenizer: Any, *, rows: int, avoid: int) -> int:
    """Give the tokenizer a pad token that no rendered text holds, and return its id.

    transformers' classification heads pool the last token that is not the pad token. Where the pad token is also the
    end token, as in many chat models, they score one token early; so the pad token must differ from whatever closes a
    text. It is, in this order: the declared one; an added token named for padding or reserved; another added token that
    the template does not use; a row of the embedding matrix beyond the tokenizer's vocabulary. The matrix never grows:
    an adapter trained on a larger one would not fit the original base.

    Args:
        tokenizer: Changed in place.
        rows: Rows of the embedding matrix.
        avoid: Id of the terminal token.

    Raises:
        ModelError: No token and no row is free.
    """
    used = {avoid, tokenizer.eos_token_id, tokenizer.bos_token_id, *_template_ids(tokenizer)}
    added = {i: str(t) for i, t in tokenizer.added_tokens_decoder.items() if t.special and i not in used and i < rows}
    if tokenizer.pad_token_id is not None and tokenizer.pad_token_id not in used and tokenizer.pad_token_id < rows:
        return int(tokenizer.pad_token_id)
    unknown = added.pop(tokenizer.unk_token_id, None)
    named = [i for word in _UNUSED for i in sorted(added) if word in added[i].lower()]
    free = [*named, *sorted(added, reverse=True), *([tokenizer.unk_token_id] if unknown else [])]
    if free:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(free[0])
    elif len(tokenizer) < rows:
        tokenizer.add_special_tokens({"pad_token": _SPARE})
    else:
        raise ModelError(
            "the tokenizer has no reserved token and the embedding no spare row to pad with; "
            "add a special token to the tokenizer of a local copy and set model.source to it"
        )
    return int(tokenizer.pad_token_id)


def _template_ids(tokenizer: Any) -> set[int]:
    """Return the ids of the special tokens that the chat template writes."""
    dialogue = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}] * 2
    text = tokenizer.apply_chat_template(dialogue, tokenize=False)
    return set(tokenizer(text, add_special_tokens=True)["input_ids"]) & set(tokenizer.added_tokens_decoder)


def _read(directory: Path, *, trust_remote_code: bool) -> Any:
    from transformers import AutoTokenizer

    try:
        with quiet_loading():
            tokenizer = AutoTokenizer.from_pretrained(
                directory, local_files_only=True, trust_remote_code=trust_remote_code
            )
    except Exception as error:  # the tokenizers library raises bare Exception on a damaged file
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{directory}: the tokenizer cannot be read ({reason}); fetch the model again") from error
    if isinstance(tokenizer.chat_template, dict):
        tokenizer.chat_template = tokenizer.chat_template.get("default")
    return tokenizer


def _template_text(template: str, tokenizer: Any) -> str:
    if "{" in template:
        return template
    shipped = {file.stem: file for file in _SHIPPED.glob("*.jinja")}
    path = shipped.get(template) or Path(template).expanduser()
    is_hub_id = template.count("/") == 1 and not path.is_absolute() and path.suffix not in _TEMPLATE_FILES
    if path.is_dir() or (is_hub_id and not path.exists()):
        return _borrowed(template, tokenizer)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(
            f"{path}: the chat template cannot be read ({error.strerror}); mend model.chat_template"
        ) from error


def _borrowed(source: str, tokenizer: Any) -> str:
    """Return the chat template of another model, whose special tokens must be tokens here too."""
    other = _read(locate(source, key=_TEMPLATE_KEY, weights=False).path, trust_remote_code=False)
    text = other.chat_template
    if not text:
        raise ModelError(f"{source}: its tokenizer has no chat template; mend {_TEMPLATE_KEY}")
    own = {*map(str, tokenizer.added_tokens_decoder.values()), *tokenizer.all_special_tokens}
    written = {str(token) for token in other.added_tokens_decoder.values() if token.special and str(token) in text}
    missing = [*sorted(written - own), *sorted(token_variables(text) - tokenizer.special_tokens_map.keys())]
    if missing:
        raise ModelError(
            f"{source}: its chat template writes {', '.join(missing)}, which this tokenizer does not have; set "
            f"{_TEMPLATE_KEY} to a template of the same family, or to a copy of it that does without"
        )
    return str(text)
