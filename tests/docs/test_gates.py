"""docs/gates.md shows a question and an answer that are ones."""

import json
from pathlib import Path

from controller.core.gate import Figure, Outcome
from controller.wire.opinion import Opinion, Question

PAGE = Path(__file__).parents[2] / "docs" / "gates.md"


def test_question_and_opinion_are_as_shown() -> None:
    """The question has every field that is asked, and the opinion is read as it stands there."""
    question, opinion = (block.split("```")[0] for block in PAGE.read_text().split("```json\n")[1:])
    assert Question.model_validate_json(question).model_dump() == json.loads(question)
    read = Opinion.model_validate_json(opinion)
    assert read.verdict is Outcome.FAIL
    assert [one.figure() for one in read.figures] == [Figure("MOS", 3.4, 3.5, 120)]
