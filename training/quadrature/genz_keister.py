"""Nested rules for the standard normal weight: Genz-Keister and Kronrod-Patterson families.

Starting from the 3-node Gauss rule, each rule adds the nodes that raise the degree most while
keeping all nodes of the one before: 1, 3, 9, 19, 35 nodes of degree 1, 5, 15, 29, 51 [genz1996].
The rules of 7 and 17 nodes leave out part of the next one and still reach the degree they are
needed for, as the Kronrod-Patterson sequence of [heiss2008] does.

The numbers are the 80-digit solution of the moment equations rounded to double precision
(``tests/golden/make_genz_keister_table.py``). A node has the same bits in every rule it belongs to,
which is what nesting relies on.
"""

from __future__ import annotations

from photonzero.training.errors import ArgumentError
from photonzero.training.quadrature.one_dim import HalfRule

_TABLE: dict[int, tuple[int, tuple[tuple[float, float], ...]]] = {
    1: (
        1,
        ((0.0, 1.0),),
    ),
    3: (
        5,
        (
            (0.0, 0.6666666666666666),
            (1.7320508075688772, 0.16666666666666666),
        ),
    ),
    7: (
        7,
        (
            (0.0, 0.45874486825749183),
            (0.7410953499945409, 0.13137860698313567),
            (1.7320508075688772, 0.13855327472974927),
            (4.184956017672732, 0.0006956841583691405),
        ),
    ),
    9: (
        15,
        (
            (0.0, 0.25396825396825395),
            (0.7410953499945409, 0.27007432957793787),
            (1.7320508075688772, 0.0948509485094851),
            (2.861279576057058, 0.007996325470893533),
            (4.184956017672732, 9.426945755651748e-05),
        ),
    ),
    17: (
        17,
        (
            (0.0, 0.2669222303350528),
            (0.7410953499945409, 0.25456123204171227),
            (1.230423634027306, 0.01419265482644936),
            (1.7320508075688772, 0.08868100215202805),
            (2.5960831150492023, 0.001965677093877749),
            (2.861279576057058, 0.00703348023782791),
            (4.184956017672732, 0.00010563783615416955),
            (5.187016039913656, -8.204920754150917e-07),
            (6.36339449433637, 2.1136499505424237e-08),
        ),
    ),
    19: (
        29,
        (
            (0.0, 0.3034671998542059),
            (0.7410953499945409, 0.20832499164960888),
            (1.230423634027306, 0.061151730125247675),
            (1.7320508075688772, 0.06409605468680758),
            (2.5960831150492023, 0.018085234254798452),
            (2.861279576057058, -0.0063372247933737354),
            (3.2053337944991944, 0.002884880436506751),
            (4.184956017672732, 6.012336945984782e-05),
            (5.187016039913656, 6.094808731468983e-07),
            (6.36339449433637, 8.629684602229886e-10),
        ),
    ),
    35: (
        51,
        (
            (0.0, 0.0005148945080687843),
            (0.2489922975799606, 0.19176011588804442),
            (0.7410953499945409, 0.148070831155216),
            (1.230423634027306, 0.09236472671698631),
            (1.7320508075688772, 0.045273685465150516),
            (2.2336260616769414, 0.01567347375185115),
            (2.5960831150492023, 0.003155446269187564),
            (2.861279576057058, 0.00231134524035221),
            (3.2053337944991944, 0.0008189539275022649),
            (3.6353185190372783, 0.0002752421411678516),
            (4.184956017672732, 3.57293481989751e-05),
            (4.736433085952297, 2.734220680118783e-06),
            (5.187016039913656, 2.4676421345798077e-07),
            (5.69817776848811, 2.1394194479561105e-08),
            (6.36339449433637, 4.6011760348656186e-10),
            (7.122106700804617, 3.097222357606316e-12),
            (7.980771798590561, 5.45004126506369e-15),
            (9.016939789890303, 1.0541326582333341e-18),
        ),
    ),
}
"""By number of nodes: degree, and (node, weight) of the half x >= 0."""

_RULES = {
    n: HalfRule(tuple(x for x, _ in pairs), tuple(w for _, w in pairs), degree)
    for n, (degree, pairs) in _TABLE.items()
}
_FULL_STEPS = (1, 3, 9, 19, 35)


def genz_keister(level: int) -> HalfRule:
    """The rule of 1, 3, 9, 19, 35 nodes for levels 1 to 5.

    Raises:
        ArgumentError: a level above 5.
    """
    if level > len(_FULL_STEPS):
        raise ArgumentError(f"level: {level}; allowed for genz-keister: 1..{len(_FULL_STEPS)}")
    return _RULES[_FULL_STEPS[level - 1]]


def kronrod_patterson(level: int) -> HalfRule:
    """The smallest of the nested rules that is exact up to degree ``2 level - 1``, levels 1 to 26.

    A sparse grid of total degree ``2 L - 1`` needs no more of its one-dimensional rules, and where
    a level repeats the rule of the one before it adds no node at all. The rules of 31 and 33 nodes are not
    among these, so from level 16 on smaller ones exist.

    Raises:
        ArgumentError: a level above 26.
    """
    for rule in _RULES.values():
        if rule.degree >= 2 * level - 1:
            return rule
    last = (max(rule.degree for rule in _RULES.values()) + 1) // 2
    raise ArgumentError(f"level: {level}; allowed for kronrod-patterson: 1..{last}")
