"""The cron.yaml of each application that we know: one file per preset, and its name is the preset's."""

from importlib.resources import files

_FOLDER = files(__name__)
_ENDING = ".yaml"


def preset_names() -> list[str]:
    """The presets that there are, sorted."""
    names = (entry.name for entry in _FOLDER.iterdir())
    return sorted(name.removesuffix(_ENDING) for name in names if name.endswith(_ENDING))


def preset_text(name: str) -> str:
    """The whole file of a preset that there is."""
    return _FOLDER.joinpath(f"{name}{_ENDING}").read_text(encoding="utf-8")
