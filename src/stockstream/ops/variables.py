"""The variables of a stack file: `${NAME:-default}` in it, and NAME=value in .env beside it."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from stockstream.errors import ConfigError

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_VARIABLE = re.compile(
    rf"\$(?:(?P<dollar>\$)|(?P<bare>{_NAME})"
    rf"|\{{(?P<name>{_NAME})(?:(?P<unless>:?-)(?P<default>[^}}]*))?\}}|(?P<wrong>))"
)
#: A line of .env: a comment follows a value in quotes, or a blank; a name alone gives nothing.
_LINE = re.compile(
    rf"(?:export\s+)?(?P<name>{_NAME})(?:\s*=\s*"
    r"(?:'(?P<literal>[^']*)'\s*(?:#.*)?|\"(?P<quoted>(?:[^\"\\]|\\.)*)\"\s*(?:#.*)?"
    r"|(?P<plain>(?!['\"]).*?)\s*(?:(?<=\s)#.*)?))?"
)
_SHORTEST_SECRET = 4
_ESCAPES = {r"\n": "\n", r"\"": '"', r"\\": "\\", r"\$": "$"}


class Variable(msgspec.Struct, frozen=True):
    """A `${NAME:-default}` of the file."""

    name: str
    default: str


def read_text(path: Path) -> str:
    """Return a text file's content.

    Raises:
        ConfigError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: expected a readable text file ({error})") from error
    except UnicodeDecodeError:  # its text has a byte of the file, and it holds all of them
        raise ConfigError(f"{path}: expected a text file in UTF-8") from None


def read_env_file(path: Path) -> dict[str, str]:
    """Return what compose, either program, takes from a .env file; nothing where there is none.

    Raises:
        ConfigError: it cannot be read, or a line is not NAME=value. The text has the line's number;
            the line itself may hold a secret.
    """
    found: dict[str, str] = {}
    if not path.exists():
        return found
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not (text := line.strip()) or text.startswith("#"):
            continue
        if not (entry := _LINE.fullmatch(text)):
            raise ConfigError(f"{path}: line {number}: expected NAME=value")
        if "=" in text:
            try:
                found[entry["name"]] = _value(entry, found)
            except ConfigError:  # its text has the value
                wanted = "expected $$ for a dollar, or ${NAME:-default}"
                raise ConfigError(f"{path}: line {number}: {wanted}") from None
    return found


def variables(text: str) -> Iterator[Variable]:
    """Yield each variable as often as it stands in the file's text, comments left out."""
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for found in _VARIABLE.finditer(code):
        if name := found["name"] or found["bare"]:
            yield Variable(name, found["default"] or "")


def fill(content: object, environment: Mapping[str, str]) -> object:
    """Return the content with the variables filled in.

    Raises:
        ConfigError: a $ begins no variable; $$ stands for one.
    """
    if isinstance(content, dict):
        return {key: fill(value, environment) for key, value in content.items()}
    if isinstance(content, list):
        return [fill(value, environment) for value in content]
    if not isinstance(content, str):
        return content

    def value_of(found: re.Match[str]) -> str:
        if found["wrong"] is not None:
            raise ConfigError(f"{content}: expected $$ for a dollar, or ${{NAME:-default}}")
        if found["dollar"]:
            return "$"
        given = environment.get(found["name"] or found["bare"])
        takes_default = given is None or (not given and found["unless"] == ":-")
        return (found["default"] if takes_default else given) or ""

    return _VARIABLE.sub(value_of, content)


def mask(text: str, known: Mapping[str, str]) -> str:
    """Return `text` with ${NAME} in place of each value of `known`, which may be a secret.

    A value is found where no letter, digit or _ stands beside it. One below 4 characters stays: it
    is no secret, and the 1 of kafka-1 is not the value 1 of another variable.
    """
    for name, value in sorted(known.items(), key=lambda item: len(item[1]), reverse=True):
        if len(value) >= _SHORTEST_SECRET:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", f"${{{name}}}", text)
    return text


def _value(entry: re.Match[str], before: Mapping[str, str]) -> str:
    """Return a line's value; outside single quotes it may name what stands above it."""
    if entry["literal"] is not None:
        return entry["literal"]
    text = entry["plain"] or ""
    if entry["quoted"] is not None:
        text = re.sub(r"\\.", lambda found: _ESCAPES.get(found[0], found[0]), entry["quoted"])
    filled = fill(text, before) if re.search(r"\$[A-Za-z_{]", text) else text
    return str(filled)
