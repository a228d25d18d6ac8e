"""A release is its content: equal content is equal names and digests, other content is never written over it."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.core.errors import Broken, Unavailable
from controller.core.names import Release
from triton_models import descriptor
from triton_models.build import build
from triton_models.family import families

TONE = Path(__file__).parents[1] / "models/tone"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def tone(
    repository: Path, version: str = "1.0.0", params: Mapping[str, str] | None = None, at: datetime = NOON
) -> Release:
    return build(TONE, version, repository=repository, build_time=at, params=params)


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder: when it was written and what it holds."""
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(folder.rglob("*")) if p.is_file()}


def test_release_says_what_it_is(tmp_path: Path) -> None:
    """A built release names its model, version, rates and build time, and an ensemble that Triton can serve."""
    release = tone(tmp_path, "1.4.0-rc.1")
    assert (release.model, release.version) == ("tone", "1.4.0-rc.1")
    assert (release.sample_rate_hz, release.token_rate_hz) == (44_100, 20.0)
    assert release.build_time == "2026-03-01T12:00:00+00:00"
    assert release.ensemble == f"tone__1_4_0_rc_1__{release.digest.removeprefix('sha256:')[:8]}"
    assert (tmp_path / release.ensemble / "config.pbtxt").is_file()


def test_digest_is_of_the_content_alone(tmp_path: Path) -> None:
    """The same stages have the same digest in another repository, under another version, at another time."""
    one = tone(tmp_path / "one")
    other = tone(tmp_path / "other", "2.0.0", at=NOON + timedelta(days=1))
    assert one.digest == other.digest
    assert one.ensemble != other.ensemble


def test_default_said_aloud_changes_nothing(tmp_path: Path) -> None:
    """A parameter set to its own default gives the same digest as one left alone."""
    assert tone(tmp_path).digest == tone(tmp_path, "2.0.0", {"voice.frequency_hz": "220"}).digest


def test_other_parameters_are_another_release(tmp_path: Path) -> None:
    """One version built with other parameters has a digest, a stage and an ensemble of its own."""
    low, high = tone(tmp_path), tone(tmp_path, params={"voice.frequency_hz": "440"})
    assert low.digest != high.digest
    assert low.ensemble != high.ensemble
    stages = {descriptor.read(tmp_path, release.ensemble).stages for release in (low, high)}
    assert len(stages) == 2


def test_equal_stages_are_shared(tmp_path: Path) -> None:
    """Two hibari releases that differ in their vocoder share the other two stages' folders."""
    plain = build("hibari", "1.4.0", repository=tmp_path, build_time=NOON)
    bright = build("hibari", "1.5.0", repository=tmp_path, build_time=NOON, params={"vocoder.brightness_db": "2"})
    (g2p, acoustic, vocoder), other = (descriptor.read(tmp_path, r.ensemble).stages for r in (plain, bright))
    assert other[:2] == (g2p, acoustic)
    assert other[2] != vocoder
    assert len(list(tmp_path.glob("g2p__*"))) == len(list(tmp_path.glob("acoustic__*"))) == 1


def test_weights_are_part_of_the_digest(tmp_path: Path) -> None:
    """Another file of weights is another release, and the file travels with its stage."""
    weights = tmp_path / "other.onnx"
    weights.write_bytes(b"another voice")
    plain = build("hibari", "1.0", repository=tmp_path / "models", build_time=NOON)
    other = build(
        "hibari", "1.0", repository=tmp_path / "models", build_time=NOON, params={"acoustic.net_file": str(weights)}
    )
    assert plain.digest != other.digest
    acoustic = descriptor.read(tmp_path / "models", other.ensemble).stages[1]
    assert (tmp_path / "models" / acoustic / "1/other.onnx").read_bytes() == b"another voice"


def test_building_again_writes_nothing(tmp_path: Path) -> None:
    """A second build of the same gives the first one's release, build time included, and touches no file."""
    first = tone(tmp_path)
    before = snapshot(tmp_path)
    assert tone(tmp_path, at=NOON + timedelta(hours=1)) == first
    assert snapshot(tmp_path) == before


def test_builds_at_the_same_moment_agree(tmp_path: Path) -> None:
    """Eight builds of one release at once give one release and leave no draft behind."""
    with ThreadPoolExecutor(8) as pool:
        releases = set(pool.map(lambda _: tone(tmp_path), range(8)))
    assert len(releases) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_stage_leaves_python_no_place_for_its_cache(tmp_path: Path) -> None:
    """A plain file stands where Python would make `__pycache__`: a stage's times never change after it was written."""
    (stage,) = descriptor.read(tmp_path, tone(tmp_path).ensemble).stages
    assert (tmp_path / stage / "1/__pycache__").is_file()


def test_unknown_parameter_names_the_known(tmp_path: Path) -> None:
    """A parameter that no stage has is refused with the list of those it has, and nothing is written."""
    with pytest.raises(Broken, match=r"no parameter 'voice\.pitch'.*voice\.frequency_hz"):
        tone(tmp_path / "models", params={"voice.pitch": "1"})
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("version", ["", "../1", "one two", "1" * 65, "-1"])
def test_unusable_version_is_refused(tmp_path: Path, version: str) -> None:
    """A version that cannot be part of a name is refused."""
    with pytest.raises(Broken, match="cannot be a version"):
        tone(tmp_path, version)


def test_unknown_family_names_the_known(tmp_path: Path) -> None:
    """A family that does not exist is refused with the names of those that do."""
    assert "hibari" in families()
    with pytest.raises(Broken, match=r"no voice family 'nightingale'.*hibari"):
        build("nightingale", "1.0", repository=tmp_path, build_time=NOON)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A parameter that names a file nobody has is refused with that name."""
    with pytest.raises(Broken, match=r"no file 'nowhere/voice\.onnx'"):
        build("hibari", "1.0", repository=tmp_path, build_time=NOON, params={"acoustic.net_file": "nowhere/voice.onnx"})


def test_releases_are_listed_by_age(tmp_path: Path) -> None:
    """The list of releases runs from the oldest build to the newest; an empty or absent repository has none."""
    assert descriptor.list_built(tmp_path / "nowhere") == ()
    newer = tone(tmp_path, "1.0.0", {"voice.level": "0.4"}, at=NOON + timedelta(hours=1))
    older = tone(tmp_path, "2.0.0", at=NOON)
    assert [built.release for built in descriptor.list_built(tmp_path)] == [older, newer]


def test_damaged_descriptor_is_named(tmp_path: Path) -> None:
    """A descriptor that cannot be read is an error that names its file and says what to do."""
    ensemble = tone(tmp_path).ensemble
    (tmp_path / ensemble / "release.json").write_text(json.dumps({"model": "tone", "stages": []}))
    with pytest.raises(Broken, match=r"release\.json is no release descriptor.*build the release again"):
        descriptor.read(tmp_path, ensemble)
    with pytest.raises(Broken, match="holds no release 'nobody'"):
        descriptor.read(tmp_path, "nobody")


def test_descriptor_that_cannot_be_read_now_is_no_verdict(tmp_path: Path) -> None:
    """A repository that does not answer for a moment has neither this release nor not this release."""
    ensemble = tone(tmp_path).ensemble
    (tmp_path / ensemble / "release.json").unlink()
    (tmp_path / ensemble / "release.json").mkdir()
    with pytest.raises(Unavailable, match=r"release\.json cannot be read now: .*; is the repository there, and ours\?"):
        descriptor.read(tmp_path, ensemble)


def test_voice_is_a_name_for_its_parameters(tmp_path: Path) -> None:
    """The family's own voice, asked for by name, is the release that is built without one."""
    plain = build("hibari", "1.4.0", repository=tmp_path, build_time=NOON)
    named = build("hibari", "1.4.0", repository=tmp_path, build_time=NOON, voice="heart")
    assert named == plain
    british = build("hibari", "1.4.1", repository=tmp_path, build_time=NOON, voice="heart", params={"g2p.accent": "gb"})
    assert british.digest != plain.digest


def test_unknown_voice_is_refused(tmp_path: Path) -> None:
    """A voice that the family lacks is refused with those that it has, and nothing is written."""
    with pytest.raises(Broken, match="no voice 'emma'; it has heart"):
        build("hibari", "1.4.0", repository=tmp_path, build_time=NOON, voice="emma")
    with pytest.raises(Broken, match="none by name"):
        build(TONE, "1.4.0", repository=tmp_path, build_time=NOON, voice="heart")
    assert list(tmp_path.iterdir()) == []
