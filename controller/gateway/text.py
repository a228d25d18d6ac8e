"""Whether a text can be spoken, found out before a model sees it: a model's error must mean that the model failed."""

import unicodedata

from controller.gateway.problem import Problem, invalid

MOST_CHARACTERS = 4096
"""OpenAI's limit, in code points."""

_SPACE_CONTROLS = frozenset("\t\n\r\v\f\x85")


def check_text(text: str) -> None:
    """Raise Problem, naming `input` and the reason, when nobody could speak this text."""
    if not text:
        raise invalid("input is empty; give the text to speak", "input", "empty_input")
    if len(text) > MOST_CHARACTERS:
        reason = f"input has {len(text)} characters; at most {MOST_CHARACTERS} are spoken at once: split it"
        raise invalid(reason, "input", "string_above_max_length")
    if not text.isascii():
        _check_code_points(text)
    elif not text.isprintable():
        _check_controls(text)
    if not any(map(str.isalnum, text)):
        raise invalid("input has no letter and no digit, so there is nothing to speak", "input", "nothing_to_speak")


def _check_code_points(text: str) -> None:
    for position, character in enumerate(text):
        category = unicodedata.category(character)
        if category == "Cs":
            raise _odd(position, character, "is half of a surrogate pair")
        if category == "Cn" and _is_noncharacter(ord(character)):
            raise _odd(position, character, "is no character in Unicode")
    _check_controls(text)


def _check_controls(text: str) -> None:
    for position, character in enumerate(text):
        if unicodedata.category(character) == "Cc" and character not in _SPACE_CONTROLS:
            raise _odd(position, character, "is a control character")


def _is_noncharacter(code: int) -> bool:
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF


def _odd(position: int, character: str, what: str) -> Problem:
    reason = f"input has U+{ord(character):04X} at position {position}, which {what}; remove it"
    return invalid(reason, "input", "invalid_unicode")
