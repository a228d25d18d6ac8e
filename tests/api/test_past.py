"""The past over HTTP: filtered, page by page with a place that stays good, and what was live at a moment."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from controller.handle import handle
from controller.journal.store import open_store
from controller.wire.inbound import Input
from tests.api.world import ALERTMANAGER, OPERATOR, VIEWER, Api, bearer
from tests.journal.messages import alert, installed, requested, rolling


async def lived(api: Api, *messages: Input) -> None:
    """Let messages be decided in the API's store."""
    store = await open_store(api.settings.database)
    await handle(store, messages)
    await store.close()


@pytest.fixture
async def told(api: Api) -> Api:
    """An API over a store in which two services began, and one took a candidate back for an alert."""
    await lived(api, *installed(), *rolling("1.5.0", 10_000), alert("1.5.0", 15_000), *installed("other"))
    return api


async def facts(api: Api, query: str = "") -> list[dict[str, Any]]:
    """Return what /v1/history answers in one page."""
    answer = await api.get(f"/v1/history?limit=1000&{query}".rstrip("&"))
    assert answer.status_code == 200, answer.text
    return list(answer.json()["facts"])


async def test_all_services_are_told_in_the_order_of_time(told: Api) -> None:
    """Every fact is there once, with its service and all that its own history says of it."""
    whole = await facts(told)
    assert [(one["at"], one["service"], one["position"]) for one in whole] == sorted(
        (one["at"], one["service"], one["position"]) for one in whole
    )
    assert {one["service"] for one in whole} == {"hibari", "other"}
    own = (await told.get("/v1/services/hibari/history")).json()["facts"]
    assert [{"service": "hibari", **one} for one in own] == await facts(told, "service=hibari")


@pytest.mark.parametrize(
    ("query", "types"),
    [
        ("rollout=hibari-2&type=RolloutAborted&type=StepStarted", ["StepStarted", "RolloutAborted"]),
        ("actor=ci&service=other", ["RolloutStarted"]),
        ("release=1.5.0&since=1970-01-01T00:00:12Z&type=ReleaseQuarantined", ["ReleaseQuarantined"]),
        ("since=1970-01-01T01:00:10%2B01:00&until=1970-01-01T00:00:10Z", ["RolloutStarted"]),
        ("actor=nobody", []),
    ],
)
async def test_filters_narrow_it_down(told: Api, query: str, types: list[str]) -> None:
    """The filters are those of `segue history`; what is found meets all of them."""
    assert [one["type"] for one in await facts(told, query)] == types


@pytest.mark.parametrize("query", ["", "service=hibari", "release=1.5.0"])
async def test_pages_side_by_side_give_each_fact_once(told: Api, query: str) -> None:
    """`next` leads through all pages and says at the end that there is no more."""
    seen: list[dict[str, Any]] = []
    after = ""
    while True:
        page = (await told.get(f"/v1/history?{query}&limit=4{after}".replace("?&", "?"))).json()
        seen += page["facts"]
        after = f"&after={page['next']}"
        if not page["more"]:
            break
        assert len(page["facts"]) == 4
    assert seen == await facts(told, query)


async def test_the_place_of_the_last_page_leads_to_what_happened_since(told: Api) -> None:
    """A place is good for ever: nothing after it, then what is new, and nothing twice."""
    last = (await told.get("/v1/history?limit=1000")).json()
    nothing = (await told.get(f"/v1/history?after={last['next']}")).json()
    assert nothing == {"facts": [], "next": last["next"], "more": False}
    await lived(told, requested("1.6.0", 20_000))
    (new,) = (await told.get(f"/v1/history?after={last['next']}")).json()["facts"]
    assert (new["type"], new["service"]) == ("RolloutStarted", "hibari")


@pytest.mark.parametrize("path", ["/v1/history?service=hibari", "/v1/services/hibari/at?time=1970-01-01T00:00:20Z"])
async def test_who_has_the_same_already_is_told_so(told: Api, path: str) -> None:
    """A known ETag is answered with 304 and nothing else; once something new happened, with the new answer."""

    async def asked(tag: str) -> httpx.Response:
        return await told.client.get(path, headers={**bearer(VIEWER), "If-None-Match": tag})

    first = await told.get(path)
    tag = first.headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = await asked(known)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await asked('"other"')).content == first.content
    await lived(told, *rolling("1.6.0", 18_000))
    after = await asked(tag)
    assert (after.status_code, after.content != first.content) == (200, True)


async def test_what_was_live_is_told(told: Api) -> None:
    """The table as routers had it, by whose word and which fact, since and until when, and the candidate's step."""
    said = (await told.get("/v1/services/hibari/at?time=1970-01-01T00:00:12Z")).json()
    assert [(arm["release"]["version"], arm["weight_bp"]) for arm in said["table"]["arms"]] == [
        ("1.4.0", 9500),
        ("1.5.0", 500),
    ]
    assert (said["since"], said["until"]) == ("1970-01-01T00:00:11.000Z", "1970-01-01T00:00:15.000Z")
    assert (said["fact"], said["cause"], said["actor"]) == ("hibari/8", "ready-1.5.0-11000", "tests/hibari")
    assert (said["rollout"]["rollout"], said["rollout"]["actor"], said["step"]["step"]) == ("hibari-2", "ci", 0)
    assert said["preparing"] is None


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/v1/services?limit=1", 400, "?limit= means nothing here; allowed: none"),
        ("/v1/services/hibari?at=now", 400, "?at= means nothing here; allowed: none"),
        ("/v1/services/hibari/plans?name=quick", 400, "?name= means nothing here; allowed: none"),
        ("/v1/services/hibari/history?limti=1", 400, "?limti= means nothing here; allowed: after, limit"),
        ("/v1/dead-letters?topic=x", 400, "?topic= means nothing here; allowed: after, limit"),
        ("/v1/dead-letters/alerts.received/0/0?pretty=1", 400, "?pretty= means nothing here; allowed: none"),
        ("/v1/history?sevice=hibari", 400, "?sevice= means nothing here; allowed: actor, after, limit, measurements"),
        ("/v1/history?actor=", 400, "?actor= is empty; give it a value, or leave it out"),
        ("/v1/history?actor=a&actor=b", 400, "?actor= is given twice; allowed: once"),
        ("/v1/history?actor=%00", 400, "actor is '\\x00'; allowed: text without the character U+0000"),
        ("/v1/history?service=nobody", 404, "nothing is recorded for a service named 'nobody'; see /v1/services"),
        ("/v1/history?type=Rollback", 400, "type is 'Rollback'; allowed: AlertMatched"),
        ("/v1/history?since=yesterday", 400, "?since= is 'yesterday'; allowed: a time with its zone"),
        ("/v1/history?until=2026-03-01T03:00:00+01:00", 400, "; write + as %2B"),
        ("/v1/history?measurements=1", 400, "?measurements= is '1'; allowed: true, false"),
        ("/v1/history?limit=1001", 400, "?limit= is '1001'; allowed: a whole number from 1 to 1000"),
        ("/v1/history?after=40", 400, "?after= is '40'; allowed: the `next` of an answer of /v1/history"),
        ("/v1/history?after=%ff", 400, "allowed: the `next` of an answer of /v1/history"),
        ("/v1/history?after=eyJhdF9tcyI6LTF9", 400, "allowed: the `next` of an answer of /v1/history"),
        ("/v1/services/hibari/at", 400, "?time= is missing; allowed: a time with its zone"),
        ("/v1/services/hibari/at?time=9999-01-01T00:00:00Z", 400, "which is still to come; see /v1/services/NAME"),
        ("/v1/services/hibari/at?time=1970-01-01T00:00:01Z", 404, "hibari served nothing yet at 1970-01-01T00:00:01"),
        ("/v1/services/nobody/at?time=1970-01-01T00:00:01Z", 404, "nothing is recorded for a service named 'nobody'"),
        ("/v1/services/%00/at?time=1970-01-01T00:00:01Z", 400, "service is '\\x00'; allowed: text without"),
    ],
)
async def test_a_question_without_an_answer_is_told_why(told: Api, path: str, status: int, sentence: str) -> None:
    """One sentence says what cannot be asked so, and what can."""
    answer = await told.get(path)
    assert (answer.status_code, sentence in answer.json()["error"]) == (status, True), answer.text


async def test_a_place_in_another_service_is_no_place_here(told: Api) -> None:
    """Whoever goes on in one service's history with the place of another is told so."""
    place = (await told.get("/v1/history?service=other&limit=1")).json()["next"]
    answer = await told.get(f"/v1/history?service=hibari&after={quote(place)}")
    assert answer.status_code == 400
    assert answer.json()["error"] == "?after= goes on in the history of other, and that of hibari is asked for"


@pytest.mark.parametrize("path", ["/v1/history", "/v1/services/x/at?time=1970-01-01T00:00:01Z"])
async def test_only_viewers_and_operators_look(api: Api, path: str) -> None:
    """The past is for people with a token for it."""
    assert (await api.get(path, "")).status_code == 401
    assert (await api.get(path, ALERTMANAGER)).status_code == 403
    assert (await api.get(path, OPERATOR)).status_code in (200, 404)


async def test_the_report_is_told_by_service_and_month(told: Api) -> None:
    """It is that of `segue report`, narrowed by the same filters, and 304 as long as nothing changed."""
    answer = await told.get("/v1/report?service=hibari&until=1970-01-31T00:00:00Z")
    assert answer.status_code == 200
    (month,) = answer.json()["months"]
    assert (month["service"], month["month"], month["deployments"], month["failed"]) == ("hibari", "1970-01", 1, 1)
    assert [one["month"] for one in answer.json()["all_services"]] == ["1970-01"]
    tag = {"if-none-match": answer.headers["etag"]}
    again = await told.client.get(
        "/v1/report?service=hibari&until=1970-01-31T00:00:00Z", headers={**bearer(VIEWER), **tag}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert (await told.get("/v1/report?since=1971-01-01T00:00:00Z")).json()["months"] == []


@pytest.mark.parametrize(("query", "code"), [("service=nobody", 404), ("since=now", 400), ("month=1", 400)])
async def test_a_report_of_nothing_that_there_is_is_refused(told: Api, query: str, code: int) -> None:
    """A service that nobody knows, a time that is none, and a filter that there is not."""
    assert (await told.get(f"/v1/report?{query}")).status_code == code
