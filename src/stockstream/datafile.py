"""The YAML files under config/: read and checked, each fault told with its place."""

from pathlib import Path
from typing import TypeVar

import msgspec
import yaml

from stockstream.errors import ConfigError

T = TypeVar("T")

#: The tag of `<<`, which takes another mapping in: what it brings may be given again.
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Plain YAML, but a key given twice is an error: the later one would win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        given = (key for key, _ in node.value if key.tag != _MERGE)
        keys = [self.construct_object(key, deep=True) for key in given]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key!r} is given twice", problem_mark=node.start_mark
                )
        return super().construct_mapping(node, deep)


def read(path: Path) -> dict[str, object]:
    """Return the file's entries.

    Raises:
        ConfigError: it cannot be read, is not YAML, or is not a mapping of names.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected a readable text file ({error})") from error
    return parse(text, str(path))


def parse(text: str, where: str) -> dict[str, object]:
    """Return the entries of a file's text; `where` is what an error calls it.

    Raises:
        ConfigError: it is not YAML, or is not a mapping of names.
    """
    try:
        # S506 wants a safe loader by name; this one is a SafeLoader.
        content = yaml.load(text, Loader=_Loader)  # noqa: S506
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: expected YAML ({' '.join(str(error).split())})") from error
    return entries(content, where)


def entries(content: object, where: str) -> dict[str, object]:
    """Return `content` as a mapping of names; `where` is what an error calls it."""
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise ConfigError(f"{where}: expected names with a value each, got {content!r}")
    return content


def convert(content: object, kind: type[T], where: str) -> T:
    """Return `content` as a `kind`; `where` is what an error calls it.

    Raises:
        ConfigError: a field is missing, unknown, or out of its range.
    """
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}, in {content!r}") from error
