"""Print the table of training/quadrature/genz_keister.py, from exact moments and 80 digits.

Needs mpmath. With P the polynomial of the nodes so far, the next rule adds the p zeros of the
monic even polynomial E for which P E is orthogonal to all powers below p: a linear system in
rational numbers. Weights solve the even moment equations.

    python tests/golden/make_genz_keister_table.py
"""

from __future__ import annotations

from fractions import Fraction
from math import prod

from mpmath import lu_solve, matrix, mp, mpf, polyroots, re, sqrt

ADDED = (2, 6, 10, 16)
LEFT_OUT = {7: (9, (3,)), 17: (19, (6,))}
"""Rules that leave nodes out of a larger one, by index among its nodes x >= 0."""


def moment(power: int) -> int:
    """E Z^power."""
    return 0 if power % 2 else prod(range(1, power, 2))


def extension(nodal: list[Fraction], added: int) -> list[Fraction]:
    """Coefficients of E, lowest first, for an odd nodal polynomial."""
    powers, tests = range(0, added, 2), range(1, added, 2)

    def projected(power: int, test: int) -> Fraction:
        return sum((c * moment(i + power + test) for i, c in enumerate(nodal)), Fraction(0))

    rows = [[projected(u, k) for u in powers] + [-projected(added, k)] for k in tests]
    size = len(rows)
    for i in range(size):
        pivot = next(r for r in range(i, size) if rows[r][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [a / rows[i][i] for a in rows[i]]
        for r in range(size):
            if r != i:
                rows[r] = [a - rows[r][i] * b for a, b in zip(rows[r], rows[i], strict=True)]
    coefficients = [Fraction(0)] * added + [Fraction(1)]
    for power, row in zip(powers, rows, strict=True):
        coefficients[power] = row[-1]
    return coefficients


def weights(half: list) -> list:
    """Weights of a symmetric rule from its nodes x >= 0, 0 first."""
    size = len(half)
    system, right = matrix(size, size), matrix(size, 1)
    for r in range(size):
        right[r] = mpf(moment(2 * r))
        for c, x in enumerate(half):
            system[r, c] = (1 if c == 0 else 2) * (x ** (2 * r) if r else 1)
    return list(lu_solve(system, right))


def degree(half: list, weight: list) -> int:
    """The highest degree up to which the rule is exact."""
    power = 0
    while True:
        power += 2
        total = 2 * sum(w * x**power for x, w in zip(half, weight, strict=True))
        if abs(total - moment(power)) > mpf(10) ** -30 * moment(power):
            return power - 1


def main() -> None:
    mp.dps = 80
    rules, nodal, half = {1: [mpf(0)]}, [Fraction(0), Fraction(1)], [mpf(0)]
    for added in ADDED:
        factor = extension(nodal, added)
        squares = [mpf(c.numerator) / c.denominator for c in factor[::2]]
        roots = polyroots(squares[::-1], maxsteps=2000, extraprec=2000)
        half = sorted([*half, *(sqrt(re(root)) for root in roots)])
        longer = [Fraction(0)] * (len(nodal) + added)
        for i, a in enumerate(nodal):
            for j, b in enumerate(factor):
                longer[i + j] += a * b
        nodal = longer
        rules[2 * len(half) - 1] = half
    for n, (larger, dropped) in LEFT_OUT.items():
        rules[n] = [x for i, x in enumerate(rules[larger]) if i not in dropped]
    for n, nodes in sorted(rules.items()):
        weight = weights(nodes)
        print(f"    {n}: (\n        {degree(nodes, weight)},\n        (")
        for x, w in zip(nodes, weight, strict=True):
            print(f"            ({float(x)!r}, {float(w)!r}),")
        print("        ),\n    ),")


if __name__ == "__main__":
    main()
