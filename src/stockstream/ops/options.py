"""What the commands' options may be, where click's own types take too much."""

import math
from typing import Any

import click


class Seconds(click.FloatRange):
    """Seconds that end: `inf` and `nan` are numbers too, and would be waited for for ever."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is not a number of seconds.", param, ctx)
        return seconds
