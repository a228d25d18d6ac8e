"""What the objects inside messages share: nothing unknown passes, and an amount is given in one of two ways."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

from controller.wire.refusal import fields

_UNITS = ("_s", "_bp")


class Body(BaseModel):
    """
    An object that people write. It refuses fields it does not know.

    Fields that differ by a unit alone, such as `hold` (text) and `hold_s` (seconds), are two ways to say one thing.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: object) -> object:
        # Said here, for pydantic's own refusal would not tell what the object's fields are.
        if isinstance(value, Mapping):
            names = fields(cls)
            if unknown := next((name for name in value if name not in names), None):
                raise ValueError(f"{str(unknown)[:80]!r} is not a field here; allowed: {', '.join(names)}")
        return value

    @model_validator(mode="after")
    def _once(self) -> Self:
        for name in self.model_fields_set:
            for unit in _UNITS:
                if f"{name}{unit}" in self.model_fields_set:
                    raise ValueError(f"{name} and {name}{unit} say one thing; give one of them")
        return self

    def given(self, *names: str) -> Mapping[str, Any]:
        """Return those of the core's fields that were given, whichever way, so that its defaults hold for the rest."""
        found = {}
        for name in names:
            plain = next((name.removesuffix(unit) for unit in _UNITS if name.endswith(unit)), name)
            for written in (name, plain):
                if (value := getattr(self, written, None)) is not None:
                    found[name] = value
        return found
