"""The variables of a stack file, as both compose programs read them."""

import traceback
from pathlib import Path

import pytest

from stockstream.errors import ConfigError
from stockstream.ops.variables import fill, mask, read_env_file


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=0.5", "0.5"),
        ("A=0.5 # fast", "0.5"),
        ("A=0.5#fast", "0.5#fast"),
        ("export A=0.5", "0.5"),
        ("  A = 0.5  ", "0.5"),
        ("A=", ""),
        ("A='a # b'  # c", "a # b"),
        ('A="a # b" # c', "a # b"),
        (r'A="a\"b"', 'a"b'),
        ("A='${B}'", "${B}"),
        ("A=${B}1", "21"),
        ('A="${C:-3}"', "3"),
        ("A=a=b", "a=b"),
        ("A=it's", "it's"),
    ],
)
def test_env_file_line_is_read_as_compose_reads_it(tmp_path: Path, line: str, value: str) -> None:
    """Comments, quotes, `export` and variables above it."""
    path = tmp_path / ".env"
    path.write_text(f"# A=9\n\nB=2\n{line}\n")
    assert read_env_file(path) == {"B": "2", "A": value}


def test_env_file_name_alone_gives_nothing(tmp_path: Path) -> None:
    """Compose takes such a one from its own environment."""
    path = tmp_path / ".env"
    path.write_text("A\n")
    assert read_env_file(path) == {}


@pytest.mark.parametrize("line", [b"A B=1", b"A='1", b"=1", b"A=\xff"])
def test_env_file_that_cannot_be_read_is_named(tmp_path: Path, line: bytes) -> None:
    """One error, which names the file."""
    path = tmp_path / ".env"
    path.write_bytes(line + b"\n")
    with pytest.raises(ConfigError, match=str(path)):
        read_env_file(path)


@pytest.mark.parametrize(
    "line",
    [b"MY KEY=hunter2", b"hunter2 x", b"A='hunter2", b"A=${B:?hunter2}", b'A="hunter2${B"'],
)
def test_env_file_bad_line_is_named_by_its_number(tmp_path: Path, line: bytes) -> None:
    """What stands on the line may be a secret: neither the error nor its traceback shows it."""
    path = tmp_path / ".env"
    path.write_bytes(b"# fine\n" + line + b"\n")
    with pytest.raises(ConfigError, match=f"{path}: line 2: expected") as caught:
        read_env_file(path)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("A=hunter2: expected a port", "A=${LONG}: expected a port"),
        ("mirror/hunter2:5 of hunter22", "mirror/${LONG}:5 of hunter22"),
        ("kafka-1: expected 2, observed 1", "kafka-1: expected 2, observed 1"),
    ],
)
def test_mask_names_the_variable_in_place_of_its_value(text: str, masked: str) -> None:
    """Whole words of four characters at least: shorter ones stand for other things too."""
    assert mask(text, {"SHORT": "1", "EMPTY": "", "LONG": "hunter2"}) == masked


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "1"), ("$A", "1"), ("${A:-2}", "1"), ("${E:-2}", "2"), ("${E-2}", ""),
        ("${N:-2}", "2"), ("${N-2}", "2"), ("${N}", ""), ("$$A", "$A"), ("${N:-}", ""),
    ],
)  # fmt: skip
def test_fill_variable_takes_the_environment_else_its_default(text: str, value: str) -> None:
    """With a colon an empty value counts as none."""
    assert fill([{"x": text}], {"A": "1", "E": ""}) == [{"x": value}]


@pytest.mark.parametrize("text", ["$(date)", "$", "${A:?no}", "${A"])
def test_fill_dollar_that_begins_no_variable_is_refused(text: str) -> None:
    """Compose refuses it; here it would stand in a rule's way unseen."""
    with pytest.raises(ConfigError, match="expected"):
        fill(text, {})
