"""What the commands' options may be, where click's own types take too much."""

import math
from typing import Any

import click

from stockstream.config import LONGEST_S


class Seconds(click.FloatRange):
    """A number of seconds that ends, LONGEST_S at most."""

    name = "seconds"

    def __init__(self, min: float) -> None:
        super().__init__(min, LONGEST_S)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):  # neither below nor above any bound
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return seconds
