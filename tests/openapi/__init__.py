"""
The OpenAPI documents of the API and of the gateway: what they say is what is served.

`python -m tests.openapi` writes the copies in `deploy/openapi`. `asking` sends what a document allows, and what it does
not allow, to a server, and holds its answers against the document.
"""

from typing import Final

from controller.api import openapi as api
from controller.gateway import openapi as gateway
from controller.parts.installed import ROOT

FOLDER: Final = ROOT / "deploy" / "openapi"
DOCUMENTS: Final = {"api.json": api.text(), "gateway.json": gateway.text()}
