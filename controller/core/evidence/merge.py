"""
Several measures, one decision, and whose fault it is.

The weighted mean of e-values is an e-value under any dependence between them. Closed testing: a measure is guilty when
every group of measures that contains it is proven worse; then it is named falsely with probability <= alpha, however
many measures there are. Source: Vovk & Wang 2021, "E-values: calibration, combination and applications", section 5.
"""

from collections.abc import Sequence


def merged(values: Sequence[float], shares: Sequence[float]) -> float:
    """Return the mean of e-values, weighted by shares that sum to 1."""
    return sum(share * value for share, value in zip(shares, values, strict=True))


def guilty(values: Sequence[float], shares: Sequence[float], threshold: float) -> tuple[int, ...]:
    """
    Return the places of the measures that every group's weighted mean condemns, in their order.

    Of all groups that contain one measure, the weakest adds exactly those that lie below the mean so far, lowest first;
    so one walk per measure stands for all 2^m groups.
    """
    return tuple(place for place in range(len(values)) if _weakest(values, shares, place) >= threshold)


def _weakest(values: Sequence[float], shares: Sequence[float], place: int) -> float:
    weight, total = shares[place], shares[place] * values[place]
    for value, share in sorted((values[other], shares[other]) for other in range(len(values)) if other != place):
        if value * weight >= total:
            break
        weight, total = weight + share, total + share * value
    return total / weight
