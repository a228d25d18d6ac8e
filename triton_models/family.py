"""
A family on disk, and the stages that a release makes of it.

A family is `<family>/config.pbtxt` (an ensemble, its steps named after the stage folders) and, for each stage,
`<family>/<stage>/config.pbtxt` with the stage's code next to it. What a release may set is what a stage's config
declares under `parameters`: `vocoder.max_frames` is the parameter `max_frames` of the stage `vocoder`. The value of a
parameter named `..._file` is a file that travels with the stage. A voice is a name for several such parameters: the
family's `voice.<name>`.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from controller.core.errors import Broken

CONFIG = "config.pbtxt"
_HOME = Path(__file__).parent
_RESIDENT = _HOME / "resident.py"
"""Goes with every Python stage."""
_VOICE = "voice."


@dataclass(frozen=True, slots=True)
class Family:
    """
    name: the folder's. ensemble: its `ModelConfig`. stages: stage name -> folder, in the ensemble's order.
    sample_rate_hz and token_rate_hz stand in the ensemble's parameters, as do the voices: name -> what they set.
    """

    name: str
    ensemble: Any
    stages: Mapping[str, Path]
    sample_rate_hz: int
    token_rate_hz: float
    voices: Mapping[str, Mapping[str, str]]

    def voice(self, name: str) -> Mapping[str, str]:
        """Return what a voice sets: "stage.key" -> value. Raises Broken when the family has none of this name."""
        if name not in self.voices:
            known = ", ".join(self.voices) or "none by name"
            raise Broken(f"{self.name} has no voice {name!r}; it has {known}. --param sets a voice's files by hand.")
        return self.voices[name]


def families() -> tuple[str, ...]:
    """Name the families that ship with Segue."""
    return tuple(sorted(config.parent.name for config in _HOME.glob(f"*/{CONFIG}")))


def read_family(family: str | Path) -> Family:
    """Read a family by its name, or from a folder of your own. Raises Broken when it is none."""
    folder = family if isinstance(family, Path) else _HOME / family
    if not (folder / CONFIG).is_file():
        raise Broken(
            f"There is no voice family {str(family)!r}; choose one of {', '.join(families())}, or give a folder."
        )
    ensemble = _read_config(folder / CONFIG)
    stages = {step.model_name: folder / step.model_name for step in ensemble.ensemble_scheduling.step}
    rates = {key: parameter.string_value for key, parameter in ensemble.parameters.items()}
    try:
        sample_rate_hz, token_rate_hz = int(rates["sample_rate_hz"]), float(rates["token_rate_hz"])
    except (KeyError, ValueError) as error:
        raise Broken(
            f"{folder / CONFIG} must give the parameters sample_rate_hz and token_rate_hz as numbers."
        ) from error
    voices = {
        key.removeprefix(_VOICE): dict(pair.split("=", 1) for pair in text.split())
        for key, text in sorted(rates.items())
        if key.startswith(_VOICE)
    }
    for name in voices:
        # A name for parameters says nothing to Triton, and a new voice must not change the digest of the others.
        del ensemble.parameters[f"{_VOICE}{name}"]
    return Family(folder.resolve().name, ensemble, stages, sample_rate_hz, token_rate_hz, voices)


def stage_files(family: Family, params: Mapping[str, str]) -> dict[str, dict[str, bytes]]:
    """
    Give each stage's files as Triton shall see them: stage -> path inside its folder -> content.

    params: "stage.key" -> value, each overriding a default of the stage's config.
    Raises Broken when a parameter is unknown or a file is missing.
    """
    configs = {stage: _read_config(folder / CONFIG) for stage, folder in family.stages.items()}
    known = [f"{stage}.{key}" for stage, config in configs.items() for key in sorted(config.parameters)]
    for name, value in params.items():
        if name not in known:
            raise Broken(f"{family.name} has no parameter {name!r}; it has {', '.join(known)}.")
        stage, _, key = name.partition(".")
        configs[stage].parameters[key].string_value = value
    return {stage: _stage(folder, configs[stage]) for stage, folder in family.stages.items()}


def render(config: Any) -> bytes:
    """Write a `ModelConfig` as config.pbtxt: the same bytes for the same config."""
    text: str = text_format.MessageToString(config)
    return text.encode()


def _stage(folder: Path, config: Any) -> dict[str, bytes]:
    files = {
        f"1/{path.relative_to(folder)}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != CONFIG and "__pycache__" not in path.parts
    }
    for key, parameter in config.parameters.items():
        if key.endswith("_file"):
            source = _find(parameter.string_value)
            files[f"1/{source.name}"] = source.read_bytes()
            parameter.string_value = source.name
    if config.backend == "python":
        files.setdefault(f"1/{_RESIDENT.name}", _RESIDENT.read_bytes())
    # A plain file where Python would make its cache folder: a cache written by the first load changes the stage's
    # times, and the next release that shares the stage would make Triton load it again under the feet of the first.
    files["1/__pycache__"] = b""
    files[CONFIG] = render(config)
    return files


def _find(name: str) -> Path:
    """Find a file by its path, or inside an installed package ("hibari/assets/hibari.onnx")."""
    path = Path(name)
    if path.is_file():
        return path
    package, *inside = path.parts
    spec = None if path.is_absolute() or package == ".." else importlib.util.find_spec(package)
    for root in (spec and spec.submodule_search_locations) or ():
        if (found := Path(root, *inside)).is_file():
            return found
    raise Broken(f"There is no file {name!r}, neither at that path nor in an installed package.")


def _read_config(path: Path) -> Any:
    try:
        return text_format.Parse(path.read_text(), model_config_pb2.ModelConfig())
    except FileNotFoundError as error:
        raise Broken(
            f"The stage {path.parent.name!r} has no {path}; each step of an ensemble names a stage's folder."
        ) from error
    except text_format.ParseError as error:
        raise Broken(f"{path} is not a Triton model configuration: {error}") from error
