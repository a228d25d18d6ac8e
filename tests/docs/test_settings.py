"""docs/settings.md knows every setting, and what it is when nobody gives it."""

from dataclasses import fields

from controller.parts.installed import ROOT
from controller.settings import Settings, read_settings

ROWS = {
    row[0].strip(" `"): row[1].strip(" `")
    for line in (ROOT / "docs" / "settings.md").read_text().splitlines()
    if line.startswith("| `SEGUE_") and (row := line.split("|")[1:-1])
}


def test_every_setting_has_a_row() -> None:
    """Each variable that is read stands on the page, and no other."""
    assert set(ROWS) == {f"SEGUE_{field.name.upper()}" for field in fields(Settings)} | {
        "SEGUE_TOKENS_FILE",
        "SEGUE_KAFKA_PASSWORD_FILE",
    }


def test_what_is_left_out_is_what_the_page_says() -> None:
    """Numbers, folders and addresses that stand there are those a process takes by itself."""
    own = read_settings({})
    for field in fields(Settings):
        value = getattr(own, field.name)
        if value and field.name not in ("router", "tokens"):
            said = f"{value:g}" if isinstance(value, float) else str(value)
            assert ROWS[f"SEGUE_{field.name.upper()}"] == said
    assert ROWS["SEGUE_WORKER_PORT"] == "0"
