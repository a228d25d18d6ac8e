"""The page: whole in itself, and usable without seeing it or touching a mouse."""

import re

from controller.gateway.page import page


def test_page_asks_nothing_of_other_hosts() -> None:
    """No address of another host stands in the page, and its policy would not let one be asked."""
    _, headers, body = page()
    assert not re.search(rb"https?://|//[a-z]", body.replace(b"// Unticked", b""))
    assert b"default-src 'none'" in dict(headers)[b"content-security-policy"]


def test_every_field_has_a_label() -> None:
    """Each input is named for those who hear the page, and what changes is announced."""
    text = page()[2].decode()
    fields = set(re.findall(r"<(?:input|select|textarea)[^>]* id=\"(\w+)\"", text))
    assert fields == set(re.findall(r"<label for=\"(\w+)\"", text)) != set()
    assert 'lang="en"' in text
    assert 'role="alert"' in text
    assert "aria-live" in text
