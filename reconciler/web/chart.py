"""Geometry of the page's inline SVG: two bars per day, gaps found and gaps repaired."""

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.store.views.dashboard import Day

CHART_WIDTH, CHART_HEIGHT = 700, 150
"""In units of the drawing, which the page scales."""
MARGIN_TOP, MARGIN_BOTTOM = 18, 24
BAR_WIDTH, BAR_GAP = 17, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    what: str
    """*found* or *repaired*: its CSS class and its word."""
    x: float
    y: float
    height: float
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartColumn:
    """The bars of one day."""

    day: Day
    middle: float
    label: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    columns: tuple[ChartColumn, ...]
    most: int
    """The number that the full height represents."""
    found: int
    repaired: int
    base: float = CHART_HEIGHT - MARGIN_BOTTOM
    width: int = CHART_WIDTH
    height: int = CHART_HEIGHT
    bar: int = BAR_WIDTH


def chart(days: Sequence[Day]) -> Chart:
    most = max((max(day.found, day.repaired) for day in days), default=0)
    step = CHART_WIDTH / max(1, len(days))
    return Chart(
        columns=tuple(_column(day, (number + 0.5) * step, most) for number, day in enumerate(days)),
        most=most,
        found=sum(day.found for day in days),
        repaired=sum(day.repaired for day in days),
    )


def _column(day: Day, middle: float, most: int) -> ChartColumn:
    bars = (
        _bar("found", middle - BAR_WIDTH - BAR_GAP / 2, day.found, most),
        _bar("repaired", middle + BAR_GAP / 2, day.repaired, most),
    )
    return ChartColumn(day=day, middle=middle, label=f"{day.day:%a} {day.day.day}", bars=bars)


def _bar(what: str, x: float, number: int, most: int) -> Bar:
    """A bar; at least two units high unless its number is 0, so that one gap is visible."""
    height = max(2.0, number / most * (CHART_HEIGHT - MARGIN_TOP - MARGIN_BOTTOM)) if number else 0.0
    return Bar(
        what=what,
        x=round(x, 1),
        y=round(CHART_HEIGHT - MARGIN_BOTTOM - height, 1),
        height=round(height, 1),
        number=number,
    )
