"""The two themes: every text can be read on its ground."""

import pytest
from playwright.sync_api import Page

#: Each text's colour, and the grounds that it stands on (css/theme.css).
PAIRS = [
    (text, ground)
    for text in ("text", "muted", "up", "down", "accent")
    for ground in ("panel", "ground")
] + [("warning", "panel"), ("warning", "warning-tint"), ("muted", "raised"), ("text", "raised")]

#: WCAG 2.2, success criterion 1.4.3.
ENOUGH = 4.5


def _contrast(page: Page, text: str, ground: str) -> float:
    """Return the contrast of two colours as WCAG 2 defines it, 1 to 21."""
    lighter, darker = sorted((_luminance(page, text), _luminance(page, ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(page: Page, name: str) -> float:
    colour = page.evaluate(
        "(name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`)", name
    )
    channels = (int(colour.strip()[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize(("theme", "poor_grey"), [("light", "#777777"), ("dark", "#707070")])
def test_theme_gives_every_text_enough_contrast(modules: Page, theme: str, poor_grey: str) -> None:
    """Trend colours, warnings and the quiet texts are readable in both themes."""
    modules.add_style_tag(url="/css/theme.css")
    modules.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
    poor = {
        f"{text} on {ground}": round(_contrast(modules, text, ground), 2)
        for text, ground in PAIRS
        if _contrast(modules, text, ground) < ENOUGH
    }
    assert poor == {}

    modules.evaluate(f"document.documentElement.style.setProperty('--muted', '{poor_grey}')")
    assert _contrast(modules, "muted", "ground") < ENOUGH, "a grey that is hard to read passes"
